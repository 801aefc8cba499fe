"""What CI's two roles may do and must not, by the evaluator of IAM policies."""

import json

import pytest

from components.ci_deploy_policy import deploy_identities_policy, deploy_services_policy
from components.ci_preview_policy import preview_policy
from components.ci_roles import CiRoles, CiRolesArgs
from components.ci_scope import Elsewhere
from components.ci_trust import GITHUB_AUDIENCE, GITHUB_ISSUER, Trusted
from components.permissions_boundary import BOUNDARY_NAME
from components.placement import Placement
from local.aws_server.iam_policy import Policy, evaluate, parse
from local.providers.aws.table import Call
from local.providers.aws.types import RESOURCES
from tests.unit.parts import with_aws
from tests.unit.recording import ACCOUNT, record

pytestmark = pytest.mark.unit
REGION = "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
BOUNDARY = f"{IAM}:policy/{BOUNDARY_NAME}"
OWN_ROLE, OTHER_ROLE = f"{IAM}:role/groundwork-dev-research-execution", f"{IAM}:role/groundwork-prod-cluster"
STATE = {"state_bucket": "our-state", "state_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/state"}
PLACE = {"partition": "aws", "account_id": ACCOUNT, "environment": "dev"}
DEPLOY = [
    Policy("services", "role", parse(deploy_services_policy(**PLACE, region=REGION))),
    Policy("identities", "role", parse(deploy_identities_policy(**PLACE, **STATE, region=REGION))),
]
PREVIEW = [Policy("read", "role", parse(preview_policy(**PLACE, **STATE, region=REGION)))]
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"


def may(policies: list[Policy], action: str, resource: str, **context: str) -> bool:
    keys = {"aws:requestedregion": [REGION], **{name: [value] for name, value in context.items()}}
    return evaluate(action, resource, keys, policies).decision == "allowed"


def with_keys(policies: list[Policy], action: str, resource: str, keys: dict[str, str]) -> bool:
    context = {"aws:requestedregion": [REGION], **{name.lower(): [value] for name, value in keys.items()}}
    return evaluate(action, resource, context, policies).decision == "allowed"


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"])
def test_deploy_makes_a_role_only_under_the_boundary(action: str):
    assert with_keys(DEPLOY, action, OWN_ROLE, {"iam:PermissionsBoundary": BOUNDARY})
    assert not may(DEPLOY, action, OWN_ROLE)
    other = f"{IAM}:policy/everything"
    assert not with_keys(DEPLOY, action, OWN_ROLE, {"iam:PermissionsBoundary": other})


