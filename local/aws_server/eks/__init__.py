"""EKS: clusters as AWS describes them, in front of the one Kubernetes API server of the local stack."""

from local.aws_server.eks import (
    access,
    addons,
    clusters,
    node_groups,
    pod_identity,
    scaling_groups,
    tags,
    updates,
    versions,
)

__all__ = [
    "access",
    "addons",
    "clusters",
    "node_groups",
    "pod_identity",
    "scaling_groups",
    "tags",
    "updates",
    "versions",
]
