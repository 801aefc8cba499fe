"""`groundwork references ENV`: where settings stand that are not in the environment's file, and their values now."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local.cli import Format, Output, plain_errors

if TYPE_CHECKING:
    from operations.references.report import Report

LONGEST = 60
"""Characters of a value that a table shows; -o json has it whole."""


def references(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    output: Output = Format.text,
) -> None:
    """Look up the settings that stand elsewhere: in a CloudFormation export, a Terraform state or another stack.

    It reads alone, with the environment's profile and backend, what `up` would read, and checks the settings that come
    of it. Secrets are refused and not shown.

    Exit codes: 0 each leads to a value that its setting takes, or there is none; 1 one does not.
    """
    with plain_errors(f"groundwork references {environment}"):
        valid = run(environment, output)
    raise typer.Exit(0 if valid else 1)


def run(name: str, output: Format) -> bool:
    """The command's work; whether the settings are valid. Raises LocalStackError."""
    # Imported here: the other commands need not wait for botocore.
    from local.progress import Progress
    from operations.environments import environment
    from operations.references.report import look_up
    from operations.references.sources import environment_sources

    operated = environment(name)
    progress = Progress(sys.stderr)
    with progress.step(f"what Pulumi.{name}.yaml takes from elsewhere") as step:
        found = look_up(operated, environment_sources(operated))
        lost = sum(bool(each.problem) for each in found.followed)
        step.done(f"{len(found.followed)} looked up" + (f", {lost} lead nowhere" if lost else ""))
    print(as_text(name, found) if output is Format.text else json.dumps(as_document(name, found), indent=2))
    return not found.problems


def as_text(name: str, found: Report) -> str:
    """A line a reference, and below what `up` would refuse."""
    if not found.followed:
        lines = [f"Every setting of {name} stands in Pulumi.{name}.yaml."]
    else:
        rows = [(each.setting, "–" if each.problem else _short(each.value), each.reference) for each in found.followed]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{setting:<{widths[0]}}  {value:<{widths[1]}}  {reference}" for setting, value, reference in rows]
    if found.problems:
        count = "1 setting is" if len(found.problems) == 1 else f"{len(found.problems)} settings are"
        lines += ["", f"{count} not valid:", *(f"  {line}" for line in found.problems)]
    return "\n".join(lines)


def as_document(name: str, found: Report) -> dict[str, Any]:
    """The same for a program: `value` is null where `problem` says why."""
    followed = [
        {"setting": each.setting, "reference": each.reference, "value": each.value, "problem": each.problem or None}
        for each in found.followed
    ]
    return {"environment": name, "references": followed, "problems": list(found.problems)}


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
