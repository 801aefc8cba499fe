"""CI runners: what they run, for whom, and what their own role may do."""

import json
from typing import Any

import pulumi
import pytest

from components.ci_cache import CiCache, CiCacheArgs
from components.ci_runner import CiRunner, CiRunnerArgs, RunnerNetwork, label
from components.placement import Placement
from components.source_connection import SourceConnection, SourceConnectionArgs, waits_for
from local.aws_server.iam_policy import Policy, evaluate, parse
from tests.unit.parts import with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
PLACEMENT = Placement(prefix="groundwork-account", environment="account", region="us-east-1", account_id=ACCOUNT)
NETWORK = RunnerNetwork(vpc_id="vpc-1", subnet_ids=["subnet-1", "subnet-2"])
LOG_STREAM = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/groundwork/ci/cpu:log-stream:job"


def runner(**more: Any) -> Recording:
    def program() -> None:
        opts = with_aws()
        cache = CiCache("cache", CiCacheArgs(placement=PLACEMENT), opts)
        connection = SourceConnection(
            "connection", SourceConnectionArgs(forge="github", name="groundwork-github", confirmed=True), opts
        )
        assert connection.credential is not None
        args: dict[str, Any] = {
            "runner": "cpu",
            "forge": "github",
            "kind": "cpu",
            "size": "medium",
            "repository_url": "https://github.com/octo-org/platform.git",
            **more,
        }
        made = CiRunner(
            "runner-cpu",
            CiRunnerArgs(
                placement=PLACEMENT,
                cache=cache,
                connection_arn=connection.arn,
                credential=connection.credential,
                **args,
            ),
            opts,
        )
        pulumi.export("label", made.label)

    return record(program)


def project(recording: Recording) -> dict[str, Any]:
    return recording.one("aws:codebuild/project:Project").inputs


def filters(recording: Recording) -> list[dict[str, Any]]:
    [group] = recording.one("aws:codebuild/webhook:Webhook").inputs["filterGroups"]
    return group["filters"]


def test_a_runner_starts_for_a_queued_job_and_for_nothing_else():
    assert filters(runner()) == [{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}]


def test_a_runner_of_a_public_repository_knows_whose_jobs_it_runs():
    assert filters(runner(actor_ids=[7, 42]))[1] == {"type": "ACTOR_ACCOUNT_ID", "pattern": "^(7|42)$"}


def test_a_runner_goes_to_zero_because_it_has_no_fleet():
    inputs = project(runner())
    assert "fleet" not in inputs["environment"]
    assert inputs["concurrentBuildLimit"] == 10


def test_a_gpu_runner_is_a_gpu_machine():
    environment = project(runner(kind="gpu", size="small"))["environment"]
    assert (environment["type"], environment["computeType"]) == ("LINUX_GPU_CONTAINER", "BUILD_GENERAL1_SMALL")


def test_only_a_runner_that_is_told_to_run_docker_is_privileged():
    assert not project(runner())["environment"]["privilegedMode"]
    assert project(runner(docker=True))["environment"]["privilegedMode"]


def test_caches_and_logs_are_encrypted_with_our_key():
    recording = runner()
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/cache-key"
    assert project(recording)["encryptionKey"] == key
    logs = recording.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (logs["kmsKeyId"], logs["retentionInDays"]) == (key, 30)


def test_in_a_vpc_nothing_comes_in_and_https_alone_goes_out():
    recording = runner(network=NETWORK)
    assert project(recording)["vpcConfig"]["subnets"] == ["subnet-1", "subnet-2"]
    assert not recording.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    egress = recording.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs
    assert (egress["fromPort"], egress["toPort"]) == (443, 443)


def test_without_a_vpc_the_role_touches_no_network():
    assert "vpcConfig" not in project(runner())
    statements = runner().policy("aws:iam/rolePolicy:RolePolicy", "runner-cpu-role-policy")
    assert not [each for each in statements if any(action.startswith("ec2:") for action in each["Action"])]


def test_only_codebuild_takes_the_role_and_only_for_this_project():
    [statement] = json.loads(runner().one("aws:iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": ["codebuild.amazonaws.com"]}
    arn = f"arn:aws:codebuild:us-east-1:{ACCOUNT}:project/groundwork-cpu"
    assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": arn}}


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("logs:PutLogEvents", LOG_STREAM, True),
        ("s3:PutObject", f"arn:aws:s3:::groundwork-account-ci-cache-{ACCOUNT}/cpu/x", True),
        ("s3:GetObject", f"arn:aws:s3:::groundwork-account-ci-cache-{ACCOUNT}/gpu/x", False),
        ("s3:GetObject", f"arn:aws:s3:::groundwork-dev-data-{ACCOUNT}/x", False),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/ci-groundwork-dev-deploy", False),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/groundwork-dev-cluster", False),
        ("secretsmanager:GetSecretValue", "*", False),
        ("ec2:CreateVpc", "*", False),
        ("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/groundwork/dev/contract/platform", False),
    ],
)
def test_the_role_starts_the_machine_and_does_nothing_that_a_job_could_want(action: str, resource: str, allowed: bool):
    text = runner(network=NETWORK).one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    decision = evaluate(action, resource, {"aws:requestedregion": ["us-east-1"]}, [Policy("p", "role", parse(text))])
    assert (decision.decision == "allowed") == allowed


def test_a_runners_webhook_waits_for_the_credential():
    webhook = runner().one("aws:codebuild/webhook:Webhook")
    assert {"connection-credential", "runner-cpu-project"} <= webhook.dependencies


def test_labels_are_those_that_codebuild_looks_for():
    assert runner().outputs["label"] == "codebuild-groundwork-cpu-${{ github.run_id }}-${{ github.run_attempt }}"
    assert label("p", "gitlab") == "codebuild-p-$CI_PROJECT_ID-$CI_PIPELINE_IID-$CI_JOB_NAME"


def test_every_guard_stands_before_the_cache_bucket():
    recording = runner()
    for guard in (
        "bucketOwnershipControls:BucketOwnershipControls",
        "bucketPublicAccessBlock:BucketPublicAccessBlock",
        "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "bucketPolicy:BucketPolicy",
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    ):
        assert recording.one(f"aws:s3/{guard}").inputs["bucket"] == f"groundwork-account-ci-cache-{ACCOUNT}"


def test_a_connection_that_nobody_has_confirmed_is_said_to_be_pending_with_where_to_go():
    text = waits_for("PENDING", "groundwork-github", "arn:c", "groundwork-account:github.connection", confirmed=False)
    for words in ("groundwork-github", "arn:c", "PENDING", "https://console.aws.amazon.com/", "confirmed"):
        assert words in text
    assert "PENDING, though" in waits_for("PENDING", "n", "arn:c", "s", confirmed=True)
    assert "run `up` again" in waits_for("AVAILABLE", "n", "arn:c", "s", confirmed=False)
    assert waits_for("AVAILABLE", "n", "arn:c", "s", confirmed=True) == ""


def test_a_connection_that_nobody_has_confirmed_brings_no_credential():
    def program() -> None:
        SourceConnection("c", SourceConnectionArgs(forge="gitlab", name="groundwork-gitlab"), with_aws())

    recording = record(program)
    assert recording.one("aws:codeconnections/connection:Connection").inputs["providerType"] == "GitLab"
    assert not recording.of("aws:codebuild/sourceCredential:SourceCredential")
