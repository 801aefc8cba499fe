"""Keys, network, buckets and image registry: what everything else stands on."""

from dataclasses import dataclass

from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.keys import Keys, KeysArgs
from components.network import ExistingNetwork, Network, NetworkArgs
from components.registry import ImageRegistry, ImageRegistryArgs
from infra.wiring.context import Context

BASE_REPOSITORIES = ("training", "serving")


@dataclass(frozen=True)
class Foundations:
    """What everything else stands on."""

    keys: Keys
    network: Network
    store: ArtifactStore
    registry: ImageRegistry


def foundations(context: Context) -> Foundations:
    """Make them, in the order in which they need each other."""
    settings, placement = context.settings, context.placement
    protect, delete_contents = settings.protection.protect, settings.protection.delete_contents
    keys = Keys(
        "keys",
        KeysArgs(
            placement=placement,
            rotation_days=settings.keys.rotation_days,
            deletion_window_days=settings.keys.deletion_window_days,
            protect=protect,
            readers=settings.promotion.to,
            existing=settings.keys.existing.by_purpose,
        ),
        context.opts,
    )
    store = ArtifactStore(
        "store",
        ArtifactStoreArgs(
            placement=placement,
            kms_key_arn=keys.data_arn,
            retention_days=settings.storage.retention_days,
            log_retention_days=settings.storage.log_retention_days,
            delete_contents=delete_contents,
            protect=protect,
            readers=settings.promotion.to,
        ),
        context.opts,
    )
    registry = ImageRegistry(
        "registry",
        ImageRegistryArgs(
            placement=placement,
            repositories=list(dict.fromkeys([*BASE_REPOSITORIES, *settings.registry.repositories])),
            kms_key_arn=keys.data_arn,
            keep_images=settings.registry.keep_images,
            untagged_days=settings.registry.untagged_days,
            delete_contents=delete_contents,
            protect=protect,
        ),
        context.opts,
    )
    return Foundations(keys, _network(context, keys), store, registry)


def _network(context: Context, keys: Keys) -> Network:
    chosen = context.settings.network
    if chosen.existing is not None:
        existing = ExistingNetwork(vpc_id=chosen.existing.vpc_id, private_subnet_ids=chosen.existing.private_subnet_ids)
        return Network("network", existing, context.opts)
    args = NetworkArgs(
        placement=context.placement,
        cidr=chosen.cidr,
        zones=chosen.zones,
        nat=chosen.nat,
        logs_key_arn=keys.logs_arn,
        interface_endpoints=chosen.interface_endpoints,
        flow_log_days=chosen.flow_log_days or None,
    )
    return Network("network", args, context.opts)
