"""EKS: clusters as AWS describes them, in front of the one Kubernetes API server of the local stack."""

from local.aws_server.eks import access, addons, clusters, pod_identity, tags, updates

__all__ = ["access", "addons", "clusters", "pod_identity", "tags", "updates"]
