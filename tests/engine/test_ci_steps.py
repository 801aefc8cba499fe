"""The shell steps of the pipelines that ship, run as they stand: against this machine's AWS, cluster and forges."""

import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.environment import PASSPHRASE
from local.paths import cache_folder
from local.providers.install import install_plugins
from operations.rehearsal.model import Rehearsal, Verdict
from operations.sharing.model import OWN_ACCOUNT
from tests.checkout import Checkout, fresh_checkout
from tests.ci_steps import Script, program, scripts
from tests.conftest import Platform
from tests.local.forge_server import Forge, forge_server
from tests.unit.preview_events import created, report

pytestmark = [pytest.mark.engine, pytest.mark.timeout(2400)]
ACCOUNT, REGION = "123456789012", "us-east-1"
SCRIPTS = scripts()
JENKINS = tuple(f"Jenkinsfile/{stage}/0" for stage in ("check", "tests without services"))
ALL_OF_IT = ("check.yml/check/0", ".gitlab-ci.yml/check")
QUICK = {
    *ALL_OF_IT,
    *JENKINS,
    *(f"Jenkinsfile/comment/{number}" for number in (0, 1)),
    *("preview.yml/fork/0", "preview.yml/fork/2", "preview.yml/rehearsal/1", "preview.yml/comment/0"),
    ".gitlab-ci.yml/comment-dev",
}
DEPLOYED = {
    *("deploy.yml/deploy/0", "drift.yml/drift/0", "preview.yml/preview/0", "preview.yml/fork/1"),
    *(f".gitlab-ci.yml/{job}" for job in ("deploy-dev", "drift", "preview-dev", "preview-fork")),
    *("deploy.Jenkinsfile/deploy/0", "drift.Jenkinsfile/look/0"),
    *("Jenkinsfile/preview/0", "Jenkinsfile/preview of a fork/0"),
}
REHEARSED = {"preview.yml/rehearsal/0", ".gitlab-ci.yml/rehearsal", "Jenkinsfile/rehearsal/0"}
LIKE_DEV = {".gitlab-ci.yml/deploy-prod"}
"""Differs from the step for dev in the environment's name alone, as a test here says."""
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


CHANGE = {
    "JENKINS_URL": "https://jenkins.example.com/",
    "BUILD_NUMBER": "4",
    "CHANGE_ID": "12",
    "CHANGE_TARGET": "main",
    "GROUNDWORK_REPOSITORY": "acme/platform",
}
"""https://www.jenkins.io/doc/book/pipeline/multibranch/#additional-environment-variables"""


def run(name: str) -> Script:
    return SCRIPTS[name]


def test_every_step_of_every_pipeline_is_run_by_a_test_here():
    assert set(SCRIPTS) == QUICK | DEPLOYED | REHEARSED | LIKE_DEV


def test_production_is_deployed_as_development_is():
    dev = run(".gitlab-ci.yml/deploy-dev").text.replace("dev", "prod").splitlines()
    assert set(run(".gitlab-ci.yml/deploy-prod").text.splitlines()) <= set(dev)


def test_without_the_forges_token_a_job_stops_before_anything_is_asked(tmp_path: Path):
    names = [name for name in DEPLOYED if "aws-profile" in SCRIPTS[name].text]
    assert len(names) == 9
    fork = program(tmp_path / "bin", "git", "exit 0")
    for name in names:
        script = run(name)
        known = dict.fromkeys(
            (
                *("ENVIRONMENT", "JOB_BASE_NAME", "ACCOUNT_ID", "GROUNDWORK_ACCOUNT_ID"),
                *("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CHANGE_TARGET"),
            ),
            "dev",
        )
        forge = {**fork, **known, "REGION": REGION, "GROUNDWORK_REGION": REGION, "ROLE": "r"}
        stopped = Script(name, script.text, script.shell, {}).run(Checkout(Path(__file__).parents[2]), forge)
        assert stopped.returncode != 0
        assert "This job has no identity" in stopped.stdout
        assert not [line for line in stopped.stdout.splitlines() if line.removeprefix("+ ").startswith("make ")]


@pytest.mark.parametrize("name", ALL_OF_IT)
def test_a_check_is_make_check_and_make_test(name: str, tmp_path: Path):
    seen = tmp_path / "seen"
    forge = program(tmp_path / "bin", "make", f'echo "$*" >>{shlex.quote(str(seen))}')
    script = Script(name, run(name).text, run(name).shell, {})
    script.must(Checkout(Path(__file__).parents[2]), {**forge, "GROUNDWORK_CACHE": str(tmp_path)})
    assert seen.read_text().splitlines() == ["check TESTS=no", "test"]


