"""Which pull request a job is about: what the forge tells its jobs, and what the command line says instead."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from local.errors import LocalStackError

GITHUB, GITLAB = "github", "gitlab"
FORGES = (GITHUB, GITLAB)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A pull request and how to reach it.

    server: the API's address (GitHub) or the server's (GitLab). repository: owner/name; with GitLab the project's id or
    path. run: numbers that grow from run to run, as 12.1.
    """

    forge: str
    server: str
    repository: str
    number: int
    run: str
    token: str = field(repr=False)


def place(
    variables: Mapping[str, str],
    *,
    forge: str | None = None,
    repository: str | None = None,
    number: int | None = None,
    run: str | None = None,
) -> Place:
    """The pull request of a job with these environment variables; what is given goes before them.

    Variables: https://docs.github.com/en/actions/reference/workflows-and-actions/variables and
    https://docs.gitlab.com/ci/variables/predefined_variables/. Raises LocalStackError naming all that is missing.
    """
    forge = forge or _forge(variables)
    told = _github(variables) if forge == GITHUB else _gitlab(variables)
    found = {
        "repository": repository or told["repository"],
        "number": number or told["number"],
        "token": told["token"],
    }
    missing = [_MISSING[forge][name] for name, value in found.items() if not value]
    if missing:
        raise LocalStackError(
            f"Which pull request of {forge} the comment is for cannot be told.", hint=f"Missing: {'; '.join(missing)}."
        )
    return Place(
        forge=forge,
        server=str(told["server"]),
        repository=str(found["repository"]),
        number=int(cast(int, found["number"])),
        run=run or str(told["run"]),
        token=str(found["token"]),
    )


_MISSING = {
    GITHUB: {
        "repository": "--repository OWNER/NAME (a job's GITHUB_REPOSITORY)",
        "number": "--number N (a pull request's job has it in GITHUB_REF or its event)",
        "token": "GITHUB_TOKEN in the environment: env: GITHUB_TOKEN: ${{ github.token }}",
    },
    GITLAB: {
        "repository": "--repository GROUP/NAME (a job's CI_PROJECT_ID)",
        "number": "--number N (a merge request pipeline's CI_MERGE_REQUEST_IID)",
        "token": "GITLAB_TOKEN in the environment: a project access token with the scope `api`",
    },
}


def _forge(variables: Mapping[str, str]) -> str:
    if variables.get("GITHUB_ACTIONS"):
        return GITHUB
    if variables.get("GITLAB_CI"):
        return GITLAB
    raise LocalStackError(
        "This is neither a job of GitHub Actions nor one of GitLab CI.",
        hint="Say where the pull request is: --forge github --repository OWNER/NAME --number N, and GITHUB_TOKEN.",
    )


def _github(variables: Mapping[str, str]) -> dict[str, str | int | None]:
    return {
        "server": variables.get("GITHUB_API_URL") or "https://api.github.com",
        "repository": variables.get("GITHUB_REPOSITORY"),
        "number": _github_number(variables),
        "token": variables.get("GITHUB_TOKEN") or variables.get("GH_TOKEN"),
        "run": f"{variables.get('GITHUB_RUN_NUMBER') or 0}.{variables.get('GITHUB_RUN_ATTEMPT') or 0}",
    }


def _github_number(variables: Mapping[str, str]) -> int | None:
    if found := re.fullmatch(r"refs/pull/(\d+)/(merge|head)", variables.get("GITHUB_REF", "")):
        return int(found[1])
    try:
        event: Any = json.loads(Path(variables.get("GITHUB_EVENT_PATH", "")).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(event, dict):
        return None
    pull_request: dict[str, Any] = cast(dict[str, Any], event).get("pull_request") or {}
    number = pull_request.get("number")
    return number if isinstance(number, int) else None


def _gitlab(variables: Mapping[str, str]) -> dict[str, str | int | None]:
    number = variables.get("CI_MERGE_REQUEST_IID", "")
    return {
        "server": variables.get("CI_SERVER_URL") or "https://gitlab.com",
        "repository": variables.get("CI_PROJECT_ID"),
        "number": int(number) if number.isdecimal() else None,
        "token": variables.get("GITLAB_TOKEN"),
        "run": variables.get("CI_PIPELINE_IID") or "0",
    }
