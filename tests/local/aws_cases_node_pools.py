"""The examples of launch templates, placement groups and managed node groups."""

import base64
import itertools
from typing import Any

from aws_provider_cases import Case, World, unique

from local.providers.harness import Live

_NUMBERS = itertools.count(1)


def template(world: World, **more: Any) -> Live:
    """A launch template that a node group can use."""
    return world.make("aws:ec2/launchTemplate:LaunchTemplate", instanceType="g5.xlarge", **more)


def node_group(world: World, **more: Any) -> dict[str, Any]:
    return {
        "clusterName": world.cluster,
        "nodeGroupName": unique("group"),
        "nodeRoleArn": world.role("ec2").state["arn"],
        "subnetIds": [world.subnets[0]],
        "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 0},
        **more,
    }


def used_template(world: World) -> dict[str, Any]:
    made = template(world)
    return {"id": made.id, "version": "1"}


def scaling_group(world: World) -> str:
    group = world.make("aws:eks/nodeGroup:NodeGroup", **node_group(world, instanceTypes=["m7i.large"]))
    return group.state["resources"][0]["autoscalingGroups"][0]["name"]


def text(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


CARD = {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa", "deleteOnTermination": "true"}
CASES: dict[str, Case] = {
    "aws:ec2/launchTemplate:LaunchTemplate": Case(
        lambda w: {
            "name": unique("template"),
            "description": "nodes",
            "instanceType": "p5.48xlarge",
            "updateDefaultVersion": True,
            "userData": text("[settings]"),
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
            "monitoring": {"enabled": True},
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeType": "gp3", "volumeSize": 20}}
            ],
            "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "node"}}],
        },
        {
            "name": lambda w: unique("renamed"),
            "description": "other nodes",
            "updateDefaultVersion": False,
            "imageId": "ami-12c6146b",
            "instanceType": "p4d.24xlarge",
            "userData": text("[settings.kubernetes]"),
            "vpcSecurityGroupIds": lambda w: [w.group()],
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeType": "gp3", "volumeSize": 500}}
            ],
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 2},
            "monitoring": {"enabled": False},
            "placement": {"groupName": "close"},
            "networkInterfaces": lambda w: [
                {**CARD, "securityGroups": [w.group()]},
                {**CARD, "networkCardIndex": 1, "deviceIndex": 1, "interfaceType": "efa-only"},
            ],
            "capacityReservationSpecification": {
                "capacityReservationTarget": {"capacityReservationId": "cr-0a1b2c3d4e5f60718"}
            },
            "instanceMarketOptions": {"marketType": "capacity-block"},
            "tagSpecifications": [{"resourceType": "volume", "tags": {"Name": "disk"}}],
        },
    ),
    "aws:ec2/placementGroup:PlacementGroup": Case(
        lambda w: {"name": unique("close"), "strategy": "partition", "partitionCount": 2},
        {"name": lambda w: unique("closer"), "strategy": "cluster", "partitionCount": 3},
        unchanged={"spreadLevel": "goes with another strategy, which replaces it"},
        with_change={"strategy": lambda w: {"partitionCount": None}},
    ),
    "aws:eks/nodeGroup:NodeGroup": Case(
        lambda w: node_group(w, launchTemplate=used_template(w), labels={"tier": "gold"}),
        {
            "clusterName": World.new_cluster,
            "nodeGroupName": lambda w: unique("renamed"),
            "nodeRoleArn": lambda w: w.role("ec2").state["arn"],
            "subnetIds": lambda w: [w.subnets[1]],
            "amiType": "BOTTLEROCKET_x86_64_NVIDIA",
            "capacityType": "SPOT",
            "diskSize": 100,
            "instanceTypes": ["m7i.xlarge"],
            "scalingConfig": {"minSize": 1, "maxSize": 5, "desiredSize": 1},
            "updateConfig": {"maxUnavailable": 2},
            "nodeRepairConfig": {"enabled": True},
            "launchTemplate": lambda w: used_template(w),
            "labels": {"tier": "silver"},
            "taints": [{"key": "example.com/team", "value": "a", "effect": "NO_SCHEDULE"}],
            "forceUpdateVersion": True,
        },
        unchanged={
            "version": "test_a_node_group_is_upgraded_in_place",
            "releaseVersion": "test_a_node_group_is_upgraded_in_place",
        },
        with_change={
            "diskSize": lambda w: {"launchTemplate": None},
            "instanceTypes": lambda w: {"launchTemplate": None},
        },
    ),
    "aws:autoscaling/tag:Tag": Case(
        lambda w: {
            "autoscalingGroupName": scaling_group(w),
            "tag": {"key": f"word-{next(_NUMBERS)}", "value": "one", "propagateAtLaunch": False},
        },
        {"autoscalingGroupName": scaling_group},
        unchanged={"tag": "its key replaces and its value updates: test_a_tag_of_a_scaling_group_changes_in_place"},
    ),
}
CANNOT_BE_LEFT_OUT = {
    ("aws:eks/nodeGroup:NodeGroup", "launchTemplate"): "a node group stays with its launch template",
    (
        "aws:ec2/launchTemplate:LaunchTemplate",
        "updateDefaultVersion",
    ): "it says what an update does, and is nothing to read",
}
