"""Under which name a role of a team is taken: one's own, or a pipeline's; nobody else's."""

import json

import pytest

from components.approval_policy import approve_trust
from components.team_policy import submit_trust
from local.aws_server.iam_policy import Policy, evaluate
from tests.unit.recording import ACCOUNT

pytestmark = pytest.mark.unit
WHERE = {"partition": "aws", "account_id": ACCOUNT}
USER = f"arn:aws:iam::{ACCOUNT}:user/ada"
PIPELINE = "ci-groundwork-prod-ml-research"
PIPELINE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{PIPELINE}"
SUBMIT = submit_trust(**WHERE, members=[USER], pipeline=PIPELINE)
APPROVE = approve_trust(**WHERE, approvers=[USER])


def taken(trust: str, called: str = "", **caller: str) -> bool:
    """Whether the conditions of any statement let a caller take the role under a name; whose it is for is not asked."""
    keys = {"aws:PrincipalArn": USER, **caller, **({"sts:SourceIdentity": called} if called else {})}
    context = {name.lower(): [value] for name, value in keys.items()}
    actions = ["sts:AssumeRole", *(["sts:SetSourceIdentity"] if called else [])]
    policy = Policy("trust", "resource", json.loads(trust))
    decisions = [evaluate(action, "*", context, [], resource_policies=[policy]).decision for action in actions]
    return decisions == ["allowed"] * len(actions)


@pytest.mark.parametrize(
    ("called", "caller", "expected"),
    [
        ("", {}, True),
        ("ada", {"aws:username": "ada"}, True),
        ("bob", {"aws:username": "ada"}, False),
        ("ada@example.com", {"aws:PrincipalTag/groundwork:person": "ada@example.com"}, True),
        ("bob@example.com", {"aws:PrincipalTag/groundwork:person": "ada@example.com"}, False),
        ("ada", {"aws:SourceIdentity": "ada"}, True),
        ("ada", {}, False),
        ("bob-ci", {"aws:username": "ada"}, False),
        ("ada-ci", {"aws:PrincipalArn": PIPELINE_ARN}, True),
        ("ada", {"aws:PrincipalArn": PIPELINE_ARN}, False),
        ("ada-ci", {"aws:PrincipalArn": f"{PIPELINE_ARN}-other"}, False),
    ],
)
def test_a_member_submits_under_the_own_name_and_a_pipeline_under_one_that_says_so(
    called: str, caller: dict[str, str], expected: bool
) -> None:
    assert taken(SUBMIT, called, **caller) is expected


@pytest.mark.parametrize(
    ("called", "caller", "expected"),
    [
        ("", {"aws:username": "ada"}, False),
        ("ada", {"aws:username": "ada"}, True),
        ("bob", {"aws:username": "ada"}, False),
        ("ada-ci", {"aws:PrincipalArn": PIPELINE_ARN}, False),
    ],
)
def test_nobody_approves_without_a_name_or_under_anothers(called: str, caller: dict[str, str], expected: bool) -> None:
    assert taken(APPROVE, called, **caller) is expected
