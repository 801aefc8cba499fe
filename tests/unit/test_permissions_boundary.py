"""The ceiling of all roles: it holds what the platform's roles need, and keeps everything else out."""

import json
from typing import Any

import pytest

from components.permissions_boundary import BOUNDARY_NAME, CEILING_SERVICES, boundary_policy
from infra.stack import deploy
from local.aws_server.iam_policy import Policy, evaluate, parse
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
REGION = "us-east-1"
ARN = f"arn:aws:iam::{ACCOUNT}:policy/{BOUNDARY_NAME}"
IAM = f"arn:aws:iam::{ACCOUNT}"
CEILING = Policy(BOUNDARY_NAME, "user-managed", parse(boundary_policy("aws", ACCOUNT, [REGION])))
EVERYTHING = Policy("everything", "role", {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
SERVICE_KEYS = {"iam:passedtoservice": ["sagemaker.amazonaws.com"], "iam:awsservicename": ["spot.amazonaws.com"]}


def under_the_ceiling(action: str, resource: str, region: str = REGION) -> bool:
    """Whether even a role that may do everything may do this."""
    context = {"aws:requestedregion": [region], **SERVICE_KEYS}
    return evaluate(action, resource, context, [EVERYTHING], [CEILING]).decision == "allowed"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateRole", f"{IAM}:role/groundwork-dev-x"),
        ("iam:CreateUser", f"{IAM}:user/x"),
        ("iam:AttachRolePolicy", f"{IAM}:role/groundwork-dev-x"),
        ("iam:PutRolePolicy", f"{IAM}:role/groundwork-dev-x"),
        ("iam:DeleteRolePermissionsBoundary", f"{IAM}:role/groundwork-dev-x"),
        ("iam:CreatePolicyVersion", ARN),
        ("iam:PassRole", f"{IAM}:role/ci-groundwork-dev-deploy"),
        ("iam:PassRole", f"{IAM}:role/Admin"),
        ("sts:AssumeRole", f"{IAM}:role/ci-groundwork-dev-deploy"),
        ("sts:AssumeRole", f"{IAM}:role/Admin"),
        ("organizations:LeaveOrganization", "*"),
        ("account:CloseAccount", "*"),
        ("cloudtrail:StopLogging", "*"),
        ("codebuild:StartBuild", "*"),
        ("budgets:ModifyBudget", "*"),
        ("lambda:CreateFunction", "*"),
    ],
)
def test_not_even_a_role_that_may_do_everything_gets_out(action: str, resource: str):
    assert not under_the_ceiling(action, resource)


def test_nothing_is_done_in_another_region():
    assert under_the_ceiling("sagemaker:CreateTrainingJob", "*")
    assert not under_the_ceiling("sagemaker:CreateTrainingJob", "*", region="eu-west-1")


def test_the_policy_fits_what_iam_takes():
    text = boundary_policy("aws-us-gov", ACCOUNT, ["ap-southeast-1", "eu-central-1", "us-east-1", "us-west-2"])
    assert len("".join(text.split())) <= 6144


@pytest.fixture(scope="module", params=["dev", "prod"])
def deployed(request: pytest.FixtureRequest) -> Recording:
    return record(deploy, stack=request.param, config=settings_of(request.param))


def statements(recording: Recording) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{item.name} {statement['Sid']}", statement)
        for item in recording.of("aws:iam/rolePolicy:RolePolicy").values()
        for statement in json.loads(item.inputs["policy"])["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_every_right_of_every_role_of_the_platform_lies_under_the_ceiling(deployed: Recording):
    cut = [
        f"{where}: {action} on {resource}"
        for where, statement in statements(deployed)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not _fits(action, resource, statement)
    ]
    assert cut == []


def _fits(action: str, resource: str, statement: dict[str, Any]) -> bool:
    wanted = statement.get("Condition", {}).get("StringEquals", {})
    keys = {name.lower(): value if isinstance(value, list) else [value] for name, value in wanted.items()}
    context = {"aws:requestedregion": [REGION], **SERVICE_KEYS, **keys}
    return evaluate(action, resource, context, [EVERYTHING], [CEILING]).decision == "allowed"


def managed_policies() -> dict[str, Any]:
    """The documents of AWS's own policies, as moto ships them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    return json.loads(aws_managed_policies_data)


OUTSIDE = {
    ("AmazonEKSClusterPolicy", "iam"): "service-linked roles, for load balancers alone",
    ("AmazonEKSComputePolicy", "iam"): "instance profiles and service-linked roles, as far as they are named",
    ("AmazonEKSLoadBalancingPolicy", "iam"): "service-linked roles, for load balancers alone",
}
"""What AWS's policies grant of a service that the ceiling does not hold whole: it names the actions."""


def test_what_aws_asks_for_by_its_own_policies_lies_under_the_ceiling(deployed: Recording):
    documents = managed_policies()
    cut: list[str] = []
    for item in deployed.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values():
        name = item.inputs["policyArn"].rpartition("/")[2]
        if name not in documents:
            continue
        for statement in documents[name]["Document"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            services = {action.partition(":")[0] for action in actions}
            cut += [
                f"{name}: {service}" for service in services - set(CEILING_SERVICES) if (name, service) not in OUTSIDE
            ]
    assert cut == []


def test_where_the_settings_name_a_boundary_every_role_carries_it_and_no_other_resource_changes():
    settings = settings_of("dev")
    guarded = {**settings, "guardrails": {**settings.get("guardrails", {}), "permissionsBoundary": ARN}}
    bounded, plain = (record(deploy, stack="dev", config=config) for config in (guarded, settings))
    roles = bounded.of("aws:iam/role:Role")
    assert roles
    assert {role.inputs["permissionsBoundary"] for role in roles.values()} == {ARN}
    for item in bounded.registrations:
        if item.type != "aws:iam/role:Role":
            assert item.inputs == next(
                other.inputs for other in plain.registrations if (other.type, other.name) == (item.type, item.name)
            )
