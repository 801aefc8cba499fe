"""Whose a resource is, and that the tables of kinds are made of operations and members that AWS has."""

from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import jmespath
import pytest
import yaml
from botocore import xform_name
from pydantic.alias_generators import to_camel

from infra.sections.storage import ProtectionSettings
from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.kind import Call, Kind
from operations.leftovers.lists import as_document, as_text
from operations.leftovers.ownership import Scope
from operations.leftovers.scan import KINDS, Retention, as_mapping, scan
from operations.leftovers.subject import DEFAULTS, scope_of
from operations.leftovers.tagged import kind_of

pytestmark = pytest.mark.unit
DEV = Scope(
    environment="dev",
    region="us-east-1",
    account_id="123456789012",
    others=("dev-eu", "prod"),
    teams=("research", "research-late"),
    places=frozenset({"vpc-1", "subnet-1"}),
)


@pytest.mark.parametrize(
    "name",
    [
        "groundwork-dev",
        "groundwork-dev-data-123456789012",
        "groundwork/dev/training",
        "/groundwork/dev/contract/platform",
        "alias/groundwork-dev-logs",
        "/aws/eks/groundwork-dev/cluster",
        "/aws/lambda/groundwork-dev-spend-guard",
        "arn:aws:sns:us-east-1:123456789012:groundwork-dev-alerts",
        "gw-dev/k8s/pause",
    ],
)
def test_a_name_that_the_platform_gives_is_its_own(name: str):
    assert DEV.why(name, {}) == "its name"


@pytest.mark.parametrize(
    "name",
    [
        "groundwork-dev-eu-data-123456789012",
        "groundwork-develop",
        "groundwork-prod",
        "ci-groundwork-dev-preview",
        "my-groundwork-dev",
        "gw-dev-eu/k8s",
        "/aws/sagemaker/TrainingJobs",
        "dev",
    ],
)
def test_a_name_of_another_environment_of_the_account_or_of_a_stranger_is_not(name: str):
    assert DEV.why(name, {}) == ""


def test_a_tag_outweighs_the_name_and_the_vpc():
    assert DEV.why("groundwork-dev-x", {"groundwork:environment": "prod"}, "vpc-1") == ""
    assert DEV.why("x", {"groundwork:environment": "dev"}) == "tag groundwork:environment=dev"
    team = {"groundwork:environment": "dev", "groundwork:team": "research"}
    assert DEV.why("late", team) == "tag groundwork:environment=dev, groundwork:team=research"


def test_what_a_cluster_made_is_known_by_the_clusters_tags_and_what_it_only_uses_is_not():
    assert DEV.why("i-1", {"aws:eks:cluster-name": "groundwork-dev"})
    assert DEV.why("i-1", {"aws:eks:cluster-name": "groundwork-dev-eu"}) == ""
    assert DEV.why("sg-1", {"kubernetes.io/cluster/groundwork-dev": "owned"})
    assert DEV.why("subnet-1", {"kubernetes.io/cluster/groundwork-dev": "shared"}) == ""
    assert DEV.why("eni-1", {}, "vpc-1") == "lies in vpc-1"
    assert DEV.why("eni-1", {}, "vpc-2") == ""


def test_an_endpoints_log_group_belongs_to_the_team_with_the_longest_name_that_fits():
    assert DEV.team_of_log_group("/aws/sagemaker/Endpoints/research-late-flights") == "research-late"
    assert DEV.team_of_log_group("/aws/sagemaker/Endpoints/ranking-x") is None


@pytest.mark.parametrize(
    ("held", "id_"),
    [
        ("vpc-1", "vpc-1"),
        ("arn:aws:codebuild:us-east-1:123456789012:project/groundwork-dev-images", "groundwork-dev-images"),
        ("123456789012:groundwork-dev", "groundwork-dev"),
        ("default/groundwork-dev-spend-guard", "groundwork-dev-spend-guard"),
    ],
)
def test_what_the_state_holds_is_recognized_by_the_end_of_its_id(held: str, id_: str):
    assert Retention(held=frozenset({held})).holds(id_, id_) == "the stack still holds it"
    assert Retention(held=frozenset({held}), guarded=frozenset({held})).holds(id_, id_) == "protected in the stack"
    assert Retention(held=frozenset({f"{held}-2"})).holds(id_, id_) == ""


@pytest.mark.parametrize(
    "tags",
    [
        {"a": "b"},
        [{"Key": "a", "Value": "b"}],
        [{"key": "a", "value": "b"}],
        [{"TagKey": "a", "TagValue": "b"}],
    ],
)
def test_tags_are_read_in_each_of_awss_notations(tags: Any):
    assert as_mapping(tags) == {"a": "b"}
    assert as_mapping(None) == {}


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:ec2:us-east-1:1:vpc/vpc-1", "ec2:vpc"),
        ("arn:aws:s3:::bucket", "s3:"),
        ("arn:aws:rds:us-east-1:1:db:runs", "rds:db"),
        ("arn:aws:logs:us-east-1:1:log-group:/aws/eks/x/cluster", "logs:log-group"),
        ("arn:aws:grafana:us-east-1:1:/workspaces/g-1", "grafana:/workspaces"),
        ("arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-1", "elasticfilesystem:file-system"),
    ],
)
def test_an_arn_says_its_service_and_its_type(arn: str, kind: str):
    assert kind_of(arn) == kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_a_kind_is_made_of_operations_and_arguments_that_aws_has(kind: Kind):
    assert set(kind.arguments) <= set(operation(kind.service, kind.lists).input_shape.members)
    calls = [call for call in (kind.details, kind.tags, kind.contents) if isinstance(call, Call)]
    calls += [] if callable(kind.remove) else kind.remove
    for call in calls:
        shape = operation(kind.service, call.operation).input_shape
        assert set(shape.required_members) <= set(call.arguments) <= set(shape.members), call.operation
        for expression in (*call.arguments.values(), call.answer):
            jmespath.compile(expression)
    for expression in (kind.items, kind.id, kind.name, kind.vpc, kind.going, kind.scheduled):
        if expression:
            jmespath.compile(expression)