def test_jenkins_checks_every_branch(tmp_path: Path):
    seen = tmp_path / "seen"
    forge = program(tmp_path / "bin", "make", f'echo "$*" >>{shlex.quote(str(seen))}')
    for name in JENKINS:
        run(name).must(Checkout(Path(__file__).parents[2]), forge)
    assert seen.read_text().splitlines() == ["check TESTS=no", "test TIER=unit"]


def test_a_fork_fetches_the_state_of_a_deployment_and_is_told_where_there_is_none(tmp_path: Path):
    seen = tmp_path / "seen"
    gh = f'echo "$*" >>{shlex.quote(str(seen))}; [ "$2" != list ] || echo $DEPLOYED'
    forge = {**GITHUB, **program(tmp_path / "bin", "gh", gh), "DEPLOYED": "4711"}
    expressions = {"github.event.pull_request.base.ref": "main", "github.token": "reads"}
    checkout = Checkout(tmp_path)
    run("preview.yml/fork/0").must(checkout, forge, expressions)
    listed, fetched = seen.read_text().splitlines()
    assert listed.startswith("run list --repo acme/platform --workflow deploy.yml --branch main --event push")
    assert fetched == "run download 4711 --repo acme/platform --name state-dev --dir shared"
    none = run("preview.yml/fork/0").run(checkout, {**forge, "DEPLOYED": ""}, expressions)
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
        # Jenkins says to nobody which pull request it is at, so its stage does: the same comment once more.
        known = {**CHANGE, **git, "GITHUB_API_URL": forge.url, "GITHUB_TOKEN": "app"}
        if not name.startswith(".gitlab"):
            for step in (0, 1):
                run(f"Jenkinsfile/comment/{step}").must(checkout, known)
            assert len(forge.bodies) == 1


def job(name: str, forge: Forge) -> dict[str, str]:
    if name.startswith(".gitlab"):
        return {
            **GITLAB,
            "CI_SERVER_URL": forge.url,
            "GITLAB_TOKEN": "person",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
    return {**GITHUB, "GITHUB_API_URL": forge.url, "GITHUB_RUN_NUMBER": "4", "GITHUB_RUN_ATTEMPT": "1"}


def test_a_change_is_previewed_without_an_account_against_the_state_that_was_shared(platform: Platform, tmp_path: Path):
    there = platform.checkout
    state = tmp_path / "state.json"
    there.must(".venv/bin/groundwork", "stack", "share", "local", str(state))
    assert ACCOUNT not in state.read_text()
    here = fresh_checkout(tmp_path / "fork")
    (here.folder / ".venv").symlink_to(there.folder / ".venv", target_is_directory=True)
    change(here, lambda config: config["groundwork:network"].update(flowLogDays=14))
    command = (str(there.folder / ".venv" / "bin" / "python"), "-c", "from operations.cli import main; main()")
    found = tmp_path / "report.json"
    here.must(
        *(*command, "preview", "local", "--state", str(state), "--json", str(found)),
        environment={"PYTHONPATH": str(here.folder), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    )
    (told,) = json.loads(found.read_text())["environments"]
    assert names(told) == ["network-flow-logs"]
    assert told["counts"] | {"same": 0} == {"create": 0, "update": 1, "replace": 0, "delete": 0, "same": 0}
    assert told["counts"]["same"] > 150
    assert told["problems"] == []
    assert "without an account" in told["notes"][0]


def change(checkout: Checkout, edit: Any, environment: str = "local") -> None:
    file = checkout.folder / f"Pulumi.{environment}.yaml"
    document = yaml.safe_load(file.read_text())
    edit(document["config"])
    file.write_text(yaml.safe_dump(document, sort_keys=False))


@dataclass
class Deployed:
    """A repository whose environment dev is on this machine's AWS and cluster, and what a forge's runner has there."""

    checkout: Checkout
    machine: dict[str, str]
    token_url: str
    base: str = ""
    expressions: dict[str, str] = field(default_factory=dict[str, str])

    def github(self, **more: str) -> dict[str, str]:
        token = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.token_url}/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "asks"}
        return {**self.machine, **GITHUB, **token, **more}

    def jenkins(self, **more: str) -> dict[str, str]:
        known = {"GROUNDWORK_ACCOUNT_ID": ACCOUNT, "GROUNDWORK_REGION": REGION, "GROUNDWORK_SHARE_STATE": "yes"}
        return {**self.machine, **CHANGE, **known, "GROUNDWORK_ID_TOKEN": TOKEN, **more}

    def gitlab(self, **more: str) -> dict[str, str]:
        known = {"GROUNDWORK_ACCOUNT_ID": ACCOUNT, "GROUNDWORK_REGION": REGION, "GROUNDWORK_ID_TOKEN": TOKEN}
        known |= {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "GROUNDWORK_SHARE_STATE": "yes"}
        return {**self.machine, **GITLAB, **known, **more}


TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZXBvOmFjbWUvcGxhdGZvcm0ifQ.c2ln"


class TokenHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"value": TOKEN}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


def commit(checkout: Checkout, subject: str) -> str:
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    checkout.must("git", *author, "commit", "--quiet", "--all", "--message", subject)
    return checkout.must("git", "rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Services without a platform, roles that a forge's token may take, and an empty stack dev."""
    root = tmp_path_factory.mktemp("ci")
    checkout = fresh_checkout(root / "platform")
    checkout.must("make", "install")
    tokens = ThreadingHTTPServer(("127.0.0.1", 0), TokenHandler)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    checkout.must(".venv/bin/groundwork", "local", "up", "--until", "services")
    try:
        config = (checkout.folder / ".groundwork/local/aws/config").read_text()
        url = next(line.split("=", 1)[1].strip() for line in config.splitlines() if line.startswith("endpoint_url"))
        for word in ("deploy", "preview"):
            trust = {"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            role = f"ci-groundwork-dev-{word}"
            checkout.aws("iam").create_role(RoleName=role, AssumeRolePolicyDocument=document)
        settings = (
            (checkout.folder / "Pulumi.local.yaml")
            .read_text()
            .replace("user/platform-admin", "role/ci-groundwork-dev-deploy")
        )
        settings += "  groundwork:ci: {previewRoles: [role/ci-groundwork-dev-preview]}\n"
        (checkout.folder / "Pulumi.dev.yaml").write_text(settings)
        home = root / "home"
        home.mkdir()
        install_plugins(home)
        for each in ("state", "runner"):
            (root / each).mkdir()
        engine = checkout.must(".venv/bin/python", "-c", ENGINE).strip().splitlines()[-1]
        machine = {
            "AWS_ENDPOINT_URL": url,
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{root / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "RUNNER_TEMP": str(root),
            # The AWS CLI keeps a role's credentials at home: another run's are of an AWS that is gone.
            "HOME": str(root / "runner"),
            "GROUNDWORK_CACHE": str(cache_folder()),
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": f"{Path(engine).parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        checkout.must("pulumi", "stack", "init", "dev", "--secrets-provider", "passphrase", environment=machine)
        checkout.must("git", "branch", "--move", "main")
        checkout.must("git", "remote", "add", "origin", str(checkout.folder))
        one = Deployed(checkout, machine, f"http://127.0.0.1:{tokens.server_address[1]}")
        one.base = commit(checkout, "dev is on this machine")
        one.expressions = {
            "github.event.pull_request.base.sha": one.base,
            "github.event.pull_request.base.ref": "main",
            "inputs.environment || 'dev'": "dev",
            "matrix.environment": "dev",
            "vars.PULUMI_BACKEND_URL": machine["PULUMI_BACKEND_URL"],
            "vars.GROUNDWORK_ACCOUNT_ID": ACCOUNT,
            "vars.GROUNDWORK_REGION": REGION,
            "vars.GROUNDWORK_SHARE_STATE": "yes",
        }
        yield one
    finally:
        checkout.run(".venv/bin/groundwork", "local", "stop")
        tokens.shutdown()
        tokens.server_close()


ENGINE = (
    "from local.paths import this_checkout; from local.acquire.chosen import program; "
    "print(program(this_checkout(), 'pulumi'))"
)


@pytest.mark.full
def test_github_deploys_shares_previews_and_looks_for_drift(deployed: Deployed):
    checkout, known = deployed.checkout, deployed.expressions
    text = run("deploy.yml/deploy/0").must(checkout, deployed.github(), known)
    assert "created" in text
    state = checkout.folder / "report" / "state-dev.json"
    assert ACCOUNT not in state.read_text()
    assert OWN_ACCOUNT in state.read_text()
    text = run("drift.yml/drift/0").must(checkout, deployed.github(), known)
    pull_request(deployed)
    try:
        run("preview.yml/preview/0").must(checkout, deployed.github(), known)
        told = review(checkout)
        assert (told["verdict"], names(told)) == ("changes", ["network-flow-logs"])
        (checkout.folder / "shared").mkdir(exist_ok=True)
        state.rename(checkout.folder / "shared" / "state-dev.json")
        machine = {name: value for name, value in deployed.machine.items() if not name.startswith(("AWS_", "PULUMI_"))}
        run("preview.yml/fork/1").must(checkout, {**machine, **GITHUB}, known)
        without = review(checkout)
        assert (without["verdict"], names(without)) == ("changes", ["network-flow-logs"])
        assert "without an account" in without["notes"][0]
    finally:
        merged(deployed)


@pytest.mark.full
def test_gitlab_does_the_same(deployed: Deployed, tmp_path: Path):
    checkout = deployed.checkout
    run(".gitlab-ci.yml/deploy-dev").must(checkout, deployed.gitlab())
    run(".gitlab-ci.yml/drift").must(checkout, deployed.gitlab(ENVIRONMENT="dev"))
    state = checkout.folder / "report" / "state-dev.json"
    state.rename(tmp_path / "state-dev.json")
    pull_request(deployed)
    checkout.must("git", "worktree", "remove", "--force", ".base")
    try:
        run(".gitlab-ci.yml/preview-dev").must(checkout, deployed.gitlab())
        assert names(review(checkout)) == ["network-flow-logs"]
        checkout.must("git", "worktree", "remove", "--force", ".base")
        curl = f'while [ "$1" != --output ]; do shift; done; cp {shlex.quote(str(tmp_path / "state-dev.json"))} "$2"'
        fork = program(tmp_path / "bin", "curl", curl)
        # `git fetch URL.git`: the repository under the name that GitLab gives it.
        (tmp_path / "platform.git").symlink_to(checkout.folder / ".git")
        machine = {name: value for name, value in deployed.machine.items() if not name.startswith(("AWS_", "PULUMI_"))}
        path = f"{tmp_path / 'bin'}{os.pathsep}{deployed.machine['PATH']}"
        known = {"CI_API_V4_URL": "https://gitlab.example.com/api/v4", "CI_MERGE_REQUEST_PROJECT_ID": "77"}
        known |= {
            "CI_MERGE_REQUEST_PROJECT_URL": str(tmp_path / "platform"),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }
        run(".gitlab-ci.yml/preview-fork").must(checkout, {**machine, **GITLAB, **known, **fork, "PATH": path})
        assert names(review(checkout)) == ["network-flow-logs"]
    finally:
        merged(deployed)


@pytest.mark.full
def test_jenkins_does_the_same(deployed: Deployed):
    checkout = deployed.checkout
    run("deploy.Jenkinsfile/deploy/0").must(checkout, deployed.jenkins(JOB_BASE_NAME="dev"))
    run("drift.Jenkinsfile/look/0").must(checkout, deployed.jenkins(ENVIRONMENT="dev"))
    pull_request(deployed)
    checkout.must("git", "worktree", "remove", "--force", ".base")
    try:
        run("Jenkinsfile/preview/0").must(checkout, deployed.jenkins())
        assert names(review(checkout)) == ["network-flow-logs"]
        checkout.must("git", "worktree", "remove", "--force", ".base")
        shared = checkout.folder / "shared"
        shared.mkdir(exist_ok=True)
        (checkout.folder / "report" / "state-dev.json").rename(shared / "state-dev.json")
        machine = {name: value for name, value in deployed.machine.items() if not name.startswith(("AWS_", "PULUMI_"))}
        run("Jenkinsfile/preview of a fork/0").must(checkout, {**machine, **CHANGE})
        assert names(review(checkout)) == ["network-flow-logs"]
    finally:
        merged(deployed)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(REHEARSED))
def test_a_rehearsal_needs_nothing_of_the_forge(name: str, deployed: Deployed):
    checkout = deployed.checkout
    pull_request(deployed)
    try:
        forge = {**GITHUB, "CI_MERGE_REQUEST_DIFF_BASE_SHA": deployed.base, **CHANGE, "PATH": deployed.machine["PATH"]}
        run(name).must(checkout, forge, deployed.expressions)
        found = json.loads((checkout.folder / "report" / "rehearsal.json").read_text())
        assert found["verdict"] == "well"
    finally:
        merged(deployed)


def pull_request(deployed: Deployed) -> None:
    """A branch with one change, and the base beside it as the workflow's second checkout puts it."""
    checkout = deployed.checkout
    checkout.must("git", "checkout", "--quiet", "-b", "change")
    for environment in ("dev", "local"):
        change(checkout, lambda config: config["groundwork:network"].update(flowLogDays=14), environment)
    commit(checkout, "logs are kept for two weeks")
    checkout.must("git", "worktree", "add", "--quiet", "--detach", ".base", deployed.base)


def merged(deployed: Deployed) -> None:
    checkout = deployed.checkout
    checkout.run("git", "worktree", "remove", "--force", ".base")
    checkout.must("git", "checkout", "--quiet", "--force", "main")
    checkout.must("git", "branch", "--quiet", "-D", "change")


def review(checkout: Checkout) -> dict[str, Any]:
    (told,) = json.loads((checkout.folder / "report" / "report.json").read_text())["environments"]
    return told


def names(told: dict[str, Any]) -> list[str]:
    return [each["name"] for group in told["groups"] for each in group["changes"]]
