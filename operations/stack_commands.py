"""`groundwork stack preview|up|down|env ENV`: the engine on one environment; the same words for local, dev and prod."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.paths import Paths
from operations.engine import find_engine, hand_over
from operations.environments import environment, shell_lines

app = typer.Typer(
    help="The Pulumi engine on one environment.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Environment = Annotated[str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")]
Rest = Annotated[list[str] | None, typer.Argument(metavar="[-- PULUMI-OPTION…]", help="Handed on to the engine.")]


@app.command(epilog="Example:  groundwork stack preview dev -- --diff")
def preview(name: Environment, options: Rest = None, output: Output = Format.text) -> None:
    """Show what `up` would change; -o json is the engine's own --json."""
    _engine("preview", name, _for(output, options))


@app.command(epilog="Example:  groundwork stack up dev")
def up(name: Environment, options: Rest = None, output: Output = Format.text) -> None:
    """Bring the environment to what its settings say; -o json is the engine's own --json.

    What an earlier run left unfinished is settled first: a lock whose owner is dead is broken, and what AWS had made
    without the engine's knowledge is found and adopted.

    Exit codes: the engine's; 1 where another holds the stack.
    """
    _engine("up", name, _for(output, options))


@app.command(epilog="Example:  groundwork stack repair dev")
def repair(
    name: Environment,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.text,
) -> None:
    """Mend a state that cannot be read, or that does not know of everything that AWS has.

    Brings back the newest copy that is whole, then looks up at AWS what the program would make, and adopts what is
    there. Nothing at AWS is changed.

    Exit codes: 0 the state is whole, and `up` goes on from it; 1 refused or failed; 2 nobody to ask.
    """
    from operations.resuming.repair_command import repair as mend

    mend(name, yes=yes, output=output)


@app.command(epilog="Example:  groundwork stack share dev report/state-dev.json")
def share(
    name: Environment,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written.")],
    output: Output = Format.text,
) -> None:
    """Write the environment's state without secrets and account numbers, for previews that have no account.

    `groundwork preview ENV --state FILE` takes it. What it still holds are names, addresses and settings of everything
    that the environment consists of: publish it where your people and your contributors may know these.

    Exit codes: 0 written; 1 there is no state, or its account cannot be told.
    """
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.sharing.exporting import shared
    from operations.sharing.model import write

    with plain_errors(f"groundwork stack share {name}"):
        env = environment(name)
        engine = stack_engine(env)
        with Progress(sys.stderr).step(f"State of {name} without secrets") as step:
            found = shared(env, engine)
            write(found, file)
            count = len(found.deployment["resources"])
            step.done(f"{count} resources, {len(found.withheld)} values withheld")
    if output is Format.json:
        print(json.dumps({"file": str(file), "resources": count, "withheld": found.withheld, "taken": found.taken}))


@app.command(epilog="Example:  groundwork stack down dev")
def down(name: Environment, options: Rest = None, output: Output = Format.text) -> None:
    """Destroy the environment; the engine asks first. `groundwork teardown` does more, and is what to use."""
    _engine("destroy", name, _for(output, options))


@app.command(epilog='Example:  eval "$(groundwork stack env dev)"; pulumi stack export --stack dev')
def env(name: Environment) -> None:
    """Print the shell lines that lead pulumi and aws to the environment: its profile, its backend, the engine."""
    with plain_errors(f"groundwork stack env {name}"):
        found = environment(name)
        print(shell_lines(found, [find_engine(Paths(found.checkout)).parent, Path(sys.executable).parent]))


def _for(output: Format, options: list[str] | None) -> list[str]:
    return [*(["--json"] if output is Format.json else []), *(options or [])]


def _engine(command: str, name: str, options: list[str]) -> None:
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.resuming.last_update import last_update_failed
    from operations.resuming.resume import make_ready

    with plain_errors(f"make {command} ENV={name}"):
        env = environment(name)
        engine = stack_engine(env)
        if command != "preview":
            progress = Progress(sys.stderr)
            make_ready(env, engine, progress)
            # An engine that was refused in the middle of a creation takes it for not made, and AWS has it all the same.
            if command == "up" and last_update_failed(engine):
                progress.say(
                    "The last run failed. Where AWS says that something is there already, "
                    f"`groundwork stack repair {name}` finds it and adopts it."
                )
        hand_over(env, command, options, engine.program)
