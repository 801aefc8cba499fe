"""What each role may do and what it must not, decided by evaluating its policies as IAM does."""

import re
from pathlib import Path

import pytest

from infra.stack import deploy
from tests.unit.recording import ACCOUNT, record
from tests.unit.role_cases import CASES, RoleCase
from tests.unit.roles import Role, roles_of
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[2] / "docs" / "roles.md"


@pytest.fixture(scope="module")
def roles() -> dict[str, Role]:
    return roles_of(record(deploy, stack="prod", config=settings_of("prod")))


def case_of(name: str) -> RoleCase | None:
    return next((case for case in CASES if re.fullmatch(case.pattern, name)), None)


def test_every_role_of_production_has_its_row_here_and_in_the_documentation(roles: dict[str, Role]):
    assert [name for name in roles if case_of(name) is None] == []
    page = PAGE.read_text()
    assert [case.title for case in CASES if f"| {case.title} |" not in page] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_role_may_do_what_it_is_for(case: RoleCase, roles: dict[str, Role]):
    for name in case.names_in(roles):
        refused = [str(one) for one in case.may if not one.asked(roles[name])]
        assert refused == [], name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_role_must_not_do_anything_else(case: RoleCase, roles: dict[str, Role]):
    for name in case.names_in(roles):
        allowed = [str(one) for one in case.must_not if one.asked(roles[name])]
        assert allowed == [], name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_role_is_assumed_by_those_whom_it_is_for_alone(case: RoleCase, roles: dict[str, Role]):
    for name in case.names_in(roles):
        found: set[str] = set()
        for statement in roles[name].trust:
            for value in statement["Principal"].values():
                found |= set(value if isinstance(value, list) else [value])
        assert found == set(case.assumed_by), name


def test_a_service_that_acts_for_many_accounts_acts_for_ours_alone(roles: dict[str, Role]):
    # EKS and EC2 assume the roles of their own resources, and pods of a cluster theirs: an association in this account
    # names the role, and whoever makes one must be allowed to pass it. So it is with a function of Lambda, which
    # documents no condition for this policy.
    own = {"eks.amazonaws.com", "ec2.amazonaws.com", "lambda.amazonaws.com", "pods.eks.amazonaws.com"}
    for role in roles.values():
        for statement in role.trust:
            services = statement["Principal"].get("Service", [])
            services = set(services if isinstance(services, list) else [services])
            if services and not services <= own:
                text = str(statement.get("Condition", {}))
                assert ACCOUNT in text, f"{role.name}: {statement.get('Sid')}"


NEVER = [
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/new"),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/groundwork-prod-research-execution"),
    ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/groundwork-prod-research-execution"),
    ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/somebody"),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/groundwork-deployer"),
    ("kms:ScheduleKeyDeletion", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"),
    ("kms:PutKeyPolicy", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"),
    ("s3:DeleteBucket", f"arn:aws:s3:::groundwork-prod-data-{ACCOUNT}"),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::groundwork-prod-data-{ACCOUNT}"),
    ("cloudtrail:StopLogging", f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/groundwork-prod"),
    ("organizations:LeaveOrganization", "*"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:anything"),
]


@pytest.mark.parametrize(("action", "resource"), NEVER, ids=[action for action, _ in NEVER])
def test_no_role_of_an_environment_may_raise_itself_or_cover_its_tracks(
    action: str, resource: str, roles: dict[str, Role]
):
    assert [name for name, role in roles.items() if role.may(action, resource)] == []


def test_no_role_carries_an_action_by_a_pattern(roles: dict[str, Role]):
    for role in roles.values():
        for policy in role.policies:
            if policy.kind != "role":
                continue
            for statement in policy.document["Statement"]:
                if statement["Effect"] == "Allow":
                    assert not [action for action in statement["Action"] if "*" in action], role.name
