"""GPU pools: hard limits, taints, scale to zero, and the arithmetic that refuses a pool that could never start."""

import gzip
import json
from pathlib import Path
from typing import Any

import moto
import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.gpu_pool import GpuNodePool, GpuNodePoolArgs, counts_within
from components.instance_facts import gpu_counts, gpu_families, gpu_instances
from tests.unit.recording import Recording, record

pytestmark = pytest.mark.unit
NODE_POOL, NODE_CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:eks.amazonaws.com/v1:NodeClass"


def built(**more: Any) -> Recording:
    settings: dict[str, Any] = {"families": ["g5"], "capacity": ["spot"], "max_gpus": 4, **more}

    def program() -> None:
        provider = k8s.Provider("kubernetes", kubeconfig="{}")
        args = GpuNodePoolArgs(
            name="gpu",
            node_role_name="nodes",
            subnet_ids=[pulumi.Output.from_input("subnet-1"), "subnet-2"],
            security_group_id="sg-1",
            provider=provider,
            **settings,
        )
        GpuNodePool("pool", args)

    return record(program)


def requirements(recording: Recording) -> dict[str, list[str]]:
    listed = recording.one(NODE_POOL).inputs["spec"]["template"]["spec"]["requirements"]
    assert {item["operator"] for item in listed} == {"In"}
    return {item["key"]: item["values"] for item in listed}


def test_a_gpu_pool_has_a_hard_limit_in_the_form_that_the_crd_takes():
    assert built(max_gpus=12).one(NODE_POOL).inputs["spec"]["limits"] == {"nvidia.com/gpu": "12"}


def test_a_gpu_pool_scales_to_zero_when_idle():
    disruption = built(idle_seconds=120).one(NODE_POOL).inputs["spec"]["disruption"]
    assert disruption == {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "120s"}


def test_only_pods_that_tolerate_gpus_land_on_a_gpu_node():
    taints = built().one(NODE_POOL).inputs["spec"]["template"]["spec"]["taints"]
    assert taints == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]


def test_no_node_can_be_larger_than_the_limit():
    assert requirements(built(max_gpus=4))["eks.amazonaws.com/instance-gpu-count"] == ["1", "4"]
    assert requirements(built(max_gpus=8))["eks.amazonaws.com/instance-gpu-count"] == ["1", "4", "8"]
    assert requirements(built(max_gpus=8, gpus_per_node=[8]))["eks.amazonaws.com/instance-gpu-count"] == ["8"]


def test_the_architecture_follows_from_the_families():
    assert requirements(built())["kubernetes.io/arch"] == ["amd64"]
    assert requirements(built(families=["g5g"]))["kubernetes.io/arch"] == ["arm64"]


def test_the_default_node_class_does_unless_a_setting_needs_more():
    recording = built()
    reference = recording.one(NODE_POOL).inputs["spec"]["template"]["spec"]["nodeClassRef"]
    assert reference == {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}
    assert recording.of(NODE_CLASS) == {}


def test_reserved_capacity_has_a_node_class_of_its_own_and_its_nodes_stay():
    recording = built(capacity=["reserved"], reservation_ids=["cr-0a1b2c3d"], disk_gib=200)
    spec = recording.one(NODE_CLASS).inputs["spec"]
    assert spec == {
        "role": "nodes",
        "subnetSelectorTerms": [{"id": "subnet-1"}, {"id": "subnet-2"}],
        "securityGroupSelectorTerms": [{"id": "sg-1"}],
        "capacityReservationSelectorTerms": [{"id": "cr-0a1b2c3d"}],
        "ephemeralStorage": {"size": "200Gi"},
    }
    pool = recording.one(NODE_POOL).inputs["spec"]
    assert pool["template"]["spec"]["nodeClassRef"]["name"] == "gpu"
    assert pool["disruption"]["consolidateAfter"] == "Never"


@pytest.mark.parametrize(("families", "limit", "fits"), [(["p4d"], 8, (8,)), (["g6"], 5, (1, 4)), (["p5"], 9, (1, 8))])
def test_a_limit_of_one_node_is_enough(families: list[str], limit: int, fits: tuple[int, ...]):
    assert counts_within(families, limit) == fits


def test_a_limit_below_one_node_is_refused_with_the_arithmetic():
    with pytest.raises(ValueError, match=r"p4d\.24xlarge with 8 × A100, and 8 > 7"):
        counts_within(["p4d"], 7)
    with pytest.raises(ValueError, match=r"g5\.48xlarge with 8 × A10G, and 8 > 4"):
        counts_within(["g5"], 4, [8])


def test_the_instance_facts_are_those_of_ec2_as_moto_recorded_them():
    recorded = json.loads(
        gzip.decompress((Path(moto.__file__).parent / "ec2/resources/instance_types.json.gz").read_bytes())
    )
    for instance in gpu_instances():
        assert sum(gpu["Count"] for gpu in recorded[instance.name]["GpuInfo"]["Gpus"]) == instance.gpus
        assert recorded[instance.name]["VCpuInfo"]["DefaultVCpus"] == instance.vcpus
        assert recorded[instance.name]["MemoryInfo"]["SizeInMiB"] == instance.memory_mib
    nvidia = {
        name.split(".")[0]
        for name, facts in recorded.items()
        if any(gpu["Manufacturer"] == "NVIDIA" and gpu["Count"] for gpu in facts.get("GpuInfo", {}).get("Gpus", []))
    }
    assert set(gpu_families()) == nvidia
    assert gpu_counts(("g5",)) == (1, 4, 8)
