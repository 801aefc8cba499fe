"""The platform: every component, wired from the settings, and the contract that it publishes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.cluster import Cluster, ClusterArgs
from components.gpu_pool import GpuNodePool, GpuNodePoolArgs
from components.keys import Keys, KeysArgs
from components.network import ExistingNetwork, Network, NetworkArgs
from components.placement import Placement
from components.registry import ImageRegistry, ImageRegistryArgs
from components.tagging import register_tagging
from components.team import Quota, Team, TeamArgs
from components.tracking import ExistingTracking, Tracking, TrackingArgs
from components.training import Training, TrainingArgs
from infra.principals import logical_name, principal_arn, warn_unless_admin
from infra.providers import aws_provider, caller, profile_of
from infra.publishing import Contract, ContractArgs
from infra.settings import Settings, load
from platform_contract import SCHEMA_VERSION, contract_path

BASE_REPOSITORIES = ("training", "serving")


def deploy() -> None:
    """The whole program: read the settings, build the platform, publish the contract."""
    environment, settings = load()
    register_tagging(f"groundwork-{environment}", environment)
    platform = Platform(environment, settings)
    pulumi.export("contract", platform.contract.document)


@dataclass(frozen=True)
class Foundations:
    """What everything else stands on."""

    keys: Keys
    network: Network
    store: ArtifactStore
    registry: ImageRegistry


class Platform:
    """The components of one environment."""

    def __init__(self, environment: str, settings: Settings):
        self._settings = settings
        self._environment = environment
        provider = aws_provider(environment, settings)
        self._opts = pulumi.ResourceOptions(providers={"aws": provider})
        identity = caller(provider)
        self._placement = Placement(
            prefix=f"groundwork-{environment}",
            environment=environment,
            region=settings.region,
            account_id=identity.account_id,
        )
        self._admins = {logical_name(admin): principal_arn(admin, self._placement) for admin in settings.cluster.admins}
        warn_unless_admin(identity.arn, list(self._admins.values()))
        self._base = self._foundations()
        self.cluster = self._cluster()
        self.gpu_pools = [self._gpu_pool(index) for index in range(len(settings.gpu_pools))]
        self.tracking = self._tracking()
        self.training = self._training()
        self.teams = {team.name: self._team(index) for index, team in enumerate(settings.teams)}
        self.contract = Contract(
            "contract",
            ContractArgs(environment=environment, sections=self._sections(), teams=self._team_documents()),
            self._opts,
        )

    def _foundations(self) -> Foundations:
        settings, placement = self._settings, self._placement
        protect, delete_contents = settings.protection.protect, settings.protection.delete_contents
        keys = Keys(
            "keys",
            KeysArgs(
                placement=placement,
                rotation_days=settings.keys.rotation_days,
                deletion_window_days=settings.keys.deletion_window_days,
                protect=protect,
            ),
            self._opts,
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
            ),
            self._opts,
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
            self._opts,
        )
        return Foundations(keys, self._network(keys), store, registry)

    def _network(self, keys: Keys) -> Network:
        chosen = self._settings.network
        if chosen.existing is not None:
            existing = ExistingNetwork(
                vpc_id=chosen.existing.vpc_id, private_subnet_ids=chosen.existing.private_subnet_ids
            )
            return Network("network", existing, self._opts)
        args = NetworkArgs(
            placement=self._placement,
            cidr=chosen.cidr,
            zones=chosen.zones,
            nat=chosen.nat,
            logs_key_arn=keys.logs_arn,
            interface_endpoints=chosen.interface_endpoints,
            flow_log_days=chosen.flow_log_days or None,
        )
        return Network("network", args, self._opts)

    def _cluster(self) -> Cluster:
        settings, base = self._settings, self._base
        return Cluster(
            "cluster",
            ClusterArgs(
                placement=self._placement,
                version=settings.cluster.version,
                subnet_ids=base.network.private_subnet_ids,
                routes=base.network.routes,
                admin_arns=self._admins,
                secrets_key_arn=base.keys.cluster_arn,
                logs_key_arn=base.keys.logs_arn,
                profile=profile_of(self._environment, settings),
                public_access_cidrs=settings.cluster.public_access_cidrs,
                log_retention_days=settings.cluster.log_days,
                deletion_protection=settings.protection.cluster_deletion,
                protect=settings.protection.protect,
            ),
            self._opts,
        )

    def _gpu_pool(self, index: int) -> GpuNodePool:
        pool = self._settings.gpu_pools[index]
        return GpuNodePool(
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
                node_role_name=self.cluster.node_role_name,
                subnet_ids=self._base.network.private_subnet_ids,
                security_group_id=self.cluster.security_group_id,
                provider=self.cluster.provider,
            ),
            self._opts,
        )

    def _tracking(self) -> Tracking:
        chosen, store = self._settings.tracking, self._base.store
        if chosen.uri is not None:
            return Tracking(
                "tracking", ExistingTracking(uri=chosen.uri, artifact_bucket=store.artifact_bucket), self._opts
            )
        args = TrackingArgs(
            placement=self._placement,
            artifact_bucket=store.artifact_bucket,
            artifact_bucket_arn=store.artifact_bucket_arn,
            kms_key_arn=self._base.keys.data_arn,
            size=chosen.size,
            protect=self._settings.protection.protect,
        )
        return Tracking("tracking", args, self._opts)

    def _training(self) -> Training:
        base = self._base
        return Training(
            "training",
            TrainingArgs(
                placement=self._placement,
                teams=[team.name for team in self._settings.teams],
                vpc_id=base.network.vpc_id,
                data_bucket_arn=base.store.data_bucket_arn,
                artifact_bucket_arn=base.store.artifact_bucket_arn,
                kms_key_arn=base.keys.data_arn,
                repository_arns=list(base.registry.arns.values()),
                tracking_server_arn=self.tracking.server_arn,
                use_vpc=self._settings.training.use_vpc,
            ),
            self._opts,
        )

    def _team(self, index: int) -> Team:
        team, store = self._settings.teams[index], self._base.store
        return Team(
            f"team-{team.name}",
            TeamArgs(
                placement=self._placement,
                team=team.name,
                quota=Quota(
                    cpus=team.quota.cpus,
                    memory_gib=team.quota.memory_gib,
                    gpus=team.quota.gpus,
                    pods=team.quota.pods,
                ),
                members=[principal_arn(member, self._placement) for member in team.members],
                contract_path=contract_path(self._environment),
                execution_role_arn=self.training.execution_role_arns[team.name],
                cluster_name=self.cluster.name,
                cluster_arn=self.cluster.arn,
                data_bucket=store.data_bucket,
                data_bucket_arn=store.data_bucket_arn,
                artifact_bucket=store.artifact_bucket,
                artifact_bucket_arn=store.artifact_bucket_arn,
                kms_key_arn=self._base.keys.data_arn,
                tracking_server_arn=self.tracking.server_arn,
                provider=self.cluster.provider,
                node_pools=self.gpu_pools,
            ),
            self._opts,
        )

    def _sections(self) -> dict[str, Mapping[str, pulumi.Input[Any]]]:
        settings, base = self._settings, self._base
        return {
            "platform": {
                "schema_version": SCHEMA_VERSION,
                "environment": self._environment,
                "account_id": self._placement.account_id,
                "region": settings.region,
                "partition": self._placement.partition,
            },
            "network": {
                "vpc_id": base.network.vpc_id,
                "private_subnet_ids": base.network.private_subnet_ids,
                "job_security_group_id": self.training.security_group_id,
            },
            "storage": {
                "data_bucket": base.store.data_bucket,
                "artifact_bucket": base.store.artifact_bucket,
                "log_bucket": base.store.log_bucket,
                "kms_key_arn": base.keys.data_arn,
            },
            "registry": {
                "repositories": base.registry.urls,
                "serving_image": pulumi.Output.concat(
                    base.registry.urls["serving"], f":{settings.registry.serving_tag}"
                ),
            },
            "cluster": {
                "name": self.cluster.name,
                "arn": self.cluster.arn,
                "gpu_pools": {pool.name: pool.max_gpus for pool in self.gpu_pools},
            },
            "tracking": {"uri": self.tracking.uri, "artifact_uri": self.tracking.artifact_uri},
            "training": {
                "max_runtime_seconds": settings.training.max_runtime_seconds,
                "use_vpc": settings.training.use_vpc,
            },
        }

    def _team_documents(self) -> dict[str, Mapping[str, pulumi.Input[Any]]]:
        return {
            name: {
                "name": name,
                "namespace": team.namespace,
                "execution_role_arn": self.training.execution_role_arns[name],
                "submit_role_arn": team.submit_role_arn,
                "data_uri": team.data_uri,
                "artifact_uri": team.artifact_uri,
            }
            for name, team in self.teams.items()
        }
