"""`groundwork adopt ENV KIND…`: what exists already, and the program would make, becomes the stack's."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local.cli import Format, Output, plain_errors
from operations.engine_steps import name_of, type_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.adoption.survey import Adoptable, Survey
    from operations.engine_run import StackEngine

USAGE, LEFT_OUT = 2, 3
IMPORT_OPTIONS = ("--generate-code=false",)
"""The program is there already: nothing needs to be written for it."""


def adopt(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND…]", help="bucket, repository, role, log-group; all by default.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Where the import file goes; .groundwork/adopt/ENV.json.")
    ] = None,
    take: Annotated[bool, typer.Option("--import", help="Import it, after showing it and asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.text,
) -> None:
    """Find what `up` would make and AWS has already, by its name, and write the file that `pulumi import` takes.

    It changes nothing without --import, and then only the stack's state. What an import would end in a replacement of
    is left out, with the reason.

    Exit codes: 0 all that is there can be adopted, or was, or nothing is there; 3 something had to be left out;
    2 a mistyped kind or option; 1 it failed.
    """
    from operations.adoption.kinds import KINDS

    chosen = kinds or list(KINDS)
    if unknown := [kind for kind in chosen if kind not in KINDS]:
        print(f"{', '.join(unknown)}: allowed are {', '.join(KINDS)}.", file=sys.stderr)
        raise typer.Exit(USAGE)
    if take and not yes and not sys.stdin.isatty():
        print(f"There is no terminal to ask on: groundwork adopt {environment} --import -y", file=sys.stderr)
        raise typer.Exit(USAGE)
    with plain_errors(f"groundwork adopt {environment}"):
        status = run(environment, chosen, file, take=take, yes=yes, output=output)
    raise typer.Exit(status)


def run(name: str, kinds: Sequence[str], file: Path | None, *, take: bool, yes: bool, output: Format) -> int:
    """The command's work; gives its exit code. Raises LocalStackError."""
    # Imported here: the other commands need not wait for botocore.
    from local.progress import Progress
    from operations.adoption.survey import survey
    from operations.engine_run import stack_engine
    from operations.environments import boto_session, environment
    from operations.leftovers.scan import clients_of

    operated = environment(name)
    engine, progress = stack_engine(operated), Progress(sys.stderr)
    clients = clients_of(boto_session(operated))
    with progress.step(f"pulumi preview --stack {name}, and what AWS has of it") as step:
        found = survey(engine, clients, name, kinds, step.now)
        step.done(f"{found.makes} would be made, {len(found.adopted)} are there")
    place = file or operated.checkout / ".groundwork" / "adopt" / f"{name}.json"
    if found.document:
        _write(place, found.document)
    text = output is Format.text
    if text or take:
        print(as_text(name, found, place), file=sys.stdout if text else sys.stderr)
    imported = False
    if take and found.document:
        imported = _import(engine, place, found, yes=yes)
    elif text and found.document:
        print(f"\n{next_steps(name, place)}")
    if not text:
        print(json.dumps(as_document(name, found, place, imported=imported), indent=2))
    return LEFT_OUT if found.left_out else 0


def _write(place: Path, document: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # It may hold a provider's settings, encrypted where the engine says that they are secret.
    place.touch(mode=0o600)
    place.write_text(json.dumps(document, indent=2) + "\n")


def _import(engine: StackEngine, place: Path, found: Survey, *, yes: bool) -> bool:
    """Imports it and looks at what `up` would then do. Raises LocalStackError where something would end."""
    from local.errors import LocalStackError
    from operations.adoption.after import replaced

    many = len(found.adopted)
    if not yes and not typer.confirm(f"Take {many} resources into the state? AWS is not changed.", err=True):
        print("Nothing was changed.", file=sys.stderr)
        return False
    engine.show("import", "--file", str(place.resolve()), *IMPORT_OPTIONS)
    if ends := replaced(engine, [each.planned for each in found.adopted]):
        told = "\n".join(f"    {name_of(urn)} ({type_of(urn)})" for urn in ends)
        raise LocalStackError(
            f"The next `up` would replace what was adopted:\n{told}",
            hint="They are protected. Make the settings fit, or give them back: `pulumi state delete --force URN`.",
        )
    print(f"Imported. `make preview ENV={engine.stack}` shows what `up` changes about it.", file=sys.stderr)
    return True


def as_text(name: str, found: Survey, place: Path) -> str:
    """For people: each thing with what belongs to it, and what was left out with the reason."""
    if not found.adopted and not found.left_out:
        return f"{name}: none of the {found.makes} resources that `up` would make is there already."
    lines = [f"{name}: {len(found.adopted)} of the {found.makes} resources that `up` would make are there already."]
    for (kind, physical), parts in _by_thing(found.adopted).items():
        settings = sorted(_word(each.planned.row.type) for each in parts if each.planned.row.belongs)
        lines.append(f"  = {kind:<10}  {physical}" + (f": with {', '.join(settings)}" if settings else ""))
        lines += [
            f"      {each.note}: take it out of there, with DeletionPolicy: Retain" for each in parts if each.note
        ]
    if found.left_out:
        lines.append("Left out:")
        lines += [
            f"  ! {each.planned.row.kind:<10}  {each.planned.thing[1]}: {each.why_not}" for each in found.left_out
        ]
    if found.document:
        lines.append(f"Written: {place}")
    return "\n".join(lines)


def next_steps(name: str, place: Path) -> str:
    """The two ways on."""
    command = f"pulumi import --stack {name} --file {place} {' '.join(IMPORT_OPTIONS)}"
    return f'Next: groundwork adopt {name} --import\n  or: eval "$(groundwork stack env {name})"; {command}'


def as_document(name: str, found: Survey, place: Path, *, imported: bool) -> dict[str, Any]:
    """For programs."""

    def one(each: Adoptable) -> dict[str, str]:
        planned = each.planned
        told = {"kind": planned.row.kind, "type": planned.row.type, "name": planned.name, "id": planned.id}
        return told | {key: value for key, value in (("whyNot", each.why_not), ("note", each.note)) if value}

    return {
        "environment": name,
        "makes": found.makes,
        "adopted": [one(each) for each in found.adopted],
        "leftOut": [one(each) for each in found.left_out],
        "file": str(place) if found.document else None,
        "imported": imported,
    }


def _by_thing(found: Sequence[Adoptable]) -> dict[tuple[str, str], list[Adoptable]]:
    things: defaultdict[tuple[str, str], list[Adoptable]] = defaultdict(list)
    for each in found:
        things[each.planned.thing].append(each)
    return dict(sorted(things.items()))


def _word(type_: str) -> str:
    return type_.rpartition(":")[2].removeprefix("Bucket")
