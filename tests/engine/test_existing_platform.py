"""The whole platform on a network, keys and a cluster of somebody else's: it comes up, goes, and leaves theirs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.keys import logs_key_policy
from local.kubernetes.api import ApiClient
from tests.checkout import Checkout, fresh_checkout
from tests.engine.leftovers import api_server

pytestmark = [pytest.mark.engine, pytest.mark.full, pytest.mark.timeout(2400)]
ACCOUNT = "123456789012"
CLUSTER = "shared"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/platform-admin"
THEIRS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout whose services run, and whose stack has never been up."""
    made = fresh_checkout(tmp_path / "groundwork")
    try:
        made.must("make", "install")
        made.must(".venv/bin/groundwork", "local", "up", "--until", "services")
        yield made
    finally:
        made.run("make", "local-stop")


def make_network(checkout: Checkout) -> tuple[str, list[str]]:
    ec2 = checkout.aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("ab")
    ]
    return vpc, [each["Subnet"]["SubnetId"] for each in subnets]


def make_cluster(checkout: Checkout, subnets: list[str]) -> None:
    """In Auto Mode, with somebody's object in it; lets the platform's administrator in."""
    iam, eks = checkout.aws("iam"), checkout.aws("eks")
    statement = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="shared-nodes", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    eks.create_cluster(
        name=CLUSTER,
        roleArn=role,
        resourcesVpcConfig={"subnetIds": subnets, "endpointPrivateAccess": True},
        computeConfig={"enabled": True, "nodePools": ["system"], "nodeRoleArn": role},
        kubernetesNetworkConfig={"elasticLoadBalancing": {"enabled": True}},
        storageConfig={"blockStorage": {"enabled": True}},
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        bootstrapSelfManagedAddons=False,
    )
    eks.create_access_entry(clusterName=CLUSTER, principalArn=ADMIN)
    eks.associate_access_policy(
        clusterName=CLUSTER,
        principalArn=ADMIN,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )


def configure(checkout: Checkout, existing: dict[str, Any]) -> None:
    file = checkout.folder / "Pulumi.local.yaml"
    document = yaml.safe_load(file.read_text())
    for section, value in existing.items():
        document["config"][f"groundwork:{section}"] = {"existing": value}
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def theirs(api: ApiClient) -> list[str]:
    return [item["metadata"]["name"] for item in api.get(THEIRS)["items"]]


def test_the_platform_comes_up_on_what_exists_and_a_teardown_leaves_that_alone(checkout: Checkout):
    vpc, subnets = make_network(checkout)
    kms = checkout.aws("kms")
    logs = kms.create_key(Policy=logs_key_policy("aws", "us-east-1", ACCOUNT))["KeyMetadata"]["Arn"]
    keys = {"data": kms.create_key()["KeyMetadata"]["Arn"], "logs": logs}
    make_cluster(checkout, subnets)
    configure(
        checkout,
        {"network": {"vpcId": vpc, "privateSubnetIds": subnets}, "keys": keys, "cluster": {"name": CLUSTER}},
    )
    checkout.must(".venv/bin/groundwork", "local", "up", "--until", "stack")

    state = json.loads(checkout.must_pulumi("stack", "export"))["deployment"]["resources"]
    types = [each["type"] for each in state if not each.get("external")]
    assert not {"aws:eks/cluster:Cluster", "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"} & set(types)
    assert types.count("aws:kms/key:Key") > 0
    contract = json.loads(checkout.must_pulumi("stack", "output", "contract", "--json"))
    assert contract["cluster"]["name"] == CLUSTER
    assert contract["network"]["vpc_id"] == vpc
    assert contract["storage"]["kms_key_arn"] == keys["data"]
    api = api_server(checkout)
    assert "research" in [item["metadata"]["name"] for item in api.get("/api/v1/namespaces")["items"]]
    checkout.must_pulumi("preview", "--expect-no-changes")

    api.request("POST", THEIRS, body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}})
    told = checkout.must(".venv/bin/groundwork", "teardown", "local", "-y", "--stop-jobs", "--remove-leftovers")
    for each in (vpc, CLUSTER, *subnets, *(arn.rpartition("/")[2] for arn in keys.values())):
        assert f"  {each} " not in told, told
    assert {kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] for arn in keys.values()} == {"Enabled"}
    assert len(checkout.aws("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]) == len(subnets)
    assert checkout.aws("eks").describe_cluster(name=CLUSTER)["cluster"]["status"] == "ACTIVE"
    assert "theirs" in theirs(api)
    spaces = [item["metadata"]["name"] for item in api.get("/api/v1/namespaces")["items"]]
    assert "research" not in spaces
