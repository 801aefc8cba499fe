"""Access to the cluster's API server."""

from components.cluster import Cluster
from components.cluster_access import ClusterAccess, ClusterAccessArgs
from infra.principals import logical_name, principal_arn
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations


def cluster_access(context: Context, base: Foundations, in_cluster: Cluster) -> ClusterAccess | None:
    """A way in from the VPC and viewers, where the settings name any."""
    chosen = context.settings.cluster.access
    if not chosen.from_vpc and not chosen.viewers:
        return None
    return ClusterAccess(
        "cluster-access",
        ClusterAccessArgs(
            placement=context.placement,
            vpc_id=base.network.vpc_id,
            cluster_name=in_cluster.name,
            cluster_security_group_id=in_cluster.security_group_id,
            from_vpc=chosen.from_vpc,
            viewers={logical_name(viewer): principal_arn(viewer, context.placement) for viewer in chosen.viewers},
        ),
        context.opts,
    )
