"""What deleting an EKS cluster takes along: there is one local API server, and the next cluster must find it as new."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from local.kubernetes.api import ApiClient, ApiError, Endpoint

_SYSTEM_NAMESPACES: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
_BOOTSTRAPPED: Final = "kubernetes.io/bootstrapping"
_CLUSTER_WIDE: Final = (
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("storage.k8s.io/v1", "StorageClass"),
    ("networking.k8s.io/v1", "IngressClass"),
)


def empty(url: str, ca_file: Path, *, timeout_s: float = 60) -> list[str]:
    """Deletes every namespace but the system's own and what users have made cluster-wide, custom resources included.

    url, ca_file: the API server and the file with its certificate authority; the admin certificate lies beside it.
    Gives what is still being deleted when the time is up, as `Kind name`. Raises ApiError.
    """
    certificate = (ca_file.with_name("admin.crt"), ca_file.with_name("admin.key"))
    client = ApiClient(Endpoint(server=url, certificate_authority=ca_file, client_certificate=certificate))
    deadline = time.monotonic() + timeout_s
    asked: set[str] = set()
    while left := _users_own(client):
        for title, path in left.items():
            if title not in asked:
                asked.add(title)
                _delete(client, path)
        if time.monotonic() > deadline:
            return sorted(left)
        time.sleep(0.2)
    return []


def _users_own(client: ApiClient) -> dict[str, str]:
    """`Kind name` of each such object, and its path."""
    found: dict[str, str] = {}
    for api_version, kind in (("v1", "Namespace"), *_CLUSTER_WIDE):
        resource = client.resource(api_version, kind)
        for each in client.get(resource.path(None))["items"]:
            name = each["metadata"]["name"]
            if not _is_system(kind, each["metadata"]):
                found[f"{kind} {name}"] = resource.path(None, name)
    return found


def _is_system(kind: str, metadata: dict[str, Any]) -> bool:
    if kind == "Namespace":
        return metadata["name"] in _SYSTEM_NAMESPACES
    return _BOOTSTRAPPED in (metadata.get("labels") or {}) or metadata["name"].startswith("system:")


def _delete(client: ApiClient, path: str) -> None:
    try:
        client.request("DELETE", path)
    except ApiError as error:
        if error.status != 404:
            raise
