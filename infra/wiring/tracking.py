"""Experiment tracking, of the kind that the settings choose."""

from collections.abc import Sequence

import pulumi

from components.cluster import Cluster
from components.tracking import ExistingTracking, Tracking, TrackingArgs
from components.tracking_cluster import ClusterTrackingArgs
from components.tracking_database import DatabaseArgs
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations


def tracking(
    context: Context, base: Foundations, in_cluster: Cluster, node_pools: Sequence[pulumi.Resource] = ()
) -> Tracking:
    """MLflow that SageMaker manages, or on the cluster, or one that somebody else looks after."""
    chosen, store = context.settings.tracking, base.store
    args: TrackingArgs | ClusterTrackingArgs | ExistingTracking
    if chosen.uri is not None:
        args = ExistingTracking(uri=chosen.uri, artifact_bucket=store.artifact_bucket)
    elif chosen.kind == "server" or chosen.kind == "app":
        args = TrackingArgs(
            placement=context.placement,
            artifact_bucket=store.artifact_bucket,
            artifact_bucket_arn=store.artifact_bucket_arn,
            kms_key_arn=base.keys.data_arn,
            kind=chosen.kind,
            size=chosen.size,
            protect=context.settings.protection.protect,
        )
    else:
        args = _on_the_cluster(context, base, in_cluster, node_pools)
    return Tracking("tracking", args, context.opts)


def _on_the_cluster(
    context: Context, base: Foundations, in_cluster: Cluster, node_pools: Sequence[pulumi.Resource]
) -> ClusterTrackingArgs:
    chosen, store, network = context.settings.tracking, base.store, base.network
    # The settings were refused without these.
    assert chosen.image is not None
    assert chosen.host is not None
    assert chosen.certificate_arn is not None
    database = DatabaseArgs(
        placement=context.placement,
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        client_group_id=in_cluster.security_group_id,
        kms_key_arn=base.keys.data_arn,
        logs_key_arn=base.keys.logs_arn,
        instance_class=chosen.database.instance_class,
        version=chosen.database.version,
        storage_gib=chosen.database.storage_gib,
        max_storage_gib=chosen.database.max_storage_gib,
        multi_az=chosen.database.multi_az,
        backup_days=chosen.database.backup_days,
        log_days=chosen.database.log_days,
        protect=context.settings.protection.protect,
    )
    return ClusterTrackingArgs(
        placement=context.placement,
        image=chosen.image,
        host=chosen.host,
        certificate_arn=chosen.certificate_arn,
        artifact_bucket=store.artifact_bucket,
        artifact_bucket_arn=store.artifact_bucket_arn,
        kms_key_arn=base.keys.data_arn,
        subnet_ids=network.private_subnet_ids,
        cluster_name=in_cluster.name,
        provider=in_cluster.provider,
        database=database,
        nodes=[*node_pools, *network.routes],
    )
