"""`groundwork leftovers ENV`: what an environment left behind in its account, and its removal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError

if TYPE_CHECKING:
    from local.progress import Progress
    from operations.leftovers.finding import Report
    from operations.leftovers.subject import Subject

USAGE, LEFT = 2, 3


def leftovers(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what is left over, after showing it and asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.text,
) -> None:
    """Show what a destroyed environment left behind: by tag, by name and by VPC, in every service that it touches.

    Three lists: leftovers, what a setting retains, what AWS has scheduled for deletion; each with its cost a month.

    Exit codes: 0 nothing is left over; 3 something is, or a kind could not be looked at; 1 it could not be told.
    """
    if remove and not yes and not sys.stdin.isatty():
        print(f"There is no terminal to ask on: groundwork leftovers {environment} --remove -y", file=sys.stderr)
        raise typer.Exit(USAGE)
    with plain_errors(f"groundwork leftovers {environment}"):
        status = run(environment, remove=remove, yes=yes, output=output)
    raise typer.Exit(status)


def run(name: str, *, remove: bool, yes: bool, output: Format) -> int:
    """The command's work; gives its exit code. Raises LocalStackError."""
    # Imported here: the other commands need not wait for botocore.
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.environments import environment
    from operations.leftovers.subject import subject

    env, progress = environment(name), Progress(sys.stderr)
    found = subject(env, stack_engine(env))
    if remove and found.state:
        raise LocalStackError(
            f"The stack of {name} still holds {len(found.state)} resources: what belongs to them is no leftover.",
            hint=f"`groundwork teardown {name} --remove-leftovers` destroys the stack first.",
        )
    report = look(found, progress)
    if remove and doomed(report):
        show(report, found, output=Format.text, to_stderr=output is Format.json)
        if yes or typer.confirm(f"Remove {doomed(report)} leftovers?", err=True):
            report = removed(found, progress)
    show(report, found, output=output)
    return 0 if report.empty else LEFT


def look(found: Subject, progress: Progress) -> Report:
    """Scans everything, and says how far it is."""
    from operations.leftovers.finding import Fate
    from operations.leftovers.scan import KINDS, scan

    with progress.step(f"Looking for {found.scope.prefix} in {found.scope.account_id}") as step:
        report = scan(found.clients, found.scope, found.retention, tell=step.now)
        step.done(f"{len(KINDS)} kinds of resources, {len(report.of(Fate.LEFTOVER))} left over")
    return report


def removed(found: Subject, progress: Progress) -> Report:
    """Removes what is left over; the last scan."""
    from operations.leftovers.finding import Fate
    from operations.leftovers.removal import remove
    from operations.leftovers.scan import scan

    with progress.step("Removing leftovers") as step:
        report = remove(found.clients, lambda: scan(found.clients, found.scope, found.retention), step.did)
        step.done(f"{len(report.of(Fate.LEFTOVER))} are left")
    return report


def doomed(report: Report) -> int:
    """How many leftovers can be removed."""
    from operations.leftovers.finding import Fate

    return sum(not finding.by_hand for finding in report.of(Fate.LEFTOVER))


def show(report: Report, found: Subject, *, output: Format, to_stderr: bool = False) -> None:
    """Prints the three lists."""
    from operations.leftovers.lists import as_document, as_text

    text = output is Format.text
    shown = as_text(report, found.scope) if text else json.dumps(as_document(report, found.scope), indent=2)
    print(shown, file=sys.stderr if to_stderr else sys.stdout)
