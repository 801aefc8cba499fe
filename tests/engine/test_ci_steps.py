"""The shell steps of the pipelines that ship, run as they stand: against this machine's AWS, cluster and forges."""

import shlex
from pathlib import Path

import pytest

from operations.rehearsal.model import Rehearsal, Verdict
from tests.checkout import Checkout
from tests.ci_steps import Script, program, scripts
from tests.conftest import Platform
from tests.local.forge_server import Forge, forge_server
from tests.unit.preview_events import created, report

pytestmark = [pytest.mark.engine, pytest.mark.timeout(2400)]
ACCOUNT, REGION = "123456789012", "us-east-1"
SCRIPTS = scripts()
ALL_OF_IT = ("check.yml/check/0", ".gitlab-ci.yml/check")
WITH_IDENTITY = {
    *("deploy.yml/deploy/0", "drift.yml/drift/0", "preview.yml/preview/0", "preview.yml/fork/1"),
    *(f".gitlab-ci.yml/{job}" for job in ("deploy-dev", "drift", "preview-dev", "preview-fork")),
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "CI": "true",
    "GITHUB_REPOSITORY": "acme/platform",
    "GITHUB_REF": "refs/pull/12/merge",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI": "true",
    "CI_PROJECT_ID": "77",
    "CI_MERGE_REQUEST_IID": "12",
    "CI_PIPELINE_IID": "4",
}


def run(name: str) -> Script:
    return SCRIPTS[name]


def test_production_is_deployed_as_development_is():
    dev = run(".gitlab-ci.yml/deploy-dev").text.replace("dev", "prod").splitlines()
    assert set(run(".gitlab-ci.yml/deploy-prod").text.splitlines()) <= set(dev)


def test_without_the_forges_token_a_job_stops_before_anything_is_asked(tmp_path: Path):
    names = [name for name in WITH_IDENTITY if "aws-profile" in SCRIPTS[name].text]
    assert len(names) == 6
    fork = program(tmp_path / "bin", "git", "exit 0")
    for name in names:
        script = run(name)
        known = dict.fromkeys(
            ("ENVIRONMENT", "ACCOUNT_ID", "GROUNDWORK_ACCOUNT_ID", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"), "dev"
        )
        forge = {**fork, **known, "REGION": REGION, "GROUNDWORK_REGION": REGION, "ROLE": "r"}
        stopped = Script(name, script.text, script.shell, {}).run(Checkout(Path(__file__).parents[2]), forge)
        assert stopped.returncode != 0
        assert "This job has no identity" in stopped.stdout
        assert "make" not in stopped.stdout


@pytest.mark.parametrize("name", ALL_OF_IT)
def test_a_check_is_make_check_and_make_test(name: str, tmp_path: Path):
    seen = tmp_path / "seen"
    forge = program(tmp_path / "bin", "make", f'echo "$*" >>{shlex.quote(str(seen))}')
    script = Script(name, run(name).text, run(name).shell, {})
    script.must(Checkout(Path(__file__).parents[2]), {**forge, "GROUNDWORK_CACHE": str(tmp_path)})
    assert seen.read_text().splitlines() == ["check TESTS=no", "test"]


def test_a_fork_fetches_the_state_of_a_deployment_and_is_told_where_there_is_none(tmp_path: Path):
    seen = tmp_path / "seen"
    gh = f'echo "$*" >>{shlex.quote(str(seen))}; [ "$2" != list ] || echo $WITH_IDENTITY'
    forge = {**GITHUB, **program(tmp_path / "bin", "gh", gh), "WITH_IDENTITY": "4711"}
    expressions = {"github.event.pull_request.base.ref": "main", "github.token": "reads"}
    checkout = Checkout(tmp_path)
    run("preview.yml/fork/0").must(checkout, forge, expressions)
    listed, fetched = seen.read_text().splitlines()
    assert listed.startswith("run list --repo acme/platform --workflow deploy.yml --branch main --event push")
    assert fetched == "run download 4711 --repo acme/platform --name state-dev --dir shared"
    none = run("preview.yml/fork/0").run(checkout, {**forge, "WITH_IDENTITY": ""}, expressions)
    assert none.returncode == 1
    assert "No deployment of main has shared a state yet" in none.stdout


@pytest.mark.parametrize(
    ("name", "file"), [("preview.yml/fork/2", "comment.md"), ("preview.yml/rehearsal/1", "rehearsal.md")]
)
def test_a_report_stands_in_the_runs_summary(name: str, file: str, tmp_path: Path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / file).write_text("## what came of it\n")
    expressions = {"github.event.pull_request.base.ref": "main", "github.event.pull_request.base.sha": "0" * 40}
    run(name).must(Checkout(tmp_path), {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}, expressions)
    assert (tmp_path / "summary").read_text() == "## what came of it\n"


@pytest.mark.parametrize("name", ["preview.yml/comment/0", ".gitlab-ci.yml/comment-dev"])
def test_preview_and_rehearsal_become_one_comment(name: str, platform: Platform):
    checkout = platform.checkout
    folder = checkout.folder / "report"
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(report(created("a")).model_dump_json())
    rehearsed = Rehearsal(verdict=Verdict.well, headline="Rehearsed", base="a", head="b", seconds=7)
    (folder / "rehearsal.json").write_text(rehearsed.model_dump_json())
    git = program(folder / "bin", "git", "exit 0")  # GitLab: the target branch is what is here already
    with forge_server() as forge:
        run(name).must(checkout, {**job(name, forge), **git}, {"github.token": "app"})
        assert len(forge.bodies) == 1
        assert forge.bodies[0].count("\n## ") == 2


def job(name: str, forge: Forge) -> dict[str, str]:
    if name.startswith(".gitlab"):
        return {
            **GITLAB,
            "CI_SERVER_URL": forge.url,
            "GITLAB_TOKEN": "person",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
    return {**GITHUB, "GITHUB_API_URL": forge.url, "GITHUB_RUN_NUMBER": "4", "GITHUB_RUN_ATTEMPT": "1"}
