"""What node pools put into a cluster, against the genuine API server: accepted, and their pods as well."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from components.cluster_autoscaler import ClusterAutoscaler, ClusterAutoscalerArgs
from components.managed_nodes import ManagedNodes, ManagedNodesArgs
from components.node_pool import AutoNodePool, AutoNodePoolArgs, Taint
from local.kubernetes import crds
from tests.local.control_plane import ControlPlane, running_control_plane
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import record

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
APPLY = {"fieldManager": "groundwork", "force": "true", "fieldValidation": "Strict"}
KINDS = {
    *("Namespace", "ServiceAccount", "DaemonSet", "Deployment", "NetworkPolicy", "NodePool", "NodeClass"),
    *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
}


def pool(name: str, provider: k8s.Provider, **settings: Any) -> None:
    args = AutoNodePoolArgs(
        name=name,
        node_role_name="nodes",
        subnet_ids=["subnet-0a1b2c3d"],
        security_group_id="sg-0a1b2c3d",
        provider=provider,
        **settings,
    )
    AutoNodePool(name, args)


def program() -> None:
    provider = k8s.Provider("kubernetes", kubeconfig="{}")
    taint = Taint(key="example.com/team", value="a", effect="NoExecute")
    pool("nvidia", provider, families=["g5", "g6"], capacity=["spot", "on-demand"], limit=8, warm_images=["r.io/a:1"])
    pool("neuron", provider, families=["trn1"], capacity=["on-demand"], limit=16, zones=["us-east-1a"], disk_gib=200)
    pool("cpu", provider, families=["c7i"], capacity=["spot"], limit=64, taints=[taint], labels={"tier": "gold"})
    block = ["cr-0a1b2c3d4e5f60718"]
    pool("block", provider, families=["p5"], capacity=["capacity-block"], limit=8, reservation_ids=block)
    opts = with_aws()
    shared = ManagedNodesArgs(placement=PLACEMENT, cluster_name="c", efa_image="r.io/efa:1", provider=provider)
    ManagedNodes("managed", shared, opts)
    scaler = ClusterAutoscalerArgs(placement=PLACEMENT, cluster_name="c", provider=provider)
    ClusterAutoscaler("autoscaler", scaler, opts)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def objects() -> list[dict[str, Any]]:
    found = [item for item in record(program).registrations if item.type.startswith("kubernetes:")]
    return [whole(item.inputs) for item in found]


def whole(value: Any) -> Any:
    """Pulumi's mocks hand every number back as a float."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        crds.install(running.url, running.files.authority.certificate)
        yield running


def test_every_object_of_every_kind_of_pool_is_accepted_with_strict_field_validation(cluster: ControlPlane):
    for item in objects():
        path = cluster.admin.resource(item["apiVersion"], item["kind"]).path(
            item["metadata"].get("namespace"), item["metadata"]["name"]
        )
        cluster.admin.request("PATCH", path, APPLY, item, "application/apply-patch+yaml")
    assert {item["kind"] for item in objects()} == KINDS


def test_the_pods_that_pull_images_pass_the_restricted_standard_of_their_namespace(cluster: ControlPlane):
    [images] = [
        item for item in objects() if item["kind"] == "DaemonSet" and item["metadata"]["namespace"] != "kube-system"
    ]
    namespace = images["metadata"]["namespace"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pulls"}, "spec": images["spec"]["template"]["spec"]}
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    wait_until(lambda: cluster.admin.get(f"/api/v1/namespaces/{namespace}/serviceaccounts")["items"] != [])
    made = cluster.admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", query, pod)
    assert [each["image"] for each in made["spec"]["initContainers"]] == ["r.io/a:1"]