def test_deploy_cannot_lift_the_boundary_nor_change_it():
    assert not with_keys(DEPLOY, "iam:DeleteRolePermissionsBoundary", OWN_ROLE, {"iam:PermissionsBoundary": BOUNDARY})
    for action in ("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:SetDefaultPolicyVersion"):
        assert not may(DEPLOY, action, BOUNDARY)
    assert may(DEPLOY, "iam:GetPolicy", BOUNDARY)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateUser", f"{IAM}:user/somebody"),
        ("iam:CreateAccessKey", f"{IAM}:user/platform-admin"),
        ("iam:CreateRole", f"{IAM}:role/Admin"),
        ("iam:UpdateAssumeRolePolicy", OTHER_ROLE),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/ci-groundwork-prod-deploy"),
        ("iam:PutRolePolicy", f"{IAM}:role/ci-groundwork-dev-deploy"),
        ("iam:CreateOpenIDConnectProvider", f"{IAM}:oidc-provider/evil.example"),
        ("iam:AddClientIDToOpenIDConnectProvider", f"{IAM}:oidc-provider/token.actions.githubusercontent.com"),
        ("iam:PassRole", OTHER_ROLE),
        ("sts:AssumeRole", f"{IAM}:role/ci-groundwork-prod-deploy"),
        ("organizations:LeaveOrganization", "*"),
        ("s3:GetObject", "arn:aws:s3:::groundwork-prod-data-123456789012/x"),
        ("s3:DeleteBucket", "arn:aws:s3:::somebody-elses"),
        ("ecr:DeleteRepository", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/groundwork/prod/serving"),
        ("s3:PutObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/prod.json"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/prod.json"),
        ("s3:PutObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork-account/main.json"),
        ("kms:ScheduleKeyDeletion", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/somebody-elses"),
    ],
)
def test_deploy_reaches_nothing_beyond_its_environment(action: str, resource: str):
    keys = {"iam:PermissionsBoundary": BOUNDARY, "iam:PassedToService": "sagemaker.amazonaws.com"}
    assert not with_keys(DEPLOY, action, resource, keys)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:DeleteVpc", f"{EC2}:vpc/vpc-1"),
        ("ec2:DeleteTags", f"{EC2}:vpc/vpc-1"),
        ("eks:DeleteCluster", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/groundwork-prod"),
        ("kms:ScheduleKeyDeletion", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"),
    ],
)
def test_what_carries_another_environments_tag_is_out_of_reach_and_ones_own_is_not(action: str, resource: str):
    tag = "aws:ResourceTag/groundwork:environment"
    assert with_keys(DEPLOY, action, resource, {tag: "dev"})
    assert not with_keys(DEPLOY, action, resource, {tag: "prod"})
    assert not with_keys(DEPLOY, action, resource, {tag: "account"})


def test_deploy_works_in_its_region_alone():
    assert evaluate("ec2:CreateVpc", "*", {"aws:requestedregion": ["eu-west-1"]}, DEPLOY).decision != "allowed"
    assert may(DEPLOY, "ec2:CreateVpc", "*")


def test_deploy_passes_its_roles_to_the_services_that_run_them_alone():
    assert with_keys(DEPLOY, "iam:PassRole", OWN_ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    assert not with_keys(DEPLOY, "iam:PassRole", OWN_ROLE, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})


IDENTITY_SERVICES = ("iam", "sts")
IAM_PREFIXES = {"amp": "aps", "elbv2": "elasticloadbalancing"}
"""Services that policies call otherwise than botocore does."""
SPEND_GUARD = {
    "lambda": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:groundwork-dev-spend-guard",
    "scheduler": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/groundwork-dev-spend-guard",
}
OTHERS_TYPES = ("aws:codebuild/", "aws:codeconnections/", "aws:ecr/registryScanning", "aws:ce/anomalyMonitor")


@pytest.mark.parametrize(
    "token",
    [
        token
        for token, resource in RESOURCES.items()
        if resource.service not in IDENTITY_SERVICES and not token.startswith(OTHERS_TYPES)
    ],
)
def test_deploy_may_make_every_call_that_an_environments_resources_need(token: str):
    resource = RESOURCES[token]
    named = {
        "s3": "arn:aws:s3:::groundwork-dev-data-123456789012",
        "ecr": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/groundwork/dev/serving",
        "kms": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
        **SPEND_GUARD,
    }
    where = named.get(resource.service, "*")
    tags = {"aws:ResourceTag/groundwork:environment": "dev", "aws:RequestTag/groundwork:environment": "dev"}
    steps = [resource.create, *resource.reads, *resource.updates, *resource.delete, *resource.after_create]
    calls = [step for step in steps if isinstance(step, Call)] + list(resource.reads)
    for call in calls:
        service = call.service or resource.service
        action = f"{IAM_PREFIXES.get(service, service)}:{call.operation}"
        target = where
        if "Alias" in call.operation and "kms" in action:
            target = (
                "*" if call.operation.startswith("List") else f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/groundwork-dev-x"
            )
        if action in ("kms:CreateKey", "kms:ListKeys") or "PullThroughCache" in action:
            target = "*"
        assert with_keys(DEPLOY, action, target, tags), action


IAM_TARGETS = {
    "InstanceProfile": f"{IAM}:instance-profile/groundwork-dev-x",
    "RolePolic": OWN_ROLE,
    "Policy": f"{IAM}:policy/groundwork-dev-x",
}


@pytest.mark.parametrize(
    "token", [token for token in RESOURCES if token.startswith("aws:iam/") and "openId" not in token]
)
def test_deploy_looks_after_its_own_roles_through_the_whole_of_their_lives(token: str):
    resource = RESOURCES[token]
    steps = [resource.create, *resource.updates, *resource.delete]
    operations = [step.operation for step in steps if isinstance(step, Call)] + [
        read.operation for read in resource.reads
    ]
    if resource.tagging:
        operations += [resource.tagging.add.operation, resource.tagging.remove.operation]
    for operation in operations:
        kinds = (arn for word, arn in IAM_TARGETS.items() if word in operation and "AssumeRole" not in operation)
        target = next(kinds, OWN_ROLE)
        allowed = with_keys(DEPLOY, f"iam:{operation}", target, {"iam:PermissionsBoundary": BOUNDARY})
        assert allowed == (operation != "DeleteRolePermissionsBoundary"), operation


CALLED_OTHERWISE = {"budgets:DescribeBudget": "budgets:ViewBudget", "s3:HeadBucket": "s3:ListBucket"}
"""Operations whose action has another name, as the service authorization reference lists them."""
OWN_PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/groundwork/dev/contract/platform"


@pytest.mark.parametrize(
    "token",
    [token for token, resource in RESOURCES.items() if not token.startswith(("aws:iam/openId", *OTHERS_TYPES))],
)
def test_preview_reads_back_every_kind_of_thing_that_an_environment_consists_of(token: str):
    resource = RESOURCES[token]
    for read in resource.reads:
        service = read.service or resource.service
        action = f"{IAM_PREFIXES.get(service, service)}:{read.operation}"
        target = {"ssm": OWN_PARAMETER, "iam": OWN_ROLE, **SPEND_GUARD}.get(service, "*")
        if service == "iam":
            target = next((arn for word, arn in IAM_TARGETS.items() if word in read.operation), OWN_ROLE)
        assert may(PREVIEW, CALLED_OTHERWISE.get(action, action), target), action


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:DescribeVpcs", "*"),
        ("eks:DescribeCluster", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/groundwork-dev"),
        ("s3:GetBucketPolicy", "arn:aws:s3:::groundwork-dev-data-1"),
        ("iam:GetRolePolicy", OWN_ROLE),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/groundwork/dev/contract/platform"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/dev.json"),
        ("kms:Decrypt", STATE["state_key_arn"]),
    ],
)
def test_preview_reads_what_a_preview_needs(action: str, resource: str):
    assert may(PREVIEW, action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::groundwork-dev-data-1/teams/research/x"),
        ("s3:PutObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/dev.json"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/prod.json"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x"),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/database/password"),
        ("ssm:GetParametersByPath", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/"),
        ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x:log-stream:y"),
        ("ecr:GetDownloadUrlForLayer", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/groundwork/dev/serving"),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/data"),
        ("ec2:CreateVpc", "*"),
        ("iam:PassRole", OWN_ROLE),
        ("iam:CreateRole", OWN_ROLE),
        ("eks:UpdateClusterConfig", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/groundwork-dev"),
    ],
)
def test_preview_changes_nothing_and_reads_no_data(action: str, resource: str):
    assert not may(PREVIEW, action, resource)


ELSEWHERE = Elsewhere(
    exports=True,
    states=("acme-terraform/network/terraform.tfstate",),
    state_key_arns=(f"arn:aws:kms:{REGION}:999999999999:key/terraform",),
    stacks=("network/dev",),
)
LED_ELSEWHERE = {
    "preview": [Policy("r", "role", parse(preview_policy(**PLACE, **STATE, region=REGION, elsewhere=ELSEWHERE)))],
    "deploy": [
        DEPLOY[0],
        Policy("i", "role", parse(deploy_identities_policy(**PLACE, **STATE, region=REGION, elsewhere=ELSEWHERE))),
    ],
}


@pytest.mark.parametrize("role", ["preview", "deploy"])
def test_values_that_stand_elsewhere_are_read_where_the_account_says_so(role: str):
    wanted = [
        ("cloudformation:ListExports", "*"),
        ("s3:GetObject", "arn:aws:s3:::acme-terraform/network/terraform.tfstate"),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:999999999999:key/terraform"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/network/dev.json"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/groundwork/dev.json"),
    ]
    without = PREVIEW if role == "preview" else DEPLOY
    for action, resource in wanted:
        assert may(LED_ELSEWHERE[role], action, resource)
        assert may(without, action, resource) == resource.endswith("groundwork/dev.json")


@pytest.mark.parametrize("role", ["preview", "deploy"])
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::acme-terraform/passwords/terraform.tfstate"),
        ("s3:PutObject", "arn:aws:s3:::acme-terraform/network/terraform.tfstate"),
        ("s3:GetObject", "arn:aws:s3:::our-state/.pulumi/stacks/network/prod.json"),
        ("s3:PutObject", "arn:aws:s3:::our-state/.pulumi/stacks/network/dev.json"),
        ("kms:Encrypt", f"arn:aws:kms:{REGION}:999999999999:key/terraform"),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:999999999999:key/other"),
        ("cloudformation:GetTemplate", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shared/1"),
    ],
)
def test_nothing_beside_a_value_that_stands_elsewhere_is_reached(role: str, action: str, resource: str):
    assert not may(LED_ELSEWHERE[role], action, resource)


