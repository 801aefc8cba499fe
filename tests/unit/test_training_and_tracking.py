"""Execution roles, the jobs' security group, and the tracking server."""

import pytest

from components.tracking import ExistingTracking, Tracking, TrackingArgs
from components.training import Training, TrainingArgs
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def training() -> Recording:
    args = TrainingArgs(
        placement=PLACEMENT,
        teams=["research", "ranking"],
        vpc_id="vpc-1",
        data_bucket_arn="arn:aws:s3:::data",
        artifact_bucket_arn="arn:aws:s3:::artifacts",
        kms_key_arn=KEY,
        repository_arns=[f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/groundwork/dev/training"],
    )
    return record(lambda: Training("training", args, with_aws()))


def test_every_team_has_an_execution_role_of_its_own(training: Recording):
    roles = training.of("aws:iam/role:Role")
    assert {item.inputs["name"] for item in roles.values()} == {
        "groundwork-dev-research-execution",
        "groundwork-dev-ranking-execution",
    }
    for team, other in (("research", "ranking"), ("ranking", "research")):
        statements = str(training.policy("aws:iam/rolePolicy:RolePolicy", f"training-{team}-policy"))
        assert f"teams/{team}/" in statements
        assert f"teams/{other}" not in statements


def test_only_services_acting_for_this_account_assume_an_execution_role(training: Recording):
    for statement in training.policy("aws:iam/role:Role", "training-research", "assumeRolePolicy"):
        assert statement["Principal"]["Service"][0] in ("sagemaker.amazonaws.com", "pods.eks.amazonaws.com")
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_nothing_reaches_a_job_but_hosts_of_its_own_group(training: Recording):
    rule = training.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["referencedSecurityGroupId"] == rule["securityGroupId"] == "training-jobs-id"
    assert "cidrIpv4" not in rule
    out = training.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert {item.inputs.get("toPort") for item in out.values()} == {443, None}


def tracking_args() -> TrackingArgs:
    return TrackingArgs(
        placement=PLACEMENT,
        artifact_bucket="artifacts",
        artifact_bucket_arn="arn:aws:s3:::artifacts",
        kms_key_arn=KEY,
    )


def test_the_tracking_server_keeps_artifacts_in_the_platforms_bucket_and_touches_nothing_else():
    recording = record(lambda: Tracking("tracking", tracking_args(), with_aws()))
    server = recording.one("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer")
    assert server.inputs["artifactStoreUri"] == "s3://artifacts/mlflow"
    assert server.protect
    for statement in recording.policy("aws:iam/rolePolicy:RolePolicy", "tracking-server-policy"):
        assert all(
            resource in ("arn:aws:s3:::artifacts", "arn:aws:s3:::artifacts/mlflow/*", KEY)
            for resource in statement["Resource"]
        )


def test_clients_of_a_managed_server_are_given_its_arn():
    made: list[Tracking] = []
    uris: list[str] = []

    def program() -> None:
        made.append(Tracking("tracking", tracking_args(), with_aws()))
        made[0].uri.apply(uris.append)

    recording = record(program)
    assert recording.one("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer").name == "tracking-server"
    assert uris[0].startswith("arn:aws:")


def test_an_existing_tracking_server_is_left_alone():
    args = ExistingTracking(uri="https://mlflow.example", artifact_bucket="artifacts")
    recording = record(lambda: Tracking("tracking", args, with_aws()))
    assert [item.type for item in recording.registrations if item.custom] == ["pulumi:providers:aws"]
