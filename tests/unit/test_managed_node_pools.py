"""Managed pools: node groups with MIG, time slices or EFA, and what they bring to a cluster in Auto Mode."""

import base64
import json
import tomllib
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from components.cluster_autoscaler import ClusterAutoscaler, ClusterAutoscalerArgs, autoscaler_policy
from components.efa_plugin import default_image, registries
from components.gpu_sharing import MIG_PROFILES, GpuSharing, mig_profiles
from components.instance_facts import Instance, instance, instances
from components.managed_node_pool import ManagedNodePool, ManagedNodePoolArgs
from components.managed_nodes import ManagedNodes, ManagedNodesArgs
from components.node_launch import efa_interfaces
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
GROUP, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
TAG, PLACEMENT_GROUP = "aws:autoscaling/tag:Tag", "aws:ec2/placementGroup:PlacementGroup"


def machine(name: str) -> Instance:
    found = instance(name)
    assert found is not None
    return found


def built(instance_type: str = "p4d.24xlarge", **more: Any) -> Recording:
    settings: dict[str, Any] = {"capacity": "on-demand", "limit": 20, **more}

    def program() -> None:
        args = ManagedNodePoolArgs(
            placement=PLACEMENT,
            name="big",
            version="1.35",
            machine=machine(instance_type),
            cluster_name="c",
            node_role_arn="arn:aws:iam::123456789012:role/nodes",
            subnet_ids=["subnet-1"],
            security_group_id="sg-1",
            provider=k8s.Provider("kubernetes", kubeconfig="{}"),
            **settings,
        )
        ManagedNodePool("pool", args, with_aws())

    return record(program)


def user_data(recording: Recording) -> dict[str, Any]:
    return tomllib.loads(base64.b64decode(recording.one(TEMPLATE).inputs["userData"]).decode())["settings"]


def tags(recording: Recording) -> dict[str, str]:
    listed = [item.inputs["tag"] for item in recording.of(TAG).values()]
    return {tag["key"].removeprefix("k8s.io/cluster-autoscaler/node-template/"): tag["value"] for tag in listed}


def test_the_limit_decides_how_many_nodes_there_can_be_and_none_is_the_idle_state():
    scaling = built(limit=20).one(GROUP).inputs["scalingConfig"]
    assert scaling == {"minSize": 0, "maxSize": 2, "desiredSize": 0}
    with pytest.raises(Exception, match="8 > 7"):
        built(limit=7)


def test_only_pods_that_name_the_pool_land_on_it():
    inputs = built().one(GROUP).inputs
    assert inputs["taints"] == [
        {"key": "groundwork/pool", "value": "big", "effect": "NO_SCHEDULE"},
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
    ]
    assert inputs["labels"] == {"groundwork/pool": "big", "groundwork/instance-class": "p4d"}


def test_nodes_have_the_version_of_the_cluster():
    assert built().one(GROUP).inputs["version"] == "1.35"


def test_disks_are_encrypted_and_a_pod_does_not_reach_the_nodes_credentials():
    inputs = built(disk_gib=500).one(TEMPLATE).inputs
    disks = {each["deviceName"]: each["ebs"] for each in inputs["blockDeviceMappings"]}
    assert {disk["encrypted"] for disk in disks.values()} == {"true"}
    assert disks["/dev/xvdb"]["volumeSize"] == 500
    assert inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }


def test_mig_cuts_each_gpu_and_the_autoscaler_knows_how_many_parts_a_node_has():
    recording = built(sharing=GpuSharing(kind="mig", profile="1g.5gb"))
    nvidia = user_data(recording)["kubelet-device-plugins"]["nvidia"]
    assert nvidia == {"device-partitioning-strategy": "mig", "mig": {"profile": {"a100.40gb": "1g.5gb"}}}
    assert tags(recording)["resources/nvidia.com/gpu"] == "56"


def test_time_slices_count_as_gpus_so_that_the_quotas_of_teams_hold():
    recording = built("g5.12xlarge", sharing=GpuSharing(kind="time-slicing", replicas=4))
    nvidia = user_data(recording)["kubelet-device-plugins"]["nvidia"]
    assert nvidia["device-sharing-strategy"] == "time-slicing"
    assert nvidia["time-slicing"] == {
        "replicas": 4,
        "rename-by-default": False,
        "fail-requests-greater-than-one": True,
    }
    assert tags(recording)["resources/nvidia.com/gpu"] == "16"


def test_a_gpu_is_only_cut_by_profiles_that_it_has():
    assert mig_profiles(machine("p5.48xlarge")) == MIG_PROFILES["h100.80gb"]
    assert mig_profiles(machine("g5.48xlarge")) == {}


