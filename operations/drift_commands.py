"""`groundwork drift ENV`: what changed behind the program's back, by whom, and either way out of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from local.cli import Format, Output, plain_errors

if TYPE_CHECKING:
    from operations.authors import Author, History
    from operations.drift import Drift
    from operations.engine_run import StackEngine
    from operations.environments import OperatedEnvironment

FAILED, DRIFT = 1, 2
USAGE = 2
"""With which every other command ends after a mistyped option."""


class DriftCommand(TyperCommand):
    """Ends with 1 for a mistyped option, so that no pipeline takes a slip for drift."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().make_context(*arguments, **options)
        except Exception as error:
            if getattr(error, "exit_code", None) == USAGE:
                setattr(error, "exit_code", FAILED)  # noqa: B010 - typer's own class of the error is private
            raise


def drift(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what is there into the state, after showing it and asking.")
    ] = False,
    revert: Annotated[
        bool, typer.Option("--revert", help="Put the program's values back, after showing it and asking.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; a revert that deletes or replaces asks still.")
    ] = False,
    output: Output = Format.text,
) -> None:
    """Show what changed behind the program's back, property by property, and who did it where CloudTrail tells.

    It reads alone: neither the state nor the platform changes without --accept or --revert.

    Exit codes: 0 nothing differs, or it was accepted or reverted; 2 there is drift; 1 it could not be told.
    """
    if accept and revert:
        print("Either --accept or --revert: one takes the change, the other takes it back.", file=sys.stderr)
        raise typer.Exit(FAILED)
    if (accept or revert) and not yes and not sys.stdin.isatty():
        print("There is no terminal to ask on: add -y, or run it in one.", file=sys.stderr)
        raise typer.Exit(FAILED)
    with plain_errors(f"groundwork drift {environment}"):
        status = run(environment, "accept" if accept else "revert" if revert else "", yes, output)
    raise typer.Exit(status)


def run(name: str, action: str, yes: bool, output: Format) -> int:
    """The command's work; gives its exit code. action: `accept`, `revert` or nothing. Raises LocalStackError."""
    # Imported here: the other commands need not wait for botocore.
    from local.progress import Progress
    from operations import drift as drifts
    from operations.drift_report import as_json, as_text, next_steps
    from operations.engine_run import stack_engine
    from operations.environments import environment

    operated = environment(name)
    engine, progress = stack_engine(operated), Progress(sys.stderr)
    with progress.step(f"pulumi refresh --preview-only --stack {name}") as step:
        found = drifts.find(engine, step.now)
        step.done(f"{found.looked_at} resources compared, {len(found.resources)} differ")
    authors: dict[str, list[Author]] = {}
    notes = [*found.warnings]
    if found.resources:
        with progress.step("CloudTrail: who it was") as step:
            authors, missing = ask_history(found, operated, history_of(operated))
            notes += missing
            step.done(f"{sum(map(bool, authors.values()))} of {len(found.resources)} known")
    text = output is Format.text
    outcome = "drift" if found.resources else "none"
    if text or action:
        # Whoever is asked sees first what it is about.
        print(as_text(name, found, authors, notes), file=sys.stdout if text else sys.stderr)
    if found.resources and action:
        outcome = act(engine, action, found, yes) or outcome
    elif found.resources and text:
        print(f"\n{next_steps(name)}")
    if not text:
        print(as_json(name, outcome, found, authors, notes))
    return DRIFT if outcome == "drift" else 0


def history_of(environment: OperatedEnvironment) -> History:
    """The event history of the environment's account."""
    from botocore.config import Config

    from operations.authors import History
    from operations.environments import boto_session

    session = boto_session(environment)
    config = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})
    return History(client=lambda region: session.client("cloudtrail", region_name=region, config=config))


def ask_history(
    found: Drift, environment: OperatedEnvironment, history: History
) -> tuple[dict[str, list[Author]], list[str]]:
    """Who wrote each drifted resource, by URN, and what kept that from being told."""
    from operations.authors import HistoryError, subject_of

    authors: dict[str, list[Author]] = {}
    try:
        for each in found.resources:
            subject = subject_of(each.type, each.id, each.outputs, environment.region, each.written)
            if subject is not None:
                authors[each.urn] = history.writers(subject)
    except HistoryError as error:
        return authors, [str(error)]
    late = any(not known for known in authors.values())
    return authors, ["An event takes minutes to appear in CloudTrail's history."] if late else []


def act(engine: StackEngine, action: str, found: Drift, yes: bool) -> str:
    """Accepts or reverts; what came of it, or nothing when somebody said no."""
    from local.progress import Progress
    from operations import drift as drifts
    from operations.drift_report import plan_text

    resources = found.resources
    if action == "accept":
        if not (yes or _confirmed("Take this into the state? The next `up` puts back what the settings still say.")):
            return ""
        drifts.accept(engine, resources)
        return "accepted"
    with Progress(sys.stderr).step(f"pulumi preview --refresh --stack {engine.stack}, of these resources") as step:
        steps = drifts.plan_revert(engine, resources)
        step.done(f"{len(steps)} to do")
    if not steps:
        print("The program says what is there by now: --accept makes the state say so too.", file=sys.stderr)
        return ""
    print(f"\n{plan_text(steps)}", file=sys.stderr)
    ends = [step for step in steps if step.ends]
    question = "Go on?"
    if ends:
        question = f"{len(ends)} of them would be deleted or replaced, with what they hold. Go on?"
        if not sys.stdin.isatty():
            print("That ends something that is there: -y is not enough, run it in a terminal.", file=sys.stderr)
            return ""
    if not ((yes and not ends) or _confirmed(question)):
        return ""
    drifts.revert(engine, resources)
    return "reverted"


def _confirmed(question: str) -> bool:
    return typer.confirm(question, err=True)
