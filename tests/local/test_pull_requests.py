"""Each pull request of the corpus under the genuine engine: its preview says what it must, in every form."""

import json
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from operations.cli import app
from operations.review.markdown import LIMITS, size
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, lead, must, new_project
from tests.local.pull_requests import ACCOUNT, NEWER, PLANTED, PROGRAM, PULL_REQUESTS, SETTINGS, PullRequest

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The base branch's program, up on an AWS server of this file's own."""
    folder = tmp_path_factory.mktemp("pull-requests")
    server = AwsServerProcess(folder)
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                if name.startswith("AWS_"):
                    patch.setenv(name, value)
            patch.setenv("AWS_ENDPOINT_URL", server.url)
            home = folder / "engine-home"
            # A plugin that is missing must be an error here, and not a download.
            made = new_project(home, {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"})
            plugins = home / "home" / "plugins"
            shutil.copytree(plugins / f"resource-aws-v{version('pulumi-aws')}", plugins / f"resource-aws-v{NEWER}")
            made.config(SETTINGS)
            made.write(PROGRAM)
            must(made, "up", "--yes", "--skip-preview")
            operated = SimpleNamespace(name="test", region="us-east-1", account_id="", is_local=True)
            lead(made, operated, patch)
            yield made
    finally:
        server.ensure_stopped()


def program_of(pull_request: PullRequest) -> str:
    program = PROGRAM
    for before, after in pull_request.edits:
        assert program.count(before) == 1, before
        program = program.replace(before, after)
    return program + pull_request.more


def names(changes: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(each["name"] for each in changes)


def cases() -> list[Any]:
    """All of them; those that are not tried often wait for `make test-all`."""
    return [
        pytest.param(each, id=each.name.replace(" ", "-"), marks=[] if each.often else [pytest.mark.full])
        for each in PULL_REQUESTS
    ]


@pytest.mark.parametrize("pull_request", cases())
def test_a_pull_request_is_told_as_what_it_is(pull_request: PullRequest, project: Project, tmp_path: Path):
    project.write(program_of(pull_request))
    comment, page = tmp_path / "comment.md", tmp_path / "report.html"
    done = CliRunner().invoke(
        app,
        [
            *("preview", "test", "-o", "json", "--no-jobs", "--no-drift", "--policy-pack", str(ROOT / "policies")),
            *("--markdown", str(comment), "--html", str(page)),
        ],
    )
    assert done.exit_code == pull_request.status, done.output
    (told,) = json.loads(done.stdout)["environments"]
    assert told["verdict"] == pull_request.verdict, comment.read_text()
    assert names(told["losses"]) == pull_request.losses, comment.read_text()
    if pull_request.endings:
        assert names(told["endings"]) == pull_request.endings
    if pull_request.cost is not None:
        assert told["cost"]["difference"] == pull_request.cost
    assert pull_request.says in comment.read_text().replace("\\", "").replace("\u200b", "")
    for text in (done.output, comment.read_text(), page.read_text()):
        assert PLANTED not in text
        assert ACCOUNT not in text
    assert size(comment.read_text()) < LIMITS["github"]
