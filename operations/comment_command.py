"""`groundwork comment`: a report as the one comment of its kind on a pull request."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError

if TYPE_CHECKING:
    from operations.comment.conversation import Conversation
    from operations.comment.place import Place


class Forge(StrEnum):
    """Where the pull request is."""

    github = "github"
    gitlab = "gitlab"


def comment(
    reports: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="A text in Markdown (- is stdin); or JSON reports of preview and rehearse, for one comment.",
            allow_dash=True,
        ),
    ],
    key: Annotated[str, typer.Option(help="One comment for each key: lower-case letters, digits, -.")] = "preview",
    forge: Annotated[Forge | None, typer.Option(help="github or gitlab; a job of theirs knows.")] = None,
    repository: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="The repository; GitLab's job knows its project's id.")
    ] = None,
    number: Annotated[int | None, typer.Option(metavar="N", min=1, help="The pull or merge request.")] = None,
    run: Annotated[
        str | None, typer.Option(metavar="N", help="Grows from run to run (12.1): an older run's text never wins.")
    ] = None,
    output: Output = Format.text,
) -> None:
    """Post a report on a pull request, or bring the comment that is there up to date.

    Reports in JSON are written as Markdown here, so that all of them fit into the one comment; of several, one that is
    not there is said to be missing.

    One comment for each key, however often and however parallel it is run. The token is GITHUB_TOKEN or GITLAB_TOKEN;
    only comments of its own user are touched.

    Exit codes: 0 it is there (or a newer run's is); 1 it could not be posted, the report's file stays as it is; 2 the
    command is wrong.
    """
    from operations.comment.marker import KEY, RUN, Marker
    from operations.comment.place import place
    from operations.comment.post import post

    if not KEY.fullmatch(key):
        raise typer.BadParameter(f"{key!r}: lower-case letters, digits and -, at most 63.", param_hint="--key")
    if run is not None and not RUN.fullmatch(run):
        raise typer.BadParameter(f"{run!r}: numbers with dots between them.", param_hint="--run")
    with plain_errors("groundwork comment"):
        where = place(os.environ, forge=forge, repository=repository, number=number, run=run)
        text = _text(reports, where.forge)
        try:
            posted = post(_conversation(where), Marker(key, where.run), text)
        except LocalStackError as error:
            kept = "" if str(reports[0]) == "-" else f"The report itself is in {' and '.join(map(str, reports))}. "
            raise LocalStackError(error.message, hint=f"{kept}{error.hint}".strip()) from error
    if output is Format.json:
        print(json.dumps({"action": posted.action, "url": posted.url, "key": key}))
    else:
        print(f"{posted.action}: {posted.url}")


def _conversation(where: Place) -> Conversation:
    from operations.comment.github_pull_request import GitHubPullRequest
    from operations.comment.gitlab_merge_request import GitLabMergeRequest
    from operations.comment.place import GITHUB

    if where.forge == GITHUB:
        return GitHubPullRequest(api=where.server, token=where.token, repository=where.repository, number=where.number)
    return GitLabMergeRequest(server=where.server, token=where.token, project=where.repository, number=where.number)


def _text(reports: list[Path], forge: str) -> str:
    if all(report.suffix == ".json" for report in reports):
        from operations.comment.reports import joined
        from operations.review.markdown import LIMITS

        return joined(reports, LIMITS[forge])
    if len(reports) > 1:
        raise LocalStackError("Of several reports each must be JSON: Markdown cannot be cut to fit.")
    (report,) = reports
    try:
        text = sys.stdin.read() if str(report) == "-" else report.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalStackError(
            f"{report} cannot be read: {error.strerror}.", hint="`groundwork preview ENV -o markdown` writes a report."
        ) from error
    except UnicodeDecodeError as error:
        raise LocalStackError(f"{report} is not UTF-8 text.") from error
    if not text.strip():
        raise LocalStackError(f"{report} is empty: nothing is posted.")
    return text
