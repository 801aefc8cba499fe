"""Node groups of the AWS server: what is refused, who is let in, and the Auto Scaling group behind them."""

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.providers.harness import AwsServer, Plugin, ProviderError

sys.path.insert(0, str(Path(__file__).parent))
from aws_cases_node_pools import node_group, template
from aws_provider_cases import DEFAULT_TAGS, World

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
GROUP = "aws:eks/nodeGroup:NodeGroup"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as server:
        plugin = Plugin(server.environment, {"region": "us-east-1", "defaultTags": json.dumps({"tags": DEFAULT_TAGS})})
        yield World(plugin, server)
        plugin.close()


def test_a_node_group_lets_the_role_of_its_nodes_in(world: World):
    inputs = node_group(world)
    world.make(GROUP, **inputs)
    told = world.server.call(
        "eks", "describe_access_entry", clusterName=world.cluster, principalArn=inputs["nodeRoleArn"]
    )
    assert told["accessEntry"]["type"] == "EC2_LINUX"


def test_a_cluster_stays_as_long_as_it_has_a_node_group(world: World):
    role = world.role().state["arn"]
    access = {"authenticationMode": "API"}
    cluster = world.make("aws:eks/cluster:Cluster", roleArn=role, vpcConfig=world.placement, accessConfig=access)
    group = world.make(GROUP, **{**node_group(world), "clusterName": cluster.id})
    with pytest.raises(ProviderError, match="nodegroups attached"):
        world.plugin.delete(cluster)
    world.plugin.delete(group)
    world.plugin.delete(cluster)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scalingConfig": {"minSize": 2, "maxSize": 4, "desiredSize": 1}}, "can't be greater"),
        ({"subnetIds": ["subnet-0a1b2c3d"]}, "subnet-0a1b2c3d"),
        ({"nodeRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "does not exist"),
        ({"version": "1.99"}, "newer than the cluster"),
        ({"capacityType": "CAPACITY_BLOCK"}, "capacity-block of the launch template"),
    ],
)
def test_what_eks_refuses_is_refused(world: World, change: dict[str, object], said: str):
    with pytest.raises(ProviderError, match=said):
        world.make(GROUP, **{**node_group(world), **change})


def test_an_instance_type_is_said_once(world: World):
    chosen = {"id": template(world).id, "version": "1"}
    with pytest.raises(ProviderError, match="both in the launch template"):
        world.make(GROUP, **node_group(world, launchTemplate=chosen, instanceTypes=["m7i.large"]))


def test_a_node_group_is_upgraded_in_place(world: World):
    live = world.make(GROUP, **node_group(world))
    world.plugin.update(live, {**live.inputs, "releaseVersion": "1.36.1-local"})
    assert live.state["releaseVersion"] == "1.36.1-local"


def test_a_new_version_of_the_launch_template_is_rolled_out_in_place(world: World):
    made = template(world)
    live = world.make(GROUP, **node_group(world, launchTemplate={"id": made.id, "version": "1"}))
    world.plugin.update(made, {**made.inputs, "instanceType": "g5.2xlarge"})
    assert str(made.state["latestVersion"]) == "2"
    world.plugin.update(live, {**live.inputs, "launchTemplate": {"id": made.id, "version": "2"}})
    assert live.state["launchTemplate"]["version"] == "2"


def test_a_tag_of_a_scaling_group_changes_in_place(world: World):
    live = world.make(GROUP, **node_group(world))
    name = live.state["resources"][0]["autoscalingGroups"][0]["name"]
    tag = {"key": "word", "value": "one", "propagateAtLaunch": False}
    tagged = world.make("aws:autoscaling/tag:Tag", autoscalingGroupName=name, tag=tag)
    before = copy.deepcopy(tagged)
    news = {**tagged.inputs, "tag": {**tag, "value": "two"}}
    assert not list(world.plugin.diff(tagged, news).replaces)
    world.plugin.update(tagged, news)
    refreshed = world.plugin.read(before)
    assert refreshed is not None
    assert refreshed.state["tag"]["value"] == "two"
    assert list(world.plugin.diff(tagged, {**tagged.inputs, "tag": {**tag, "key": "other"}}).replaces)