def test_the_policies_fit_what_iam_takes():
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters, white space aside.
    long_name = {**PLACE, "environment": "e" * 20}
    for text in (
        preview_policy(**long_name, **STATE, region="ap-southeast-1"),
        deploy_services_policy(**long_name, region="ap-southeast-1"),
        deploy_identities_policy(**long_name, **STATE, region="ap-southeast-1"),
    ):
        assert len("".join(text.split())) <= 6144


def test_an_environment_gets_two_roles_whose_names_no_deploy_role_may_touch():
    placement = Placement(prefix="groundwork-account", environment="account", region=REGION, account_id=ACCOUNT)
    jobs = [Trusted(issuer=GITHUB_ISSUER, audience=GITHUB_AUDIENCE, subjects=["repo:o/r:environment:dev"])]
    args = CiRolesArgs(placement=placement, environment="dev", previewed_by=jobs, deployed_by=jobs)
    recording = record(lambda: CiRoles("ci-dev", args, with_aws()))
    names = {role.inputs["name"] for role in recording.of("aws:iam/role:Role").values()}
    assert names == {"ci-groundwork-dev-preview", "ci-groundwork-dev-deploy"}
    for role in recording.of("aws:iam/role:Role").values():
        [statement] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity"]
    for name in names:
        for action in ("iam:DeleteRole", "iam:UpdateAssumeRolePolicy"):
            assert not may(DEPLOY, action, f"{IAM}:role/{name}")
