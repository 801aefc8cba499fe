"""Managed pools through the genuine engine: up, an empty preview, changes of each kind, destroy, and nothing left."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.providers.harness import AwsServer
from tests.local.engine_project import Project, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
QUIET = ("same", "refresh")
ROOT = Path(__file__).parents[2]
PROGRAM = """
import json
import sys

sys.path.insert(0, %(root)r)
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.cluster_roles import cluster_trust
from components.gpu_sharing import GpuSharing
from components.instance_facts import instance
from components.managed_node_pool import ManagedNodePool, ManagedNodePoolArgs
from components.managed_nodes import ManagedNodes, ManagedNodesArgs
from components.placement import Placement

settings = pulumi.Config()
placement = Placement(prefix="groundwork-test", environment="test", region="us-east-1", account_id="123456789012")
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
opts = pulumi.ResourceOptions(providers={"aws": provider})
one = pulumi.ResourceOptions(provider=provider)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=one)
subnets = [
    aws.ec2.Subnet(f"s{n}", vpc_id=vpc.id, cidr_block=f"10.0.{n}.0/24", availability_zone=f"us-east-1{z}", opts=one)
    for n, z in enumerate("ab")
]
role = aws.iam.Role("cluster", assume_role_policy=cluster_trust(), opts=one)
cluster = aws.eks.Cluster(
    "cluster",
    name="groundwork-test",
    version=settings.get("version") or "1.35",
    role_arn=role.arn,
    vpc_config={"subnet_ids": [subnet.id for subnet in subnets]},
    access_config={"authentication_mode": "API"},
    opts=one,
)
kubernetes = k8s.Provider("kubernetes", kubeconfig="{}")
wanted = ManagedNodesArgs(placement=placement, cluster_name=cluster.name, provider=kubernetes)
shared = ManagedNodes("nodes", wanted, opts)


def pool(name, instance_type, limit, **more):
    args = ManagedNodePoolArgs(
        placement=placement,
        name=name,
        version=settings.get("version") or "1.35",
        machine=instance(instance_type),
        capacity="on-demand",
        limit=limit,
        cluster_name=cluster.name,
        node_role_arn=shared.node_role_arn,
        subnet_ids=[subnets[0].id],
        security_group_id=cluster.vpc_config.cluster_security_group_id,
        ready=shared.ready,
        provider=kubernetes,
        **more,
    )
    return ManagedNodePool(f"pool-{name}", args, opts)


labels = json.loads(settings.get("labels") or "{}")
pool("slices", "p4d.24xlarge", int(settings.get("limit") or 8), sharing=GpuSharing(kind="mig", profile="1g.5gb"))
pool("cluster", "p5.48xlarge", 32, efa=True, labels=labels, disk_gib=int(settings.get("disk") or 200))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, AwsServer]]:
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        project = new_project(tmp_path_factory.mktemp("project"), server.environment)
        project.write(PROGRAM % {"root": str(ROOT)})
        yield project, server


def planned(project: Project, *options: str) -> dict[str, str]:
    """What a preview would do, by logical name."""
    document = json.loads(must(project, "preview", "--json", *options))
    return {step["urn"].rpartition("::")[2]: step["op"] for step in document["steps"] if step["op"] not in QUIET}


def group(server: AwsServer, name: str) -> dict[str, object]:
    return server.call("eks", "describe_nodegroup", clusterName="groundwork-test", nodegroupName=name)["nodegroup"]


def test_managed_pools_come_up_change_in_place_and_leave_nothing(stack: tuple[Project, AwsServer]):
    project, server = stack
    must(project, "up", "--yes", "--skip-preview")
    assert group(server, "slices")["scalingConfig"] == {"minSize": 0, "maxSize": 1, "desiredSize": 0}
    [scaling_group] = group(server, "cluster")["resources"]["autoScalingGroups"]
    told = server.call("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[scaling_group["name"]])
    tags = {tag["Key"]: tag["Value"] for tag in told["AutoScalingGroups"][0]["Tags"]}
    assert tags["k8s.io/cluster-autoscaler/groundwork-test"] == "owned"
    assert tags["k8s.io/cluster-autoscaler/node-template/resources/vpc.amazonaws.com/efa"] == "32"

    # The autoscaler starts two nodes: nothing of that is to be taken back.
    server.call("autoscaling", "set_desired_capacity", AutoScalingGroupName=scaling_group["name"], DesiredCapacity=2)
    assert planned(project, "--refresh") == {}

    project.config({"limit": "16", "labels": '{"tier": "gold"}', "disk": "500", "version": "1.36"})
    assert planned(project) == {
        "cluster": "update",
        "pool-slices-group": "update",
        "pool-cluster-launch-template": "update",
        "pool-cluster-group": "update",
    }
    must(project, "up", "--yes", "--skip-preview")
    changed = group(server, "cluster")
    assert changed["launchTemplate"]["version"] == "2"
    assert changed["labels"]["tier"] == "gold"
    assert changed["version"] == "1.36"
    assert changed["scalingConfig"]["desiredSize"] == 2
    assert group(server, "slices")["scalingConfig"]["maxSize"] == 2
    assert group(server, "slices")["launchTemplate"]["version"] == "1"

    must(project, "destroy", "--yes", "--skip-preview")
    assert server.call("eks", "list_clusters")["clusters"] == []
    assert server.call("ec2", "describe_launch_templates")["LaunchTemplates"] == []
    assert server.call("ec2", "describe_placement_groups")["PlacementGroups"] == []
    names = [role["RoleName"] for role in server.call("iam", "list_roles")["Roles"]]
    assert [name for name in names if re.match("groundwork-test", name)] == []