def test_efa_takes_every_card_that_has_it_and_keeps_the_nodes_close():
    recording = built("p5.48xlarge", limit=16, efa=True)
    cards = recording.one(TEMPLATE).inputs["networkInterfaces"]
    assert len(cards) == 32
    assert (cards[0]["interfaceType"], cards[0]["deviceIndex"]) == ("efa", 0)
    assert {card["interfaceType"] for card in cards[1:]} == {"efa-only"}
    assert recording.one(PLACEMENT_GROUP).inputs["strategy"] == "cluster"
    assert recording.one(TEMPLATE).inputs["placement"] == {"groupName": "groundwork-dev-big"}
    assert user_data(recording)["kernel"]["sysctl"] == {"vm.nr_hugepages": "5128"}
    assert tags(recording)["resources/vpc.amazonaws.com/efa"] == "32"
    assert recording.one(GROUP).inputs["labels"]["groundwork/efa"] == "true"


def test_the_first_card_carries_addresses_whatever_else_it_can():
    for each in instances():
        if each.efa_cards:
            first = efa_interfaces(each)[0]
            assert (first["card"], first["device"]) == (0, 0)
            assert first["type"] in ("efa", "interface")
    assert efa_interfaces(machine("p6-b300.48xlarge"))[0]["type"] == "interface"


def test_a_capacity_block_is_named_by_the_template_and_by_the_group():
    recording = built("p5.48xlarge", capacity="capacity-block", reservation_id="cr-0a1b2c3d", efa=True)
    inputs = recording.one(TEMPLATE).inputs
    assert inputs["instanceMarketOptions"] == {"marketType": "capacity-block"}
    target = inputs["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": "cr-0a1b2c3d"}
    assert recording.one(GROUP).inputs["capacityType"] == "CAPACITY_BLOCK"
    assert recording.of(PLACEMENT_GROUP) == {}


def test_the_autoscaler_takes_an_idle_node_away_after_the_pools_own_time():
    assert tags(built(idle_seconds=900))["autoscaling-options/scaledownunneededtime"] == "900s"
    assert {item.inputs["autoscalingGroupName"] for item in built().of(TAG).values()} == {"eks-big"}


def managed(**more: Any) -> Recording:
    def program() -> None:
        provider = k8s.Provider("kubernetes", kubeconfig="{}")
        opts = with_aws()
        ManagedNodes(
            "managed", ManagedNodesArgs(placement=PLACEMENT, cluster_name="c", provider=provider, **more), opts
        )
        ClusterAutoscaler(
            "autoscaler", ClusterAutoscalerArgs(placement=PLACEMENT, cluster_name="c", provider=provider), opts
        )

    return record(program)


def test_nodes_outside_of_auto_mode_get_the_add_ons_that_auto_mode_has_inside():
    recording = managed(addon_versions={"vpc-cni": "v1.20.0-eksbuild.1"})
    addons = {item.inputs["addonName"]: item.inputs for item in recording.of("aws:eks/addon:Addon").values()}
    assert set(addons) == {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"}
    assert addons["vpc-cni"]["addonVersion"] == "v1.20.0-eksbuild.1"
    network = addons["vpc-cni"]["podIdentityAssociations"]
    assert network == [
        {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/groundwork-dev-managed-network", "serviceAccount": "aws-node"}
    ]
    dns = json.loads(addons["coredns"]["configurationValues"])
    terms = dns["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["auto"]


def test_a_managed_node_may_not_give_addresses_itself():
    recording = managed()
    attached = recording.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    by_role: dict[str, set[str]] = {}
    for item in attached:
        by_role.setdefault(item.inputs["role"], set()).add(item.inputs["policyArn"].rpartition("/")[2])
    assert {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"} in by_role.values()
    assert {"AmazonEKS_CNI_Policy"} in by_role.values()


def test_the_autoscaler_scales_only_groups_of_its_own_cluster():
    statements = json.loads(autoscaler_policy("aws", "us-east-1", ACCOUNT, "c"))["Statement"]
    scale = next(each for each in statements if each["Sid"] == "Scale")
    assert scale["Condition"] == {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/c": "owned"}}
    assert all(each["Resource"] != ["*"] or each["Sid"].endswith("Unscoped") for each in statements)
    writing = [each for each in statements if each["Resource"] == ["*"]]
    assert all(action.split(":")[1].startswith("Describe") for each in writing for action in each["Action"])


def test_the_autoscaler_runs_pinned_without_root_and_off_the_nodes_that_it_removes():
    spec = managed().one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
    assert "@sha256:" in spec["containers"][0]["image"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["nodeSelector"] == {"eks.amazonaws.com/compute-type": "auto"}


def test_the_efa_plugin_is_there_only_for_pools_with_efa():
    assert managed().of("kubernetes:apps/v1:DaemonSet") == {}
    image = default_image("eu-south-1")
    assert image == f"{registries()['eu-south-1']}/eks/aws-efa-k8s-device-plugin:v0.5.8"
    spec = managed(efa_image=image).one("kubernetes:apps/v1:DaemonSet").inputs["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"groundwork/efa": "true"}
    assert default_image("xx-nowhere-1") is None
