"""A team's namespace, quota, roles and rights, and nobody else's."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from components.team import Quota, Team, TeamArgs
from components.team_policy import submit_policy
from components.training_policy import execution_policy
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
DATA, ARTIFACTS = "arn:aws:s3:::data", "arn:aws:s3:::artifacts"
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/groundwork-dev-research-execution"
SERVER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:mlflow-tracking-server/groundwork-dev"
WHERE = {"partition": "aws", "region": "us-east-1", "account_id": ACCOUNT}
FILES = {"data_bucket_arn": DATA, "artifact_bucket_arn": ARTIFACTS, "kms_key_arn": KEY}
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"


@pytest.fixture(scope="module")
def recording() -> Recording:
    def program() -> None:
        args = TeamArgs(
            placement=PLACEMENT,
            team="research",
            quota=Quota(cpus=8, memory_gib=32, gpus=2, pods=10),
            members=[f"arn:aws:iam::{ACCOUNT}:role/researcher"],
            contract_path="/groundwork/dev/contract",
            execution_role_arn=EXECUTION,
            cluster_name="groundwork-dev",
            cluster_arn="arn:aws:eks:us-east-1:123456789012:cluster/groundwork-dev",
            data_bucket="data",
            artifact_bucket="artifacts",
            tracking_server_arn=None,
            provider=k8s.Provider("kubernetes", kubeconfig="{}"),
            **FILES,
        )
        Team("team-research", args, with_aws())

    return record(program)


def submit_statements() -> list[dict[str, Any]]:
    text = submit_policy(
        **WHERE,
        team="research",
        contract_path="/groundwork/dev/contract",
        execution_role_arn=EXECUTION,
        cluster_arn="arn:aws:eks:us-east-1:123456789012:cluster/groundwork-dev",
        **FILES,
    )
    return json.loads(text)["Statement"]


def execution_statements(use_vpc: bool = True) -> list[dict[str, Any]]:
    text = execution_policy(
        **WHERE,
        team="research",
        repository_arns=[f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/groundwork/dev/serving"],
        tracking_server_arn=SERVER,
        use_vpc=use_vpc,
        **FILES,
    )
    return json.loads(text)["Statement"]


def allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    """Whether any statement names the action for the resource; conditions are not looked at."""
    return any(
        action in item["Action"] and any(fnmatchcase(resource, pattern) for pattern in item["Resource"])
        for item in statements
    )


def test_a_quota_holds_what_the_settings_say(recording: Recording):
    assert recording.one("kubernetes:core/v1:ResourceQuota").inputs["spec"]["hard"] == {
        "requests.cpu": "8",
        "requests.memory": "32Gi",
        "requests.nvidia.com/gpu": "2",
        "requests.aws.amazon.com/neuron": "0",
        "pods": "10",
    }


def test_a_pod_that_asks_for_nothing_gets_a_request_that_the_quota_can_count(recording: Recording):
    limits = recording.one("kubernetes:core/v1:LimitRange").inputs["spec"]["limits"]
    assert limits[0]["defaultRequest"] == {"cpu": "500m", "memory": "1Gi"}


def test_nothing_comes_in_by_default(recording: Recording):
    policies = recording.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert policies["team-research-default-deny"].inputs["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    assert policies["team-research-jobs"].inputs["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]


def test_members_work_in_their_namespace_and_change_no_rules_of_it(recording: Recording):
    role = recording.one("kubernetes:rbac.authorization.k8s.io/v1:Role").inputs
    assert role["metadata"]["namespace"] == "research"
    changed = {resource for rule in role["rules"] if "create" in rule["verbs"] for resource in rule["resources"]}
    assert not changed & {
        "resourcequotas",
        "limitranges",
        "networkpolicies",
        "roles",
        "rolebindings",
        "serviceaccounts",
    }
    binding = recording.one("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding").inputs
    group = binding["subjects"][0]["name"]
    assert recording.one("aws:eks/accessEntry:AccessEntry").inputs["kubernetesGroups"] == [group]


def test_pods_run_with_the_teams_role(recording: Recording):
    association = recording.one("aws:eks/podIdentityAssociation:PodIdentityAssociation").inputs
    account = recording.one("kubernetes:core/v1:ServiceAccount").inputs["metadata"]
    assert (association["namespace"], association["serviceAccount"]) == (account["namespace"], account["name"])
    assert association["roleArn"] == EXECUTION


def test_only_members_assume_the_submit_role(recording: Recording):
    trust = recording.policy("aws:iam/role:Role", "team-research-submit", "assumeRolePolicy")
    assert trust[0]["Principal"] == {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/researcher"]}


def test_a_member_submits_jobs_of_the_own_team_and_of_no_other():
    statements = submit_statements()
    for kind, action in (
        ("training-job", "CreateTrainingJob"),
        ("endpoint", "CreateEndpoint"),
        ("model", "CreateModel"),
    ):
        assert allows(statements, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/research-1")
        assert not allows(statements, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/ranking-1")


@pytest.mark.parametrize("statements", [submit_statements(), execution_statements()], ids=["submit", "execution"])
def test_a_team_touches_its_own_prefix_and_no_other(statements: list[dict[str, Any]]):
    for bucket in (DATA, ARTIFACTS):
        assert allows(statements, "s3:PutObject", f"{bucket}/teams/research/x")
        assert not allows(statements, "s3:PutObject", f"{bucket}/teams/ranking/x")
        assert not allows(statements, "s3:GetObject", f"{bucket}/teams/ranking/x")
        assert not allows(statements, "s3:GetObject", f"{bucket}/teams/research-2/x")
    assert allows(statements, "s3:GetObject", f"{DATA}/shared/x")
    assert not allows(statements, "s3:PutObject", f"{DATA}/shared/x")
    listing = next(item for item in statements if "s3:ListBucket" in item["Action"])
    assert all("ranking" not in prefix and prefix != "*" for prefix in listing["Condition"]["StringLike"]["s3:prefix"])


@pytest.mark.parametrize("statements", [submit_statements(), execution_statements()], ids=["submit", "execution"])
def test_a_grant_on_the_key_is_for_aws_services_alone(statements: list[dict[str, Any]]):
    grants = [item for item in statements if "kms:CreateGrant" in item["Action"]]
    assert [item["Condition"] for item in grants] == [{"Bool": {"kms:GrantIsForAWSResource": "true"}}]


@pytest.mark.parametrize("statements", [submit_statements(), execution_statements()], ids=["submit", "execution"])
def test_the_key_encrypts_what_jobs_read_and_write(statements: list[dict[str, Any]]):
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"):
        assert allows(statements, action, KEY)


def test_a_member_finds_all_streams_of_the_jobs_log_and_reads_those_of_the_own_team():
    statements = submit_statements()
    jobs = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:"
    assert allows(statements, "logs:DescribeLogStreams", jobs)
    assert allows(statements, "logs:GetLogEvents", f"{jobs}research-x-20261121-101500-00ff/algo-1-1")
    assert not allows(statements, "logs:GetLogEvents", f"{jobs}ranking-x-20261121-101500-00ff/algo-1-1")
    assert not allows(statements, "logs:FilterLogEvents", jobs)
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints"
    for action in ("DescribeLogStreams", "GetLogEvents", "FilterLogEvents"):
        assert allows(statements, f"logs:{action}", f"{group}/research-trial:log-stream:main/i-1")
        assert not allows(statements, f"logs:{action}", f"{group}/ranking-trial:log-stream:main/i-1")


def test_an_endpoint_pulls_its_image_and_writes_its_log():
    statements = execution_statements()
    log = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/research-trial"
    for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents"):
        assert allows(statements, f"logs:{action}", f"{log}:log-stream:main/i-1")
    for action in ("BatchGetImage", "GetDownloadUrlForLayer", "BatchCheckLayerAvailability"):
        assert allows(statements, f"ecr:{action}", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/groundwork/dev/serving")
        assert allows(statements, f"ecr:{action}", "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-xgboost")
    assert allows(statements, "ecr:GetAuthorizationToken", "*")


def test_a_member_passes_the_teams_role_to_sagemaker_alone():
    passing = [item for item in submit_statements() if "iam:PassRole" in item["Action"]]
    assert len(passing) == 1
    assert passing[0]["Resource"] == [EXECUTION]
    assert passing[0]["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_a_job_passes_no_role_and_reads_no_secret():
    actions = {action for item in execution_statements() for action in item["Action"]}
    assert not {action for action in actions if action.startswith(("iam:", "ssm:", "secretsmanager:", "sts:"))}


def test_a_job_gets_network_rights_only_where_it_attaches_to_the_network():
    def network(use_vpc: bool) -> set[str]:
        statements = execution_statements(use_vpc)
        return {action for item in statements for action in item["Action"] if action.startswith("ec2:")}

    assert "ec2:CreateNetworkInterface" in network(True)
    assert network(False) == set()


@pytest.mark.parametrize("statements", [submit_statements(), execution_statements()], ids=["submit", "execution"])
def test_no_action_is_a_wildcard_and_no_resource_is_one_without_a_named_reason(statements: list[dict[str, Any]]):
    for statement in statements:
        assert not [action for action in statement["Action"] if "*" in action], statement["Sid"]
        assert ("*" in statement["Resource"]) == statement["Sid"].endswith("Unscoped"), statement["Sid"]


@pytest.mark.parametrize("statements", [submit_statements(), execution_statements()], ids=["submit", "execution"])
def test_a_policy_fits_into_a_role(statements: list[dict[str, Any]]):
    # All inline policies of a role hold 10,240 characters, white space aside
    # (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    assert len(json.dumps(statements, separators=(",", ":"))) < 9_000
