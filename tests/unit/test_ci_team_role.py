"""The role of an ML team's repositories: who may take it, and that it leads to the team's submit role alone."""

import json
from typing import Any

import pytest

from components.ci_team_role import team_policy
from local.aws_server.iam_policy import Policy, evaluate, parse
from tests.unit.recording import ACCOUNT
from tests.unit.test_account import GITLAB, GOOD, TEAM, record

pytestmark = pytest.mark.unit
IAM = f"arn:aws:iam::{ACCOUNT}"
POLICY = [
    Policy("submit", "role", parse(team_policy(partition="aws", account_id=ACCOUNT, environment="dev", team="ads")))
]


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:SetSourceIdentity"])
@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("groundwork-dev-ads-submit", True),
        ("groundwork-dev-ads-execution", False),
        ("groundwork-dev-ads-approve", False),
        ("groundwork-dev-search-submit", False),
        ("groundwork-prod-ads-submit", False),
        ("ci-groundwork-dev-deploy", False),
    ],
)
def test_it_becomes_the_teams_submit_role_and_no_other(action: str, role: str, *, allowed: bool):
    decision = evaluate(action, f"{IAM}:role/{role}", {}, POLICY).decision
    assert (decision == "allowed") is allowed


def test_it_does_nothing_by_itself():
    for action in ("sagemaker:CreateTrainingJob", "s3:GetObject", "iam:PassRole", "ssm:GetParameters"):
        assert evaluate(action, "*", {}, POLICY).decision != "allowed"


def statements(settings: dict[str, Any]) -> list[dict[str, Any]]:
    role = record(settings).one("aws:iam/role:Role").inputs
    assert role["name"] == "ci-groundwork-dev-ml-ads"
    return json.loads(role["assumeRolePolicy"])["Statement"]


def test_only_jobs_of_the_teams_repositories_with_its_environment_take_it():
    [statement] = statements({**GOOD, "teams": [TEAM]})
    host = "token.actions.githubusercontent.com"
    assert statement["Principal"] == {"Federated": f"{IAM}:oidc-provider/{host}"}
    assert statement["Condition"] == {
        "StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": ["repo:octo-org/churn:environment:ml-dev"]}
    }


def test_on_gitlab_any_branch_of_the_project_trains():
    settings = {**GOOD, "gitlab": GITLAB, "teams": [{**TEAM, "repositories": [], "projects": GITLAB["projects"]}]}
    [statement] = statements(settings)
    assert statement["Condition"]["StringLike"] == {
        "gitlab.com:sub": ["project_path:group/platform:ref_type:branch:ref:*"]
    }


def test_an_account_that_trusts_only_teams_has_their_forges_identity_and_says_their_roles():
    recording = record({**GOOD, "teams": [TEAM]})
    assert recording.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert recording.outputs["teamRoles"] == {"dev/ads": f"{IAM}:role/ci-groundwork-dev-ml-ads"}
