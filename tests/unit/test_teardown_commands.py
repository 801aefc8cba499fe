"""`groundwork leftovers` and `groundwork teardown` before they reach anything, and what a stack keeps."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.stack import deploy
from local.errors import LocalStackError
from local.kubernetes.api import ApiError
from local.progress import Progress
from operations.cli import app
from operations.engine_run import StackEngine
from operations.leftovers.ownership import Scope
from operations.leftovers.scan import Retention
from operations.leftovers.subject import Subject
from operations.teardown import in_cluster, protected
from operations.teardown.interfaces import in_the_way, stopped, wait
from operations.teardown_command import Teardown
from tests.unit.recording import record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("arguments", [["leftovers", "dev", "--remove"], ["teardown", "dev"]])
def test_without_a_terminal_and_without_consent_nothing_happens(arguments: list[str]):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert f"groundwork {' '.join(arguments)} -y" in done.output


@pytest.mark.parametrize("command", ["leftovers", "teardown"])
def test_help_has_an_example_and_the_exit_codes(command: str):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"groundwork {command} dev" in done.output
    assert "Exit codes: 0" in done.output


@pytest.mark.parametrize("command", ["leftovers", "teardown"])
def test_an_environment_without_settings_is_refused_in_words(command: str):
    done = CliRunner().invoke(app, [command, "nowhere", "-y"])
    assert done.exit_code == 1
    assert "There is no Pulumi.nowhere.yaml." in done.output
    assert "Traceback" not in done.output


ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::groundwork::{type_}::{name}"


def resource(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "urn": urn(type_, name), "id": name, **more}


class Holding:
    """S3 and ECR with these buckets and repositories, each of which holds something."""

    def __init__(self, *names: str):
        self._names = names

    def list_object_versions(self, Bucket: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803
        return {"DeleteMarkers": [{"Key": "k"}]} if Bucket in self._names else {}

    def list_images(self, repositoryName: str, maxResults: int) -> dict[str, Any]:  # noqa: N803
        return {"imageIds": [{"imageTag": "1"}] if repositoryName in self._names else []}


def test_only_what_holds_something_and_may_not_be_emptied_is_kept():
    bucket, repository = "aws:s3/bucket:Bucket", "aws:ecr/repository:Repository"
    state = [
        resource(bucket, "full", inputs={"forceDestroy": False}),
        resource(bucket, "empty", inputs={}),
        resource(bucket, "may-go", inputs={"forceDestroy": True}),
        resource(bucket, "guarded", inputs={}, protect=True),
        resource(repository, "images", inputs={"forceDelete": False}),
    ]
    holding = Holding("full", "may-go", "guarded", "images")
    found = protected.not_empty(state, lambda service: holding)
    assert [each["id"] for each in found] == ["full", "images"]
    assert [each["id"] for each in protected.protected(state)] == ["guarded"]


def test_what_stays_keeps_the_key_of_its_objects_and_what_guards_it():
    state = [
        resource("aws:kms/key:Key", "key"),
        resource("aws:kms/alias:Alias", "alias", inputs={"targetKeyId": "key"}),
        resource("aws:s3/bucket:Bucket", "kept", inputs={}),
        resource(ENCRYPTION, "encryption", inputs={"bucket": "kept"}, dependencies=[urn("aws:kms/key:Key", "key")]),
        resource("aws:s3/bucketPolicy:BucketPolicy", "policy", inputs={"bucket": "kept"}),
        resource("aws:s3/bucket:Bucket", "gone", inputs={}),
        resource("aws:s3/bucketPolicy:BucketPolicy", "other", inputs={"bucket": "gone"}),
        resource("aws:iam/role:Role", "role", inputs={}, propertyDependencies={"x": [urn("aws:kms/key:Key", "key")]}),
    ]
    staying = protected.kept_with(state, [state[2]])
    assert [each["id"] for each in staying] == ["key", "alias", "kept", "encryption", "policy"]


def test_every_setting_that_the_program_makes_of_a_bucket_a_repository_or_a_key_stays_with_it():
    made = {each.type for each in record(deploy, stack="prod", config=settings_of("prod")).registrations}
    settings_of_these = {
        each
        for each in made
        if each.startswith(("aws:s3/bucket", "aws:ecr/lifecycle", "aws:ecr/repositoryPolicy", "aws:kms/"))
        and each not in ("aws:s3/bucket:Bucket", "aws:kms/key:Key")
    }
    assert settings_of_these <= set(protected.GUARDS)
    assert len(settings_of_these) >= 8


def test_a_cluster_that_eks_protects_is_told():
    cluster = "aws:eks/cluster:Cluster"
    assert protected.guarded_cluster([resource(cluster, "main", outputs={"deletionProtection": True})]) == "main"
    assert protected.guarded_cluster([resource(cluster, "main", outputs={"deletionProtection": False})]) == ""


class Clusters:
    """EKS with one cluster."""

    exceptions = SimpleNamespace(ResourceNotFoundException=LookupError)

    def __init__(self, status: str):
        self._status = status

    def describe_cluster(self, name: str) -> dict[str, Any]:
        return {"cluster": {"endpoint": "https://x", "status": self._status, "certificateAuthority": {"data": ""}}}


def test_a_cluster_that_is_being_deleted_is_not_asked_any_more():
    assert in_cluster.api_of(lambda service: Clusters("DELETING"), "groundwork-dev", "eu-central-1", {}) is None
    assert in_cluster.api_of(lambda service: Clusters("ACTIVE"), "groundwork-dev", "eu-central-1", {}) is not None


class Shut:
    """A cluster that lets nobody in."""

    def __init__(self, *arguments: Any, **options: Any):
        pass

    def balancers(self) -> int:
        raise ApiError(403, "Forbidden", "services is forbidden")


def clearing(monkeypatch: pytest.MonkeyPatch, *state: dict[str, Any], existing: str = "") -> None:
    monkeypatch.setattr(in_cluster, "api_of", lambda *_: object())
    monkeypatch.setattr(in_cluster, "Clearing", Shut)
    task = Teardown.__new__(Teardown)
    scope = Scope(environment="dev", region="eu-central-1", account_id="123456789012", existing_cluster=existing)
    task._subject = Subject(clients=lambda _: None, scope=scope, retention=Retention(), state=state)
    task._engine = StackEngine(program=Path(), folder=Path(), stack="dev", variables={})
    task._progress = Progress()
    task._clear_the_cluster()


def test_a_cluster_that_shuts_its_door_is_done_with_once_no_object_of_the_stack_is_in_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    left = resource("kubernetes:core/v1:Namespace", "research")
    with pytest.raises(LocalStackError, match="services is forbidden"):
        clearing(monkeypatch, left)
    clearing(monkeypatch, resource("aws:eks/cluster:Cluster", "main"))
    assert "nothing of the stack is in it any more" in capsys.readouterr().out


def test_somebody_elses_cluster_is_not_cleared_even_if_it_bears_the_environments_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    clearing(monkeypatch, resource("kubernetes:core/v1:Namespace", "research"), existing="groundwork-dev")
    assert "is somebody else's" in capsys.readouterr().out


def interface(id_: str, description: str = "", **more: Any) -> dict[str, Any]:
    return {"NetworkInterfaceId": id_, "SubnetId": "subnet-1", "Description": description, **more}


class Interfaces:
    """EC2 with these interfaces in each place that is asked about."""

    def __init__(self, *there: dict[str, Any]):
        self.there, self.asked = there, list[str]()

    def get_paginator(self, operation: str) -> "Interfaces":
        assert operation == "describe_network_interfaces"
        return self

    def paginate(self, Filters: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
        self.asked += [f"{each['Name']}={','.join(each['Values'])}" for each in Filters]
        return [{"NetworkInterfaces": self.there}]


def test_what_keeps_a_network_is_named_with_whose_it_is_and_how_it_is_ended():
    state = [
        resource("aws:ec2/vpc:Vpc", "vpc-1"),
        resource("aws:ec2/securityGroup:SecurityGroup", "sg-1"),
        resource("aws:ec2/natGateway:NatGateway", "nat-0a1b2c3d"),
        resource("aws:ec2/instance:Instance", "i-ours"),
    ]
    ec2 = Interfaces(
        interface("eni-nat", "Interface for NAT Gateway nat-0a1b2c3d", RequesterManaged=True),
        interface("eni-ours", Attachment={"InstanceId": "i-ours"}),
        interface("eni-job", "made for a job", RequesterManaged=True, RequesterId="123456789012:sagemaker"),
        interface("eni-theirs", Attachment={"InstanceId": "i-theirs"}),
        interface("eni-left", TagSet=[{"Key": "groundwork:team", "Value": "research"}]),
        interface("eni-balancer", "ELB app/k8s-1", Attachment={"InstanceOwnerId": "amazon-elb"}),
    )
    found = in_the_way(state, lambda service: ec2)
    assert ec2.asked == ["vpc-id=vpc-1", "group-id=sg-1"]
    assert [each.id for each in found] == ["eni-job", "eni-theirs", "eni-left", "eni-balancer"]
    assert [each.is_strange for each in found] == [True, False, True, False]
    told = str(stopped(found))
    assert told.startswith("4 network interfaces that are not the stack's kept its network from going:")
    assert (
        "eni-job in subnet-1: made for a job; asked for by 123456789012:sagemaker; "
        "end what it is for: AWS takes it away some minutes later"
    ) in told
    assert "of the machine i-theirs; nobody's by its tags; aws ec2 terminate-instances --instance-ids i-theirs" in told
    assert "eni-left in subnet-1: no description; groundwork:team=research; aws ec2 delete-network-interface" in told


def test_a_stack_without_a_network_has_nothing_in_its_way():
    assert in_the_way([resource("aws:s3/bucket:Bucket", "b")], lambda service: None) == []


def test_an_interface_that_aws_takes_away_is_waited_for_and_named_where_it_stays():
    state, ec2 = [resource("aws:ec2/vpc:Vpc", "vpc-1")], Interfaces(interface("eni-job", RequesterManaged=True))
    said: list[str] = []

    def look() -> list[Any]:
        found = in_the_way(state, lambda service: ec2)
        if len(said) == 2:
            ec2.there = ()
        return found

    wait(look, said.append, patience_s=60, pause_s=0)
    assert said == ["waiting for AWS to take 1 away: eni-job"] * 3
    ec2.there = (interface("eni-job", RequesterManaged=True),)
    with pytest.raises(LocalStackError, match="eni-job"):
        wait(lambda: in_the_way(state, lambda service: ec2), said.append, patience_s=0, pause_s=0)
