"""The cluster and its node pools."""

from components.cluster import Cluster, ClusterArgs
from components.gpu_pool import GpuNodePool, GpuNodePoolArgs
from infra.providers import profile_of
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations


def cluster(context: Context, base: Foundations) -> Cluster:
    """The EKS cluster in the private subnets."""
    settings = context.settings
    return Cluster(
        "cluster",
        ClusterArgs(
            placement=context.placement,
            version=settings.cluster.version,
            subnet_ids=base.network.private_subnet_ids,
            routes=base.network.routes,
            admin_arns=context.admins,
            secrets_key_arn=base.keys.cluster_arn,
            logs_key_arn=base.keys.logs_arn,
            profile=profile_of(context.environment, settings),
            public_access_cidrs=settings.cluster.public_access_cidrs,
            log_retention_days=settings.cluster.log_days,
            deletion_protection=settings.protection.cluster_deletion,
            protect=settings.protection.protect,
        ),
        context.opts,
    )


def gpu_pools(context: Context, base: Foundations, in_cluster: Cluster) -> list[GpuNodePool]:
    """One NodePool for each pool of the settings."""
    return [
        GpuNodePool(
            f"pool-{pool.name}",
            GpuNodePoolArgs(
                name=pool.name,
                families=pool.families,
                capacity=pool.capacity,
                max_gpus=pool.max_gpus,
                gpus_per_node=pool.gpus_per_node,
                idle_seconds=pool.idle_seconds,
                reservation_ids=pool.reservation_ids,
                disk_gib=pool.disk_gib,
                node_role_name=in_cluster.node_role_name,
                subnet_ids=base.network.private_subnet_ids,
                security_group_id=in_cluster.security_group_id,
                provider=in_cluster.provider,
            ),
            context.opts,
        )
        for pool in context.settings.gpu_pools
    ]
