"""A network, keys and a cluster of somebody else's, under the genuine engine: looked at, used, and never touched."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.keys import logs_key_policy
from operations.environments import OperatedEnvironment
from operations.leftovers.finding import Fate
from operations.leftovers.scan import KINDS, scan
from operations.leftovers.subject import scope_of
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
ASKED = [kind for kind in KINDS if kind.word in ("VPC", "subnet", "security group", "key", "cluster")]

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
import pulumi_aws as aws
from components.cluster import Cluster
from components.existing_cluster import ExistingCluster
from components.keys import Keys, KeysArgs
from components.network import ExistingNetwork, Network
from components.placement import Placement
from components.tagging import platform_tags, register_tagging

register_tagging("groundwork-test", "test")
config = pulumi.Config()
tags = aws.ProviderDefaultTagsArgs(tags=platform_tags("test", {{}}))
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local", default_tags=tags)
place = Placement(prefix="groundwork-test", environment="test", region="us-east-1", account_id="{ACCOUNT}")
made = pulumi.ResourceOptions(providers={{"aws": provider}})
network = Network(
    "network",
    ExistingNetwork(vpc_id=config.require("vpc"), private_subnet_ids=config.require_object("subnets")),
    made,
)
keys = Keys("keys", KeysArgs(placement=place, protect=True, existing=config.require_object("keys")), made)
cluster = Cluster(
    "cluster",
    ExistingCluster(
        placement=place, name=config.require("cluster"), vpc_id=network.vpc_id, profile="groundwork-local"
    ),
    made,
)
aws.ec2.SecurityGroup("group", vpc_id=network.vpc_id, opts=pulumi.ResourceOptions(provider=provider))
aws.cloudwatch.LogGroup(
    "logs", name="/probe", kms_key_id=keys.logs_arn, opts=pulumi.ResourceOptions(provider=provider)
)
pulumi.export("cluster", {{"arn": cluster.arn, "role": cluster.node_role_name, "group": cluster.security_group_id}})
"""


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path) -> Project:
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    made.config({"pulumi:disable-default-providers": '["aws", "kubernetes"]'})
    return made


def make_network(server: AwsServerProcess, zones: str = "ab", *, dns: bool = True) -> tuple[str, list[str]]:
    """A VPC and a subnet in each of the zones."""
    ec2 = server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": dns})
    made = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate(zones)
    ]
    return vpc, [each["Subnet"]["SubnetId"] for each in made]


def make_key(server: AwsServerProcess, policy: str | None = None) -> str:
    given = {"Policy": policy} if policy else {}
    return server.client("kms").create_key(Description="ours since 2019", **given)["KeyMetadata"]["Arn"]


def make_cluster(server: AwsServerProcess, subnets: list[str], **more: Any) -> str:
    """A cluster in Auto Mode, unless `more` says otherwise."""
    iam = server.client("iam")
    statement = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="shared-nodes", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    auto = {
        "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": role},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
        "storageConfig": {"blockStorage": {"enabled": True}},
        "accessConfig": {"authenticationMode": "API"},
        "bootstrapSelfManagedAddons": False,
    }
    server.client("eks").create_cluster(
        name="shared", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, **{**auto, **more}
    )
    return "shared"


def configure(project: Project, vpc: str, subnets: list[str], keys: Mapping[str, str], cluster: str) -> None:
    project.config(
        {"vpc": vpc, "subnets": json.dumps(subnets), "keys": json.dumps(dict(keys)), "cluster": cluster},
    )


def state(project: Project) -> list[dict[str, Any]]:
    text = must(project, "stack", "export")
    return json.loads(text)["deployment"].get("resources") or []


