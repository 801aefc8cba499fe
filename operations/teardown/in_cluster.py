"""What must go from a cluster while its controllers still run: they made load balancers, disks and machines for it."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.errors import LocalStackError
from local.kubernetes.api import ApiClient, ApiError, Endpoint

OWN = "app.kubernetes.io/managed-by=groundwork"
"""Label of what the stack made (components/tagging.py); the engine deletes it in its own order."""
KEPT_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
BUILT_IN_POOLS = ("general-purpose", "system")
"""EKS's own: it takes them along with the cluster (https://docs.aws.amazon.com/eks/latest/userguide/set-builtin-node-pools.html)."""
POOL_LABEL = "karpenter.sh/nodepool"
NODE_POOLS = "/apis/karpenter.sh/v1/nodepools"
WORKLOADS = (
    ("batch/v1", "cronjobs"),
    ("batch/v1", "jobs"),
    ("apps/v1", "deployments"),
    ("apps/v1", "statefulsets"),
    ("apps/v1", "daemonsets"),
    ("apps/v1", "replicasets"),
    ("v1", "pods"),
    ("v1", "persistentvolumeclaims"),
)
"""In this order: what makes pods before pods, and what uses disks before the claims to them."""
PATIENCE_S = 1800.0
PAUSE_S = 5.0
FOREGROUND = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
Tell = Callable[[str], None]


def api_of(clients: Callable[[str], Any], cluster: str, region: str, variables: Mapping[str, str]) -> ApiClient | None:
    """A client of the cluster's API server, signed in as whoever calls; None where there is no such cluster any more.

    variables: environment in which `aws eks get-token` finds the profile.
    """
    eks = clients("eks")
    try:
        described = eks.describe_cluster(name=cluster)["cluster"]
    except eks.exceptions.ResourceNotFoundException:
        return None
    if "endpoint" not in described or described["status"] == "DELETING":
        return None
    authority = base64.b64decode(described["certificateAuthority"]["data"]).decode()

    def token(again: bool) -> str:
        command = ["aws", "--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"]
        answer = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
        if answer.returncode:
            raise LocalStackError(f"`{' '.join(command)}` failed: {answer.stderr.strip()}")
        return json.loads(answer.stdout)["status"]["token"]

    return ApiClient(Endpoint(server=described["endpoint"], certificate_authority=authority), _remembered(token))


def _remembered(token: Callable[[bool], str]) -> Callable[[bool], str | None]:
    """One token for all requests, until the API server does not believe it any more."""
    kept: list[str] = []

    def remembered(again: bool) -> str | None:
        if again or not kept:
            kept[:] = [token(again)]
        return kept[0]

    return remembered


class Clearing:
    """The steps, each of which may be repeated: what is gone already is no error.

    tell: hears what is waited for. did: hears of each object that is gone, once it is. patience_s: seconds that a step
    waits for what it deleted to go.
    """

    def __init__(
        self,
        api: ApiClient,
        tell: Tell,
        *,
        did: Tell = lambda text: None,
        patience_s: float = PATIENCE_S,
        pause_s: float = PAUSE_S,
    ):
        self._api, self._tell, self._did = api, tell, did
        self._patience_s, self._pause_s = patience_s, pause_s

    def balancers(self) -> int:
        """Ingresses and Services of type LoadBalancer, until their controllers have let go of them."""

        def there() -> list[str]:
            services = self._all("v1", "services")
            made = [("v1", "services", each) for each in services if each["spec"].get("type") == "LoadBalancer"]
            group = "networking.k8s.io/v1"
            made += [(group, "ingresses", each) for each in self._all(group, "ingresses")]
            return [_path(*each) for each in made]

        return self._gone("load balancers", there)

    def workloads(self) -> int:
        """What anybody but the stack runs, and the disks that it has claimed."""
        return sum(self._gone(kind, lambda v=version, k=kind: self._strangers(v, k)) for version, kind in WORKLOADS)

    def node_pools(self) -> int:
        """All node pools but EKS's own, until none of their nodes is left."""

        def pools() -> list[str]:
            names = [each["metadata"]["name"] for each in self._get(NODE_POOLS)]
            return [f"{NODE_POOLS}/{name}" for name in names if name not in BUILT_IN_POOLS]

        def nodes() -> list[str]:
            return [name for name, pool in self._nodes().items() if pool and pool not in BUILT_IN_POOLS]

        count = self._gone("node pools", pools)
        self._wait("nodes", nodes)
        return count

    def _nodes(self) -> dict[str, str]:
        return {
            node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(POOL_LABEL, "")
            for node in self._get("/api/v1/nodes")
        }

    def _strangers(self, version: str, kind: str) -> list[str]:
        """Paths of objects that neither the stack nor Kubernetes itself made, and that nothing above them owns."""
        found = self._all(version, kind, labelSelector=OWN.replace("=", "!="))
        return [
            _path(version, kind, each)
            for each in found
            if each["metadata"]["namespace"] not in KEPT_NAMESPACES and not each["metadata"].get("ownerReferences")
        ]

    def _gone(self, words: str, there: Callable[[], list[str]]) -> int:
        """Deletes what is there and waits for its end; how many there were."""
        paths = there()
        for path in paths:
            self._tell(f"deleting {path.rsplit('/', 1)[1]} ({words})")
            try:
                self._api.request("DELETE", path, body=FOREGROUND)
            except ApiError as error:
                if error.status != 404:
                    raise
        if paths:
            self._wait(words, there)
        for path in paths:
            self._did(f"{path.rsplit('/', 1)[1]} ({words}): gone")
        return len(paths)

    def _wait(self, words: str, there: Callable[[], Iterable[str]]) -> None:
        until = time.monotonic() + self._patience_s
        while left := list(there()):
            if time.monotonic() > until:
                minutes = f"{self._patience_s / 60:.0f} minutes"
                raise LocalStackError(
                    f"{len(left)} {words} are still there after {minutes}: {', '.join(left[:5])}.",
                    hint="Look at their finalizers and events; then run the same command again.",
                )
            self._tell(f"waiting for {len(left)} {words} to go")
            time.sleep(self._pause_s)

    def _all(self, version: str, kind: str, **query: str) -> list[dict[str, Any]]:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return self._get(f"{root}/{kind}", **query)

    def _get(self, path: str, **query: str) -> list[dict[str, Any]]:
        try:
            return self._api.get(path, **query)["items"]
        except ApiError as error:
            if error.status == 404:  # a kind that this cluster does not have
                return []
            raise


def _path(version: str, kind: str, item: Mapping[str, Any]) -> str:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    meta = item["metadata"]
    return f"{root}/namespaces/{meta['namespace']}/{kind}/{meta['name']}"
