"""Auto Mode's pools: hard limits, taints, scale to zero, and the arithmetic that refuses a pool that never starts."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.data.make_instances import document
from components.instance_facts import FACTS_FILE, families, instance, instances, sizes
from components.node_pool import AutoNodePool, AutoNodePoolArgs, Taint
from components.node_pool_limits import nodes_within, sizes_within
from tests.unit import recording
from tests.unit.recording import Recording, record

pytestmark = pytest.mark.unit
NODE_POOL, NODE_CLASS = "kubernetes:karpenter.sh/v1:NodePool", "kubernetes:eks.amazonaws.com/v1:NodeClass"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"


def built(**more: Any) -> Recording:
    settings: dict[str, Any] = {"families": ["g5"], "capacity": ["spot"], "limit": 4, **more}

    def program() -> None:
        provider = k8s.Provider("kubernetes", kubeconfig="{}")
        args = AutoNodePoolArgs(
            name="gpu",
            node_role_name="nodes",
            subnet_ids=[pulumi.Output.from_input("subnet-1"), "subnet-2"],
            security_group_id="sg-1",
            provider=provider,
            **settings,
        )
        AutoNodePool("pool", args)

    return record(program)


def template(recording: Recording) -> dict[str, Any]:
    return recording.one(NODE_POOL).inputs["spec"]["template"]


def requirements(recording: Recording) -> dict[str, list[str]]:
    listed = template(recording)["spec"]["requirements"]
    assert {item["operator"] for item in listed} == {"In"}
    return {item["key"]: item["values"] for item in listed}


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({"limit": 12}, {"nvidia.com/gpu": "12"}),
        ({"families": ["trn1"], "limit": 16}, {"aws.amazon.com/neuron": "16"}),
        ({"families": ["c7i", "m7i"], "limit": 64}, {"cpu": "64"}),
    ],
)
def test_a_pool_has_a_hard_limit_in_what_its_machines_are_counted_by(settings: dict[str, Any], limits: dict[str, str]):
    assert built(**settings).one(NODE_POOL).inputs["spec"]["limits"] == limits


def test_a_pool_scales_to_zero_when_idle():
    disruption = built(idle_seconds=120).one(NODE_POOL).inputs["spec"]["disruption"]
    assert disruption == {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "120s"}


def test_a_node_is_replaced_at_its_age_and_its_pods_get_time_to_finish():
    spec = template(built(max_node_hours=48))["spec"]
    assert (spec["expireAfter"], spec["terminationGracePeriod"]) == ("48h", "24h")


def test_only_pods_that_tolerate_an_accelerator_land_on_its_nodes():
    gpu = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    assert template(built())["spec"]["taints"] == [gpu]
    neuron = template(built(families=["inf2"], limit=1))["spec"]["taints"]
    assert [taint["key"] for taint in neuron] == ["aws.amazon.com/neuron"]
    assert "taints" not in template(built(families=["c7i"], limit=8))["spec"]


def test_taints_and_labels_of_the_settings_join_those_of_every_pool():
    recording = built(taints=[Taint(key="example.com/team", value="a", effect="NoExecute")], labels={"tier": "gold"})
    assert {"key": "example.com/team", "value": "a", "effect": "NoExecute"} in template(recording)["spec"]["taints"]
    labels = template(recording)["metadata"]["labels"]
    assert labels == {"tier": "gold", "groundwork/pool": "gpu", "groundwork/instance-class": "g5"}


def test_no_node_can_be_larger_than_the_limit():
    assert requirements(built(limit=4))["eks.amazonaws.com/instance-gpu-count"] == ["1", "4"]
    assert requirements(built(limit=8))["eks.amazonaws.com/instance-gpu-count"] == ["1", "4", "8"]
    assert requirements(built(limit=8, per_node=[8]))["eks.amazonaws.com/instance-gpu-count"] == ["8"]
    neuron = requirements(built(families=["trn1"], limit=8))
    assert neuron["node.kubernetes.io/instance-type"] == ["trn1.2xlarge"]
    assert requirements(built(families=["c7i"], limit=8))["eks.amazonaws.com/instance-cpu"] == ["2", "4", "8"]


def test_the_architecture_follows_from_the_families():
    assert requirements(built())["kubernetes.io/arch"] == ["amd64"]
    assert requirements(built(families=["g5g"]))["kubernetes.io/arch"] == ["arm64"]


def test_nodes_lie_in_the_zones_of_the_settings():
    assert "topology.kubernetes.io/zone" not in requirements(built())
    assert requirements(built(zones=["us-east-1b"]))["topology.kubernetes.io/zone"] == ["us-east-1b"]


def test_the_default_node_class_does_unless_a_setting_needs_more():
    recording = built()
    reference = template(recording)["spec"]["nodeClassRef"]
    assert reference == {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}
    assert recording.of(NODE_CLASS) == {}


@pytest.mark.parametrize("capacity", ["reserved", "capacity-block"])
def test_reserved_capacity_has_a_node_class_of_its_own_and_its_nodes_stay(capacity: str):
    recording = built(capacity=[capacity], reservation_ids=["cr-0a1b2c3d"], disk_gib=200)
    assert recording.one(NODE_CLASS).inputs["spec"] == {
        "role": "nodes",
        "subnetSelectorTerms": [{"id": "subnet-1"}, {"id": "subnet-2"}],
        "securityGroupSelectorTerms": [{"id": "sg-1"}],
        "capacityReservationSelectorTerms": [{"id": "cr-0a1b2c3d"}],
        "ephemeralStorage": {"size": "200Gi"},
    }
    pool = recording.one(NODE_POOL).inputs["spec"]
    assert pool["template"]["spec"]["nodeClassRef"]["name"] == "gpu"
    assert requirements(recording)["karpenter.sh/capacity-type"] == ["reserved"]
    assert pool["disruption"]["consolidateAfter"] == "Never"


def test_images_are_pulled_onto_the_pools_nodes_by_pods_that_can_do_nothing_else():
    recording = built(warm_images=["registry.example/training:1.2"])
    spec = recording.one(DAEMON_SET).inputs["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"groundwork/pool": "gpu"}
    assert [each["image"] for each in spec["initContainers"]] == ["registry.example/training:1.2"]
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    closed = recording.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert built().of(DAEMON_SET) == {}


@pytest.mark.parametrize(("families", "limit", "fits"), [(["p4d"], 8, (8,)), (["g6"], 5, (1, 4)), (["p5"], 9, (1, 8))])
def test_a_limit_of_one_node_is_enough(families: list[str], limit: int, fits: tuple[int, ...]):
    assert sizes_within(families, limit) == fits


def test_a_limit_below_one_node_is_refused_with_the_arithmetic():
    with pytest.raises(ValueError, match=r"p4d\.24xlarge with 8 × A100, and 8 > 7"):
        sizes_within(["p4d"], 7)
    with pytest.raises(ValueError, match=r"g5\.48xlarge with 8 × A10G, and 8 > 4"):
        sizes_within(["g5"], 4, [8])
    with pytest.raises(ValueError, match=r"c7i\.large with 2 vCPUs, and 2 > 1"):
        sizes_within(["c7i"], 1)
    machine = instance("trn1.32xlarge")
    assert machine is not None
    with pytest.raises(ValueError, match=r"16 × Trainium, and 16 > 15"):
        nodes_within(machine, 15)
    assert nodes_within(machine, 40) == 2


def test_the_instance_facts_are_those_of_ec2_as_moto_recorded_them():
    assert FACTS_FILE.read_text() == document()


def test_the_facts_hold_machines_of_each_kind():
    assert set(families("neuron")) == {"inf1", "inf2", "trn1", "trn1n", "trn2"}
    assert {"g5", "p5", "p6-b200"} <= set(families("nvidia"))
    assert {"c7i", "m7i", "r7i"} <= set(families("none"))
    assert sizes(("g5",)) == (1, 4, 8)
    assert all(each.size >= 1 for each in instances())


def test_a_pool_of_an_earlier_version_is_the_same_pool_and_is_not_replaced(monkeypatch: pytest.MonkeyPatch):
    former: dict[str, list[str]] = {}
    register = recording._Monitor.RegisterResource

    def listen(monitor: Any, request: Any) -> Any:
        former[request.name] = [alias.spec.type for alias in request.aliases]
        return register(monitor, request)

    monkeypatch.setattr(recording._Monitor, "RegisterResource", listen)
    built()
    # The engine hands it on to what is in the pool.
    assert former["pool"] == ["groundwork:compute:GpuNodePool"]