def test_what_exists_is_used_and_outlives_the_stack(project: Project, server: AwsServerProcess) -> None:
    vpc, subnets = make_network(server)
    keys = {"data": make_key(server), "logs": make_key(server, logs_key_policy("aws", "us-east-1", ACCOUNT))}
    configure(project, vpc, subnets, keys, make_cluster(server, subnets))
    said = must(project, "up", "--yes", "--skip-preview")
    assert "kubernetes.io/role/internal-elb" in said, "the tag that load balancers look for is missing, and nobody said"
    output = json.loads(must(project, "stack", "output", "cluster", "--json"))
    assert output["arn"] == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/shared"
    assert output["role"] == "shared-nodes"
    assert output["group"].startswith("sg-")

    held = [each for each in state(project) if each["custom"] and not each["type"].startswith("pulumi:")]
    assert {each["type"] for each in held} == {
        *("aws:kms/key:Key", "aws:kms/alias:Alias"),
        *("aws:ec2/securityGroup:SecurityGroup", "aws:cloudwatch/logGroup:LogGroup"),
    }
    external = {each["id"] for each in held if each.get("external")}
    assert external == {arn.rpartition("/")[2] for arn in keys.values()}
    must(project, "preview", "--expect-no-changes")
    must(project, "refresh", "--yes")
    must(project, "preview", "--expect-no-changes")
    kms = server.client("kms")
    tags = kms.list_resource_tags(KeyId=keys["data"])["Tags"]
    assert tags == [], "reading it has put the platform's tags on it"

    must(project, "state", "unprotect", "--all", "--yes")
    must(project, "destroy", "--yes", "--skip-preview")
    assert {kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] for arn in keys.values()} == {"Enabled"}
    assert server.client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert server.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
    assert server.client("eks").describe_cluster(name="shared")["cluster"]["status"] == "ACTIVE"


def test_what_does_not_fit_is_said_in_words_before_anything_is_made(project: Project, server: AwsServerProcess) -> None:
    vpc, subnets = make_network(server, "aa", dns=False)
    ours, theirs = make_network(server)
    server.client("ec2").modify_subnet_attribute(SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True})
    configure(project, vpc, [*subnets, theirs[0]], {}, make_cluster(server, theirs))
    said = words(project)
    for sentence in (
        f"groundwork:network.existing: the VPC {vpc} does not fit; nothing of it has been changed.",
        "its DNS hostnames is off",
        f"{subnets[0]} gives machines public addresses",
        f"{theirs[0]} lies in {ours}, not in {vpc}",
    ):
        assert sentence in said, said

    configure(project, ours, theirs, {"logs": make_key(server)}, "shared")
    said = words(project)
    assert "groundwork:keys.existing.logs: the key " in said, said
    assert '"Sid": "LogGroupsOfThisAccount"' in said, "the statement to add is shown"

    other, elsewhere = make_network(server)
    configure(project, other, elsewhere, {}, "shared")
    said = words(project)
    assert "groundwork:cluster.existing: the cluster shared does not fit" in said, said
    assert f"it lies in {ours}; groundwork:network.existing.vpcId is {other}" in said, said

    configure(project, "vpc-0123456789abcdef0", elsewhere, {}, "shared")
    said = words(project)
    assert "groundwork:network.existing: it cannot be looked at: ec2:DescribeVpcs: InvalidVpcID.NotFound" in said, said
    assert state(project) == []


def test_what_somebody_else_looks_after_is_no_leftover_even_with_the_environments_tags(
    server: AwsServerProcess, tmp_path: Path
) -> None:
    vpc, subnets = make_network(server)
    key, cluster = make_key(server), make_cluster(server, subnets)
    ec2, kms, eks = server.client("ec2"), server.client("kms"), server.client("eks")
    ec2.create_tags(Resources=[vpc, *subnets], Tags=[{"Key": "groundwork:environment", "Value": "test"}])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "groundwork:environment", "TagValue": "test"}])
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    eks.tag_resource(resourceArn=arn, tags={"groundwork:environment": "test"})
    given = {
        "region": "us-east-1",
        "network": {"existing": {"vpcId": vpc, "privateSubnetIds": subnets}},
        "keys": {"existing": {"data": key}},
        "cluster": {"existing": {"name": cluster}},
    }
    settings = {"config": {f"groundwork:{name}": value for name, value in given.items()}}
    (tmp_path / "Pulumi.test.yaml").write_text(yaml.safe_dump(settings))
    env = OperatedEnvironment(
        name="test",
        profile="groundwork-test",
        account_id=ACCOUNT,
        region="us-east-1",
        backend=None,
        secrets_provider=None,
        checkout=tmp_path,
    )
    scope = scope_of(env, ACCOUNT)
    theirs = {vpc, *subnets, key.rpartition("/")[2], cluster}

    def found(spared: frozenset[str]) -> set[str]:
        report = scan(cache(server.client), replace(scope, spared=spared), kinds=ASKED, net=False)
        return {finding.id for finding in report.of(Fate.LEFTOVER)} | {finding.name for finding in report.findings}

    assert theirs <= found(frozenset()), "the tags alone would do"
    assert not [name for name in found(scope.spared) if any(each in name for each in theirs)]


def words(project: Project) -> str:
    """What a preview that fails says, on one line each; never a traceback."""
    failed = project.run("preview")
    assert failed.returncode != 0, failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr, failed.stdout
    return failed.stdout
