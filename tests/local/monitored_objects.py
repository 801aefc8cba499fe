"""Objects that give every metric of a cluster something to count: a GPU node, pods in several states, jobs, queues."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.api import ApiClient, ApiError

ROOT = Path(__file__).parents[2]
NAMESPACE = "vision"
NODE = "gpu-node-1"
GPU = "nvidia.com/gpu"
DEFINITIONS = (
    ROOT / "local" / "kubernetes" / "crds" / "karpenter.sh_nodepools.yaml",
    ROOT / "components" / "data" / "kueue" / "crds" / "clusterqueues.json",
)


def make_objects(api: ApiClient) -> None:
    """Make them all; what a kubelet or a controller would write into a status is written by hand."""
    for file in DEFINITIONS:
        document = yaml.safe_load(file.read_text())
        # No conversion webhook answers here.
        (document.get("spec") or {}).pop("conversion", None)
        api.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", None, document)
    _namespace(api)
    _node(api)
    _pods(api)
    _workloads(api)
    _custom_resources(api)


def _namespace(api: ApiClient) -> None:
    api.request("POST", "/api/v1/namespaces", None, {"metadata": {"name": NAMESPACE}})
    # The controller manager makes the account that pods run as.
    _until(lambda: api.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"))
    quota = {"metadata": {"name": "team"}, "spec": {"hard": {f"requests.{GPU}": "4", "pods": "50"}}}
    api.request("POST", f"/api/v1/namespaces/{NAMESPACE}/resourcequotas", None, quota)


def _node(api: ApiClient) -> None:
    labels = {
        "node.kubernetes.io/instance-type": "g5.xlarge",
        "karpenter.sh/nodepool": "gpu",
        "karpenter.sh/capacity-type": "on-demand",
        "topology.kubernetes.io/zone": "us-east-1a",
        "groundwork/pool": "gpu",
        "eks.amazonaws.com/instance-gpu-name": "a10g",
        "eks.amazonaws.com/instance-gpu-memory": "24576",
    }
    api.request("POST", "/api/v1/nodes", None, {"metadata": {"name": NODE, "labels": labels}})
    there = {"cpu": "4", "memory": "16Gi", "pods": "50", GPU: "2"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready = {"type": "Ready", "status": "True", "reason": "Test", "lastHeartbeatTime": now, "lastTransitionTime": now}
    _status(api, f"/api/v1/nodes/{NODE}", {"capacity": there, "allocatable": there, "conditions": [ready]})


def _pods(api: ApiClient) -> None:
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    api.request("POST", pods, None, _pod("train-0", gpus=1, node=NODE))
    _status(api, f"{pods}/train-0", {"phase": "Running", "containerStatuses": [_container({"running": {}})]})
    api.request("POST", pods, None, _pod("waits-0", gpus=1))
    api.request("POST", pods, None, _pod("crashes-0", node=NODE))
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    _status(api, f"{pods}/crashes-0", {"phase": "Running", "containerStatuses": [_container(waiting, restarts=7)]})


def _pod(name: str, *, gpus: int = 0, node: str = "") -> dict[str, Any]:
    resources = {"limits": {GPU: str(gpus)}, "requests": {GPU: str(gpus)}} if gpus else {}
    spec: dict[str, Any] = {"containers": [{"name": "main", "image": "example.test/main:1", "resources": resources}]}
    return {"metadata": {"name": name}, "spec": spec | ({"nodeName": node} if node else {})}


def _container(state: dict[str, Any], restarts: int = 0) -> dict[str, Any]:
    common = {"image": "example.test/main:1", "imageID": "x", "ready": "running" in state}
    return {"name": "main", "state": state, "restartCount": restarts, **common}


def _workloads(api: ApiClient) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": _pod("x")["spec"]}
    selected = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    apps = f"/apis/apps/v1/namespaces/{NAMESPACE}"
    api.request("POST", f"{apps}/deployments", None, {"metadata": {"name": "api"}, "spec": {"replicas": 1, **selected}})
    api.request("POST", f"{apps}/daemonsets", None, {"metadata": {"name": "agent"}, "spec": selected})
    job = {"template": {"spec": {**_pod("x")["spec"], "restartPolicy": "Never"}}}
    api.request(
        "POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs", None, {"metadata": {"name": "train"}, "spec": job}
    )


def _custom_resources(api: ApiClient) -> None:
    reference = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}
    requirements = [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}]
    pool = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {
            "limits": {GPU: "2"},
            "template": {"spec": {"nodeClassRef": reference, "requirements": requirements}},
        },
    }
    pools = "/apis/karpenter.sh/v1/nodepools"
    _until(lambda: api.get(pools))
    api.request("POST", pools, None, pool)
    _status(api, f"{pools}/gpu", {"resources": {GPU: "2", "cpu": "4", "memory": "16Gi"}})
    queues = "/apis/kueue.x-k8s.io/v1beta2/clusterqueues"
    _until(lambda: api.get(queues))
    queue = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ClusterQueue",
        "metadata": {"name": NAMESPACE},
        "spec": {},
    }
    api.request("POST", queues, None, queue)
    _status(api, f"{queues}/{NAMESPACE}", {"pendingWorkloads": 2, "admittedWorkloads": 1})


def _status(api: ApiClient, path: str, status: dict[str, Any]) -> None:
    api.request("PATCH", f"{path}/status", None, {"status": status}, "application/merge-patch+json")


def _until(ask: Callable[[], Any], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with contextlib.suppress(ApiError):
            ask()
            return
        time.sleep(0.1)
    ask()
