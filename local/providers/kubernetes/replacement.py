"""Which properties of a kind cannot change in place.

Only what is known before the API server is asked; what a server refuses as immutable beyond this list is found by a
dry run (`KubernetesProvider`). Sources: the API reference of each kind (https://kubernetes.io/docs/reference/kubernetes-api/:
"immutable", "cannot be updated") and, for ConfigMap and Secret, the provider's own settings `enableConfigMapMutable`
and `enableSecretMutable` (https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/): unless they are set,
new data make a new object, so that whatever refers to it sees the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

IMMUTABLE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "ConfigMap"): ("data", "binaryData"),
    ("", "Secret"): ("data", "stringData", "type"),
    ("", "PersistentVolumeClaim"): ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.selector"),
    ("", "ResourceQuota"): ("spec.scopes", "spec.scopeSelector"),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "ReplicaSet"): ("spec.selector",),
    ("apps", "StatefulSet"): (
        "spec.selector",
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.selector", "spec.template", "spec.completionMode"),
    ("networking.k8s.io", "IngressClass"): ("spec.controller",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("scheduling.k8s.io", "PriorityClass"): ("value", "preemptionPolicy"),
    ("storage.k8s.io", "StorageClass"): ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}


def replaces(group: str, kind: str, path: tuple[str | int, ...], mutable: frozenset[str]) -> bool:
    """Whether a change at `path` needs a new object.

    mutable: kinds whose data the provider is told to change in place.
    """
    if path[:2] in (("metadata", "name"), ("metadata", "namespace"), ("metadata", "generateName")) or path[:1] == (
        "kind",
    ):
        return True
    if kind in mutable and path[0] in ("data", "binaryData", "stringData"):
        return False
    dotted = ".".join(str(part) for part in path)
    return any(dotted == each or dotted.startswith(f"{each}.") for each in IMMUTABLE.get((group, kind), ()))
