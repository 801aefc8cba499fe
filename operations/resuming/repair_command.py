"""`groundwork stack repair ENV`: a state whose file is damaged, or that does not know of everything that AWS has."""

import json
import sys

import typer

from local.cli import Format, plain_errors
from operations.engine_steps import name_of

USAGE = 2


def repair(name: str, *, yes: bool, output: Format) -> None:
    """Runs the command; shows on stderr, asks, and prints what was done."""
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.environments import environment
    from operations.resuming import repair as repairing
    from operations.resuming.resume import make_ready

    if not yes and not sys.stdin.isatty():
        print(f"There is no terminal to ask on: groundwork stack repair {name} -y", file=sys.stderr)
        raise typer.Exit(USAGE)
    with plain_errors(f"groundwork stack repair {name}"):
        progress = Progress(sys.stderr)
        env = environment(name)
        engine = stack_engine(env)
        copy, kept = None, ""
        if damage := repairing.damage(env):
            copy = repairing.copy_of(env)
            progress.say(f"The state of {name} cannot be read: {damage}")
            progress.say(f"The newest whole copy: {copy.resources} resources, of {copy.taken:%Y-%m-%d %H:%M:%S}")
            progress.say(f"  {copy.where}")
            if not yes and not typer.confirm("Bring it back? The damaged file is kept", err=True):
                print("Nothing was changed.", file=sys.stderr)
                raise typer.Exit(1)
            kept = repairing.restore(env, copy)
        settled = make_ready(env, engine, progress)
        adopted = [*settled.adopted, *repairing.adopt_what_is_there(env, engine, progress)]
    if output is Format.json:
        told = {"environment": name, "restored": copy.where if copy else None, "damaged": kept or None}
        print(json.dumps({**told, "adopted": adopted}, indent=2))
        return
    print(f"The state of {name} could be read." if copy is None else f"Brought back: {copy.where}; damaged: {kept}")
    print(f"Adopted: {len(adopted)}" + "".join(f"\n  {name_of(urn)}" for urn in adopted))
    print(f"Next: make up ENV={name}")
