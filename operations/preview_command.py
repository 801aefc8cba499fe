"""`groundwork preview ENV…`: what a change would do, lose, cost and break, as one report for whoever reviews it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import plain_errors

if TYPE_CHECKING:
    from operations.review.model import Environment, Report

FAILED, REFUSED, BROKEN, TOO_GRAVE = 1, 3, 4, 5


class Form(StrEnum):
    """How a report is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


class Forge(StrEnum):
    """Whose comment it is to fit into."""

    github = "github"
    gitlab = "gitlab"


class Grave(StrEnum):
    """What a pipeline may stop at; what is graver stops it too."""

    changes = "changes"
    destructive = "destructive"
    loss = "loss"


def preview(
    environments: Annotated[
        list[str] | None, typer.Argument(metavar="ENV…", help="The environments: their settings are Pulumi.<ENV>.yaml.")
    ] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="How the report is printed, on stdout.")] = Form.text,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the comment there as well.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the full report there as a page.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report for programs there.")
    ] = None,
    forge: Annotated[
        Forge, typer.Option("--forge", help="Whose limit the Markdown keeps: 65,536 or 1,000,000 characters.")
    ] = Forge.github,
    drift: Annotated[
        bool,
        typer.Option("--drift/--no-drift", help="Compare with what is there: a refresh that writes nothing."),
    ] = True,
    jobs: Annotated[
        bool, typer.Option("--jobs/--no-jobs", help="Ask SageMaker what runs, where something would go.")
    ] = True,
    policy_pack: Annotated[
        Path | None,
        typer.Option("--policy-pack", metavar="DIR", help="Judge by this pack, such as the base branch's policies/."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Preview without an account: `groundwork stack share` wrote it."),
    ] = None,
    fail_on: Annotated[
        Grave | None, typer.Option("--fail-on", help="Exit with 5 for such a change, or a graver one.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the report, and end.")] = False,
) -> None:
    """Preview a change for whoever reviews it: what it makes, loses, costs and breaks, and whether it is allowed.

    It changes nothing. Secrets and account numbers are left out of all forms. With --state no account, no cluster and
    no backend is asked: the genuine engine compares the program with a shared state, and the report says what that
    cannot show.

    Exit codes: 0 nothing stands in its way; 3 a policy refuses it; 4 the preview failed (the report says why); 5 it is
    as grave as --fail-on says; 1 there is no report.
    """
    if schema:
        print(_schema())
        return
    if not environments:
        print("Name at least one environment: groundwork preview dev", file=sys.stderr)
        raise typer.Exit(2)
    with plain_errors(f"groundwork preview {' '.join(environments)}"):
        if state is None:
            report = run(environments, drift=drift, jobs=jobs, policy_pack=policy_pack)
        else:
            report = run_on_state(environments, state, policy_pack=policy_pack)
        write(report, {Form.markdown: markdown, Form.html: html, Form.json: json_file}, forge)
        print(rendered(report, output, forge))
    raise typer.Exit(exit_code(report, fail_on))


def run(names: list[str], *, drift: bool, jobs: bool, policy_pack: Path | None) -> Report:
    """Previews the environments one after the other. Raises LocalStackError where there can be no report."""
    # Imported here: the other commands need not wait for pydantic, botocore and the price list.
    from operations.environments import environment
    from operations.review.model import report_of

    found = [environment(name) for name in dict.fromkeys(names)]
    return report_of(tuple(_one(each.name, drift=drift, jobs=jobs, policy_pack=policy_pack) for each in found))


def _one(name: str, *, drift: bool, jobs: bool, policy_pack: Path | None) -> Environment:
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.environments import environment
    from operations.review import looking
    from operations.review.building import environment_of

    operated = environment(name)
    engine = looking.with_pack(stack_engine(operated), policy_pack)
    progress = Progress(sys.stderr)
    with progress.step(f"pulumi preview --stack {name}") as step:
        preview = looking.previewed(engine, step.now)
        step.done(f"{len(preview.steps)} resources" + (", failed" if preview.failure else ""))
    found, notes = None, tuple[str, ...]()
    if drift and preview.ended:
        with progress.step(f"pulumi refresh --preview-only --stack {name}") as step:
            found, notes = looking.drifted(engine, step.now)
            step.done(f"{len(found.resources)} of {found.looked_at} differ" if found else "not told")
    usage, more = looking.assumed(engine)
    seen = looking.seen(operated, engine, preview, drift=found, look_at_jobs=jobs, notes=(*notes, *more), usage=usage)
    return environment_of(seen, looking.redactor(engine))


def run_on_state(names: list[str], file: Path, *, policy_pack: Path | None) -> Report:
    """Previews an environment against its shared state. Raises LocalStackError where there can be no report."""
    from local.errors import LocalStackError
    from local.progress import Progress
    from operations.environments import environment
    from operations.review import looking
    from operations.review.building import environment_of
    from operations.review.model import report_of
    from operations.sharing import model, withheld
    from operations.sharing.importing import imported

    if len(set(names)) > 1:
        raise LocalStackError("A shared state is of one environment.", hint="Run the command once for each.")
    operated, shared = environment(names[0]), model.read(file)
    with imported(operated, shared) as (engine, secret_settings):
        engine = looking.with_pack(engine, policy_pack)
        with Progress(sys.stderr).step(f"pulumi preview of {operated.name} against {file.name}") as step:
            preview = looking.previewed(engine, step.now)
            step.done(f"{len(preview.steps)} resources" + (", failed" if preview.failure else ""))
        told = withheld.notes(shared, withheld.settle(preview), secret_settings=secret_settings)
        usage, more = looking.assumed(engine)
        seen = looking.seen(operated, engine, preview, look_at_jobs=False, notes=(*told, *more), usage=usage)
        return report_of((environment_of(seen, looking.redactor(engine)),))


def rendered(report: Report, form: Form, forge: Forge) -> str:
    """The report in one of its forms."""
    from operations.review.document import document_of
    from operations.review.markdown import LIMITS, as_markdown
    from operations.review.page import as_html
    from operations.review.terminal import as_text

    match form:
        case Form.json:
            return report.model_dump_json(indent=2)
        case Form.markdown:
            return as_markdown(document_of(report), LIMITS[forge.value])
        case Form.html:
            return as_html(document_of(report))
        case Form.text:
            return as_text(document_of(report))


def write(report: Report, files: dict[Form, Path | None], forge: Forge) -> None:
    """Writes the forms that files are named for. Raises LocalStackError."""
    from local.errors import LocalStackError

    for form, file in files.items():
        if file is None:
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rendered(report, form, forge), encoding="utf-8")
        except OSError as error:
            raise LocalStackError(f"The report could not be written to {file}: {error.strerror}.") from None


def exit_code(report: Report, fail_on: Grave | None) -> int:
    """What the command ends with."""
    from operations.review.model import Verdict

    if any(each.verdict is Verdict.failed for each in report.environments):
        return BROKEN
    if any(each.verdict is Verdict.refused for each in report.environments):
        return REFUSED
    return TOO_GRAVE if fail_on and report.verdict.gravity >= Verdict(fail_on.value).gravity else 0


def _schema() -> str:
    import json

    from operations.review.model import Report

    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2)
