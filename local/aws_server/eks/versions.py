"""What EKS says about Kubernetes versions and about a cluster's readiness for one, as far as this machine can know.

Nobody here knows when AWS supports which version, nor has anything looked into the cluster: versions come without dates
and status, and there are no insights.
"""

from typing import Any

from local.aws_server.eks.common import cluster_of, eks_operation, page
from local.aws_server.operations import Call, ServiceError


@eks_operation("DescribeClusterVersions")
def describe_cluster_versions(call: Call) -> dict[str, Any]:
    versions = call.params.get("clusterVersions")
    if not versions:
        message = "The local AWS server has no list of EKS's versions: name some (clusterVersions)."
        raise ServiceError("NotImplemented", message, status=501)
    return page(call, [{"clusterVersion": version, "clusterType": "eks"} for version in versions], "clusterVersions")


@eks_operation("ListInsights")
def list_insights(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    return page(call, [], "insights")