def test_what_a_settings_file_does_not_say_is_as_the_program_has_it():
    said = {to_camel(name): field.default for name, field in ProtectionSettings.model_fields.items()}
    assert said == DEFAULTS


def test_only_a_team_that_another_environment_of_the_same_place_has_is_shared(tmp_path: Path):
    written = {
        "dev": {"accountId": "1", "region": "us-east-1", "teams": [{"name": "research"}, {"name": "ranking"}]},
        "prod": {"accountId": "2", "region": "us-east-1", "teams": [{"name": "research"}]},
        "test": {"region": "us-east-1", "teams": [{"name": "ranking"}]},
    }
    for name, settings in written.items():
        config = {f"groundwork:{key}": value for key, value in settings.items()}
        (tmp_path / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
    env: Any = SimpleNamespace(
        name="dev",
        is_local=False,
        region="us-east-1",
        checkout=tmp_path,
        backend="s3://groundwork-dev-state/folder?region=us-east-1",
        secrets_provider="awskms:///alias/groundwork-dev-state?region=us-east-1",
    )
    scope = scope_of(env, "1")
    assert scope.teams == ("research", "ranking")
    assert scope.shared_teams == ("ranking",)
    assert scope.others == ("prod", "test")
    assert scope.spared == {"groundwork-dev-state", "alias/groundwork-dev-state"}


def test_what_keeps_the_stacks_state_is_nobodys_leftover():
    spared = replace(DEV, spared=frozenset({"groundwork-dev-state"}))
    assert DEV.why("groundwork-dev-state", {})
    assert spared.why("groundwork-dev-state", {}) == ""
    assert spared.why("x", {"groundwork:state-of": "dev", "groundwork:environment": "dev"}) == ""
    state = replace(DEV, environment="state")
    assert state.why("groundwork-state-dev-123456789012", {}) == ""
    assert state.why("alias/groundwork-state-dev", {}) == ""


def test_the_three_lists_say_what_each_costs_and_what_could_not_be_looked_at():
    findings = [
        finding("NAT gateway", "nat-1", Fate.LEFTOVER, usd_month=Decimal("32.85")),
        finding("snapshot", "snap-1", Fate.LEFTOVER),
        finding("bucket", "lake", Fate.RETAINED, note="protection.protect", usd_month=Decimal(0)),
        finding("VPC", "vpc-1", Fate.RETAINED, note="the stack still holds it", usd_month=Decimal(0)),
        finding("key", "k-1", Fate.SCHEDULED, note="AWS deletes it on 2026-12-21", usd_month=Decimal(0)),
    ]
    text = as_text(Report(findings, {"trail": "AccessDenied"}), DEV)
    assert "Left over: 2, 32.85 USD a month, and 1 whose price is not known" in text
    assert "price not known" in text
    assert "1 that the stack still holds" in text
    assert "vpc-1" not in text
    assert "Scheduled for deletion by AWS: 1" in text
    assert "trail: AccessDenied" in text
    document = as_document(Report(findings, {}), DEV)
    assert [entry["usd_month"] for entry in document["leftovers"]] == [32.85, None]
    assert not document["empty"]
    assert Report(findings[2:], {}).empty
    assert not Report(findings[2:], {"trail": "AccessDenied"}).empty


def finding(kind: str, id_: str, fate: Fate, **more: Any) -> Finding:
    return Finding(kind=kind, id=id_, name=id_, why="its name", fate=fate, item={}, **more)


def test_each_kind_has_a_word_of_its_own():
    words = [kind.word for kind in KINDS]
    assert len(words) == len(set(words))


@cache
def model(service: str) -> dict[str, Any]:
    described: Any = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): described.operation_model(name) for name in described.operation_names}


def operation(service: str, name: str) -> Any:
    return model(service)[name]


class Account:
    """EC2 and SageMaker of an account with one network of the environment's and two jobs without a tag."""

    def can_paginate(self, operation: str) -> bool:
        return False

    def describe_vpcs(self) -> dict[str, Any]:
        tags = [{"Key": "groundwork:environment", "Value": "dev"}]
        return {"Vpcs": [{"VpcId": "vpc-1", "Tags": tags}, {"VpcId": "vpc-2"}]}

    def describe_subnets(self) -> dict[str, Any]:
        return {"Subnets": [{"SubnetId": f"subnet-{each}", "VpcId": f"vpc-{each}"} for each in (1, 2)]}

    def list_training_jobs(self, StatusEquals: str) -> dict[str, Any]:  # noqa: N803
        jobs = [{"TrainingJobName": f"probe-{each}", "TrainingJobArn": "arn"} for each in (1, 2)]
        return {"TrainingJobSummaries": jobs}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        subnets = [TrainingJobName.replace("probe", "subnet")]
        return {"ResourceConfig": {"InstanceType": "ml.m5.large"}, "VpcConfig": {"Subnets": subnets}}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:  # noqa: N803
        return {"Tags": []}


def test_a_strangers_job_in_the_environments_subnets_keeps_it_and_is_told():
    jobs = [kind for kind in KINDS if kind.word == "training job"]
    report = scan(lambda service: Account(), replace(DEV, places=frozenset()), kinds=jobs, net=False)
    assert report.unseen == {}
    [job] = report.findings
    assert (job.name, job.why, job.fate) == ("probe-1", "lies in subnet-1", Fate.LEFTOVER)
    assert job.usd_month is not None
