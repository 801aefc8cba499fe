"""The cluster and its node pools."""

from collections.abc import Sequence

from components.cluster import Cluster, ClusterArgs
from components.cluster_autoscaler import DEFAULT_IMAGE, ClusterAutoscaler, ClusterAutoscalerArgs
from components.efa_plugin import default_image
from components.existing_cluster import ExistingCluster
from components.instance_facts import Instance
from components.managed_node_pool import ManagedNodePool, ManagedNodePoolArgs
from components.managed_nodes import ManagedNodes, ManagedNodesArgs
from components.node_pool import AutoNodePool, AutoNodePoolArgs, Taint
from infra.providers import profile_of
from infra.sections.node_pools import NodePoolSettings
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations

NodePool = AutoNodePool | ManagedNodePool


def cluster(context: Context, base: Foundations) -> Cluster:
    """The EKS cluster in the private subnets, or an existing one in the same VPC."""
    settings = context.settings
    if settings.cluster.existing is not None:
        existing = ExistingCluster(
            placement=context.placement,
            name=settings.cluster.existing.name,
            vpc_id=base.network.vpc_id,
            profile=profile_of(context.environment, settings),
            is_scraped=settings.monitoring.prometheus,
        )
        return Cluster("cluster", existing, context.opts)
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


def node_pools(context: Context, base: Foundations, in_cluster: Cluster) -> list[NodePool]:
    """Each pool of the settings, and what managed ones need besides."""
    settings = context.settings
    managed = [pool for pool in settings.node_pools if pool.kind == "managed"]
    shared = _managed_nodes(context, in_cluster, managed) if managed else None
    return [
        _auto(context, base, in_cluster, pool)
        if pool.machine is None or shared is None
        else _managed(context, base, in_cluster, pool, pool.machine, shared)
        for pool in settings.node_pools
    ]


def _auto(context: Context, base: Foundations, in_cluster: Cluster, pool: NodePoolSettings) -> AutoNodePool:
    return AutoNodePool(
        f"pool-{pool.name}",
        AutoNodePoolArgs(
            name=pool.name,
            families=pool.families,
            capacity=pool.capacity,
            limit=pool.limit,
            per_node=pool.per_node,
            zones=pool.zones,
            idle_seconds=pool.idle_seconds,
            max_node_hours=pool.max_node_hours,
            taints=_taints(pool),
            labels=pool.labels,
            disk_gib=pool.disk_gib,
            reservation_ids=pool.reservation_ids,
            warm_images=pool.warm_images,
            node_role_name=in_cluster.node_role_name,
            subnet_ids=base.network.private_subnet_ids,
            security_group_id=in_cluster.security_group_id,
            provider=in_cluster.provider,
        ),
        context.opts,
    )


def _managed(
    context: Context,
    base: Foundations,
    in_cluster: Cluster,
    pool: NodePoolSettings,
    machine: Instance,
    shared: ManagedNodes,
) -> ManagedNodePool:
    subnets = dict(zip(context.settings.network.zones, base.network.private_subnet_ids, strict=False))
    return ManagedNodePool(
        f"pool-{pool.name}",
        ManagedNodePoolArgs(
            placement=context.placement,
            name=pool.name,
            version=context.settings.cluster.version,
            machine=machine,
            capacity=pool.capacity[0],
            limit=pool.limit,
            min_nodes=pool.min_nodes,
            idle_seconds=pool.idle_seconds,
            taints=_taints(pool),
            labels=pool.labels,
            disk_gib=pool.disk_gib,
            reservation_id=next(iter(pool.reservation_ids), None),
            sharing=pool.gpu_sharing,
            efa=pool.efa,
            warm_images=pool.warm_images,
            cluster_name=in_cluster.name,
            node_role_arn=shared.node_role_arn,
            subnet_ids=[subnets[zone] for zone in pool.zones] or base.network.private_subnet_ids,
            security_group_id=in_cluster.security_group_id,
            ready=[*shared.ready, *base.network.routes],
            provider=in_cluster.provider,
        ),
        context.opts,
    )


def _managed_nodes(context: Context, in_cluster: Cluster, managed: Sequence[NodePoolSettings]) -> ManagedNodes:
    """What all managed pools share: role, add-ons, and the autoscaler that gives them nodes."""
    chosen = context.settings.cluster
    ClusterAutoscaler(
        "autoscaler",
        ClusterAutoscalerArgs(
            placement=context.placement,
            cluster_name=in_cluster.name,
            image=chosen.autoscaler_image or DEFAULT_IMAGE,
            provider=in_cluster.provider,
        ),
        context.opts,
    )
    efa_image = chosen.efa_plugin_image or default_image(context.settings.region)
    return ManagedNodes(
        "managed-nodes",
        ManagedNodesArgs(
            placement=context.placement,
            cluster_name=in_cluster.name,
            addon_versions=chosen.addon_versions,
            efa_image=efa_image if any(pool.efa for pool in managed) else None,
            provider=in_cluster.provider,
        ),
        context.opts,
    )


def _taints(pool: NodePoolSettings) -> list[Taint]:
    return [Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in pool.taints]
