"""The pipelines that ship: they fit the roles and runners, and give forks nothing."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from account.program import Account
from account.sections import EnvironmentSettings
from components.ci_roles import role_name
from components.ci_runner import label, project_name
from components.jenkins_agents import LABEL

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


def jobs_with_identity() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for file in WORKFLOWS:
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            if (job.get("permissions") or {}).get("id-token") == "write":
                found.append((f"{file.stem}/{name}", job))
    return found


def test_there_are_jobs_with_an_identity():
    assert [name for name, _ in jobs_with_identity()] == ["deploy/deploy", "drift/drift", "preview/preview"]


@pytest.mark.parametrize(("name", "job"), jobs_with_identity(), ids=lambda value: str(value)[:20])
def test_a_job_with_an_identity_names_an_environment_which_its_subject_carries(name: str, job: dict[str, Any]):
    assert job["environment"]


@pytest.mark.parametrize(("name", "job"), jobs_with_identity(), ids=lambda value: str(value)[:20])
def test_a_job_runs_on_a_runner_of_its_own(name: str, job: dict[str, Any]):
    shared, own = job["runs-on"]
    assert shared == label(project_name("cpu"), "github")
    assert own


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_no_workflow_runs_a_forks_code_with_our_rights(file: Path):
    text = file.read_text()
    assert "pull_request_target" not in text
    assert "workflow_run" not in text
    assert yaml.safe_load(text)["permissions"] in ({}, {"contents": "read"})


def test_the_job_that_comments_has_no_identity_and_runs_the_base_branchs_code():
    jobs = workflow("preview")["jobs"]
    assert jobs["preview"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "GITHUB_TOKEN" not in str(jobs["preview"])
    assert jobs["comment"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert jobs["comment"]["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_a_forks_code_gets_no_identity_no_secret_no_runner_of_ours_and_no_token_that_writes():
    jobs = workflow("preview")["jobs"]
    assert "head.repo.full_name != github.repository" in jobs["fork"]["if"]
    for name in ("fork", "rehearsal"):
        assert set(jobs[name]["permissions"].values()) == {"read"}
        assert jobs[name]["runs-on"] == "ubuntu-24.04"
        assert "environment" not in jobs[name]
        assert "secrets." not in str(jobs[name])
    # The token that reads goes to the step that fetches the state, and not to the pull request's program.
    assert [bool(step.get("env")) for step in jobs["fork"]["steps"] if "run" in step] == [True, False, False]


def test_the_state_for_forks_is_that_of_a_push_to_the_base_branch_and_shared_only_where_somebody_wants_it():
    fetched = next(step["run"] for step in workflow("preview")["jobs"]["fork"]["steps"] if "GH_TOKEN" in str(step))
    assert '--workflow deploy.yml --branch "$BASE_BRANCH" --event push' in fetched
    upload = workflow("deploy")["jobs"]["deploy"]["steps"][-1]
    assert upload["if"] == "vars.GROUNDWORK_SHARE_STATE != ''"
    assert workflow("preview")["jobs"]["fork"]["if"].startswith(upload["if"])


def test_the_comment_joins_what_the_preview_and_the_rehearsal_have_left():
    jobs = workflow("preview")["jobs"]
    assert jobs["comment"]["needs"] == ["preview", "rehearsal"]
    lab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
    assert lab["comment-dev"]["needs"] == ["preview-dev", "rehearsal"]
    for script in (jobs["comment"]["steps"][-1]["run"], lab["comment-dev"]["script"][-1]):
        assert 'FILES="report/report.json report/rehearsal.json"' in script


def test_a_preview_is_judged_by_the_base_branchs_policies():
    base = next(
        step["with"] for step in workflow("preview")["jobs"]["preview"]["steps"] if "ref" in step.get("with", {})
    )
    assert base["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert f"--policy-pack {base['path']}/policies" in str(workflow("preview")["jobs"]["preview"]["steps"])


def test_the_nightly_look_for_drift_takes_the_role_that_may_only_look():
    job = workflow("drift")["jobs"]["drift"]
    assert job["environment"] == "${{ matrix.environment }}-preview"
    assert role_name("$ENVIRONMENT", "preview") in str(job["steps"])


def test_previews_are_for_branches_of_the_repository_itself():
    condition = workflow("preview")["jobs"]["preview"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition


def test_previews_and_deployments_use_the_environments_that_the_roles_trust():
    dev = EnvironmentSettings(name="dev")
    assert workflow("preview")["jobs"]["preview"]["environment"] == dev.previews_as
    assert f"role/{role_name('dev', 'preview')}" in workflow("preview")["jobs"]["preview"]["env"]["ROLE"]
    assert "inputs.environment" in workflow("deploy")["jobs"]["deploy"]["environment"]
    assert role_name("$ENVIRONMENT", "deploy") in str(workflow("deploy")["jobs"]["deploy"]["steps"])
    assert Account


def test_gitlabs_jobs_have_a_tag_of_their_own_and_the_audience_that_iam_knows():
    jobs = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
    for name in ("preview-dev", "deploy-dev", "deploy-prod"):
        assert jobs[name]["tags"] == [label(project_name("lab"), "gitlab")]
        assert jobs[name]["id_tokens"]["GROUNDWORK_ID_TOKEN"]["aud"] == "https://gitlab.com"
        environment, word = name.split("-")[1], name.split("-")[0]
        assert role_name(environment, word) in str(jobs[name]["script"])
    assert jobs["deploy-prod"]["rules"][0]["when"] == "manual"


JENKINSFILES = (ROOT / "Jenkinsfile", *sorted((ROOT / ".ci").glob("*.Jenkinsfile")))


@pytest.mark.parametrize("file", JENKINSFILES, ids=lambda file: file.name)
def test_jenkins_builds_ask_for_agents_of_ours(file: Path):
    assert set(re.findall(r"label '([^']+)'", file.read_text())) == {LABEL}


def test_jenkins_stages_with_an_identity_are_for_no_fork():
    stages = dict(
        re.findall(r"stage\('([^']+)'\) \{(.*?)(?=\n        stage\(|\Z)", JENKINSFILES[0].read_text(), re.DOTALL)
    )
    secret = {name for name, text in stages.items() if "withCredentials" in text}
    assert secret == {"preview", "comment"}
    for name in secret:
        assert "expression { env.GROUNDWORK_ACCOUNT_ID && !env.CHANGE_FORK }" in stages[name]
    assert "GITHUB_TOKEN" not in stages["preview"]
    assert stages["comment"].index("git checkout --quiet --detach FETCH_HEAD") < stages["comment"].index("GITHUB_TOKEN")
    assert "--policy-pack .base/policies" in stages["preview"]


def test_jenkins_deploys_with_the_other_folders_credential_and_production_waits_for_a_word():
    text = (ROOT / ".ci" / "deploy.Jenkinsfile").read_text()
    assert re.findall(r"credentialsId: '([^']+)'", text) == ["groundwork-deploy"]
    assert role_name("$JOB_BASE_NAME", "deploy") in text
    assert text.index("not { environment name: 'JOB_BASE_NAME', value: 'dev' }") < text.index("input {")
    assert "credentialsId: 'groundwork-deploy'" not in "".join(
        file.read_text() for file in JENKINSFILES if "deploy." not in file.name
    )


def profile(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / ".ci" / "aws-profile"), *arguments],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_gets_a_profile_of_the_role_without_any_key(tmp_path: Path):
    role = "arn:aws:iam::123456789012:role/ci-groundwork-dev-deploy"
    done = profile("dev", role, "us-east-1", GROUNDWORK_ID_TOKEN="header.body.sign", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    config = Path(re.search(r"AWS_CONFIG_FILE=(\S+)", done.stdout)[1])  # pyright: ignore[reportOptionalSubscript]
    text = config.read_text()
    assert "[profile groundwork-dev]" in text
    assert f"role_arn = {role}" in text
    token = config.with_name("token")
    assert token.read_text() == "header.body.sign"
    assert token.stat().st_mode & 0o077 == 0
    assert "header.body.sign" not in done.stdout + done.stderr


def test_a_job_of_a_teams_repository_becomes_the_submit_role_under_its_own_name(tmp_path: Path):
    first, second = "arn:aws:iam::123456789012:role/ci", "arn:aws:iam::123456789012:role/submit"
    arguments = ("dev", first, "us-east-1", second, "octo-org/churn run")
    done = profile(*arguments, GROUNDWORK_ID_TOKEN="header.body.sign", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    config = Path(re.search(r"AWS_CONFIG_FILE=(\S+)", done.stdout)[1])  # pyright: ignore[reportOptionalSubscript]
    assert f"credential_process = {config.with_name('credentials')}" in config.read_text()
    # What the SDK runs, with an `aws` that says what it was asked and what it was given.
    (tmp_path / "aws").write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    (tmp_path / "aws").chmod(0o755)
    asked = subprocess.run(
        [config.with_name("credentials")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    values = dict(zip(asked[2::2], asked[3::2], strict=True))
    assert asked[:2] == ["sts", "assume-role"]
    assert values["--role-arn"] == second
    assert values["--profile"] == "groundwork-dev-ci"
    assert values["--source-identity"] == values["--role-session-name"] == "octo-org-churn-run"
    assert values["--query"].startswith("{Version: `1`, AccessKeyId:")


def test_a_job_without_an_identity_is_told_so():
    done = profile("dev", "arn:aws:iam::123456789012:role/r", "us-east-1")
    assert done.returncode == 1
    assert "id-token: write" in done.stderr
