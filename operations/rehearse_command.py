"""`groundwork rehearse`: a change is carried out on a local stack of its own before it is merged."""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import INTERRUPTED, plain_errors

if TYPE_CHECKING:
    from operations.rehearsal.model import Rehearsal

FAILED, FOUND = 1, 3


class Form(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


def rehearse(
    base: Annotated[
        str | None, typer.Option(metavar="REF", help="What is there before: where the main branch was left.")
    ] = None,
    head: Annotated[str | None, typer.Option(metavar="REF", help="The change: this working tree.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="How the result is printed, on stdout.")] = Form.text,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result for programs there.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the comment there as well.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up at the end, and say where it is.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the result, and end.")] = False,
) -> None:
    """Carry a change out before it is merged: base, its jobs and an endpoint under load, the change, back, forward.

    All of it happens on a fresh local stack in a folder of its own. Looked for: what is deleted or replaced, an
    endpoint that does not answer, a job that ends, a second preview that is not empty, a contract that the base's ml
    cannot read, a smoke job that fails, a way back that does not work, and what a teardown leaves.

    Exit codes: 0 all well; 3 it found something that speaks against the change; 1 it could not be carried out.
    """
    if schema:
        print(_schema())
        return
    with plain_errors("groundwork rehearse"):
        result = run(base, head, keep=keep)
        write(result, {Form.json: json_file, Form.markdown: markdown})
        print(rendered(result, output))
    raise typer.Exit(exit_code(result))


def run(base: str | None, head: str | None, *, keep: bool) -> Rehearsal:
    """Rehearses, and cleans up whatever happens. Raises LocalStackError; typer.Exit when it is interrupted."""
    # Imported here: the other commands need not wait for botocore, pydantic and the engine's events.
    from local.paths import this_checkout
    from local.progress import Progress
    from local.up import interrupt_on_hangup
    from operations.rehearsal import sources
    from operations.rehearsal.rehearse import Rehearsing
    from operations.rehearsal.report import presentable
    from operations.review.redaction import Redactor, secrets_of

    repository = this_checkout().checkout
    before = sources.source(repository, base) if base else sources.default_base(repository)
    after = sources.source(repository, head) if head else sources.working_tree(repository)
    progress = Progress(sys.stderr)
    progress.say(f"Base: {before.shown}\nChange: {after.shown}")
    logs = repository / ".groundwork" / "rehearsal"
    interrupt_on_hangup()
    rehearsing = Rehearsing(repository, before, after, progress, keep=keep)
    try:
        result = rehearsing.run()
    except KeyboardInterrupt:
        rehearsing.keep = False
        progress.say("\nInterrupted: stopping and removing what it had made.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        # A second Ctrl-C must not leave services behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        rehearsing.clean_up(logs)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt_on_hangup()
    if result.kept:
        where = f"{result.kept}/change"
        progress.say(f"Kept: {where}. `cd {where} && .venv/bin/python -m local stop` ends its services.")
    else:
        progress.say(f"Logs: {logs}")
    return presentable(result, Redactor(secrets_of(os.environ)), rehearsing.root)


def rendered(result: Rehearsal, form: Form) -> str:
    """The result in one of its forms."""
    from operations.rehearsal.report import document_of
    from operations.review.markdown import as_markdown
    from operations.review.terminal import as_text

    match form:
        case Form.json:
            return result.model_dump_json(indent=2)
        case Form.markdown:
            return as_markdown(document_of(result))
        case Form.text:
            return as_text(document_of(result))


def write(result: Rehearsal, files: dict[Form, Path | None]) -> None:
    """Writes the forms that files are named for. Raises LocalStackError."""
    from local.errors import LocalStackError

    for form, file in files.items():
        if file is None:
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rendered(result, form), encoding="utf-8")
        except OSError as error:
            raise LocalStackError(f"The result could not be written to {file}: {error.strerror}.") from None


def _schema() -> str:
    import json

    from operations.rehearsal.model import Rehearsal

    return json.dumps(Rehearsal.model_json_schema(mode="serialization"), indent=2)


def exit_code(result: Rehearsal) -> int:
    """What the command ends with."""
    from operations.rehearsal.model import Verdict

    return {Verdict.well: 0, Verdict.found: FOUND, Verdict.broken: FAILED}[result.verdict]
