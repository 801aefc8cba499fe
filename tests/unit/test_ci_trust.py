"""Which jobs of a forge may take a role: what their tokens really say, evaluated against the trust policies."""

import json
from typing import Any

import pytest

from components.ci_trust import (
    GITHUB_AUDIENCE,
    GITHUB_ISSUER,
    JENKINS_AUDIENCE,
    GithubRepository,
    GitlabProject,
    JenkinsFolder,
    Trusted,
    job_trust,
)
from local.aws_server.iam_policy import Policy, evaluate
from tests.unit.recording import ACCOUNT

pytestmark = pytest.mark.unit
OLD = GithubRepository(name="octo-org/platform")
NEW = GithubRepository(name="octo-org/platform", owner_id=123456, repository_id=456789)
PROJECT = GitlabProject(path="group/sub/platform", branch="main")
GITLAB = "https://gitlab.com"
PREVIEWS = JenkinsFolder(url="https://ci.example.com", path="checks")
DEPLOYS = JenkinsFolder(url="https://ci.example.com", path="ops/deploy")


def trust(*trusted: Trusted) -> dict[str, Any]:
    return json.loads(job_trust(partition="aws", account_id=ACCOUNT, trusted=trusted))


def admitted(document: dict[str, Any], issuer: str, audience: str, subject: str) -> bool:
    """Whether a token is let in, by the evaluator of IAM policies; a trust policy's resource is the role itself."""
    statements = [
        {name: value for name, value in statement.items() if name != "Principal"} | {"Resource": "*"}
        for statement in document["Statement"]
        if statement["Principal"]["Federated"].endswith(f"oidc-provider/{issuer.removeprefix('https://')}")
    ]
    host = issuer.removeprefix("https://")
    context = {f"{host}:aud": [audience], f"{host}:sub": [subject]}
    policy = Policy("trust", "resource", {"Version": "2012-10-17", "Statement": statements})
    return evaluate("sts:AssumeRoleWithWebIdentity", "*", context, [policy]).decision == "allowed"


def github(*subjects: str) -> dict[str, Any]:
    return trust(Trusted(issuer=GITHUB_ISSUER, audience=GITHUB_AUDIENCE, subjects=subjects))


def test_a_job_with_the_environment_is_let_in_whatever_its_branch():
    deploy = github(OLD.environment_subject("prod"))
    assert admitted(deploy, GITHUB_ISSUER, GITHUB_AUDIENCE, "repo:octo-org/platform:environment:prod")


@pytest.mark.parametrize(
    "subject",
    [
        "repo:octo-org/platform:ref:refs/heads/main",
        "repo:octo-org/platform:pull_request",
        "repo:octo-org/platform:environment:prod-preview",
        "repo:octo-org/platform:environment:PROD",
        "repo:octo-org/platform-fork:environment:prod",
        "repo:somebody/platform:environment:prod",
        "repo:octo-org@123456/platform@456789:environment:prod",
    ],
)
def test_no_other_job_is_let_in(subject: str):
    assert not admitted(github(OLD.environment_subject("prod")), GITHUB_ISSUER, GITHUB_AUDIENCE, subject)


def test_a_repository_with_immutable_subjects_is_known_by_its_numbers_and_no_namesake_gets_in():
    deploy = github(NEW.environment_subject("prod"))
    assert admitted(deploy, GITHUB_ISSUER, GITHUB_AUDIENCE, "repo:octo-org@123456/platform@456789:environment:prod")
    for namesake in (
        "repo:octo-org@999999/platform@456789:environment:prod",
        "repo:octo-org@123456/platform@999999:environment:prod",
        "repo:octo-org/platform:environment:prod",
    ):
        assert not admitted(deploy, GITHUB_ISSUER, GITHUB_AUDIENCE, namesake)


def test_a_token_for_another_audience_is_not_let_in():
    deploy = github(OLD.environment_subject("prod"))
    assert not admitted(deploy, GITHUB_ISSUER, "https://github.com/octo-org", "repo:octo-org/platform:environment:prod")


def test_a_gitlab_pipeline_of_the_protected_branch_deploys_and_one_of_any_own_branch_previews():
    deploy = trust(Trusted(issuer=GITLAB, audience=GITLAB, subjects=[PROJECT.deploy_subject]))
    preview = trust(Trusted(issuer=GITLAB, audience=GITLAB, patterns=[PROJECT.preview_subject]))
    main = "project_path:group/sub/platform:ref_type:branch:ref:main"
    topic = "project_path:group/sub/platform:ref_type:branch:ref:topic/one"
    fork = "project_path:somebody/platform:ref_type:branch:ref:main"
    tag = "project_path:group/sub/platform:ref_type:tag:ref:main"
    assert admitted(deploy, GITLAB, GITLAB, main)
    assert admitted(preview, GITLAB, GITLAB, topic)
    for subject in (topic, fork, tag):
        assert not admitted(deploy, GITLAB, GITLAB, subject)
    for subject in (fork, tag):
        assert not admitted(preview, GITLAB, GITLAB, subject)


def test_one_forges_subject_is_worth_nothing_from_another():
    both = trust(
        Trusted(issuer=GITHUB_ISSUER, audience=GITHUB_AUDIENCE, subjects=[OLD.environment_subject("prod")]),
        Trusted(issuer=GITLAB, audience=GITLAB, subjects=[PROJECT.deploy_subject]),
    )
    assert not admitted(both, GITLAB, GITLAB, "repo:octo-org/platform:environment:prod")
    assert len({statement["Sid"] for statement in both["Statement"]}) == 2
    assert all(statement["Sid"].isalnum() for statement in both["Statement"])


def test_a_jenkins_job_deploys_from_its_folder_alone_and_the_environment_that_it_is_named_by():
    audience = JENKINS_AUDIENCE
    deploy = trust(Trusted(issuer=DEPLOYS.issuer, audience=audience, subjects=[DEPLOYS.deploy_subject("dev")]))
    preview = trust(Trusted(issuer=PREVIEWS.issuer, audience=audience, patterns=[PREVIEWS.preview_subject]))
    job = "https://ci.example.com/job/ops/job/deploy/job/dev/"
    assert DEPLOYS.issuer == "https://ci.example.com/oidc/job/ops/job/deploy"
    assert admitted(deploy, DEPLOYS.issuer, audience, job)
    assert not admitted(deploy, DEPLOYS.issuer, audience, job.replace("dev", "prod"))
    assert not admitted(deploy, PREVIEWS.issuer, audience, job)
    assert not admitted(deploy, DEPLOYS.issuer, "https://example.com", job)
    assert admitted(preview, PREVIEWS.issuer, audience, "https://ci.example.com/job/checks/job/platform/job/PR-12/")
    assert not admitted(preview, PREVIEWS.issuer, audience, "https://ci.example.com/job/others/job/platform/job/PR-12/")
    assert not admitted(preview, DEPLOYS.issuer, audience, "https://ci.example.com/job/checks/job/platform/job/PR-12/")
    assert all(statement["Sid"].isalnum() for statement in (*deploy["Statement"], *preview["Statement"]))


def test_a_jenkins_that_aws_cannot_reach_has_its_keys_elsewhere():
    folder = JenkinsFolder(url="https://ci.internal", path="deploy", issuer_url="https://keys.example.com/deploy")
    assert folder.issuer == "https://keys.example.com/deploy"
    assert folder.deploy_subject("dev") == "https://ci.internal/job/deploy/job/dev/"
