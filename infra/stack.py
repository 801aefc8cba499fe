"""The platform: every part, wired from the settings, and the contract that it publishes."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.permissions_boundary import register_boundary
from components.placement import Placement
from components.tagging import register_tagging
from infra.principals import logical_name, principal_arn, warn_unless_admin
from infra.providers import aws_provider, caller
from infra.publishing import Contract, ContractArgs
from infra.settings import Settings, load
from infra.wiring.access import cluster_access
from infra.wiring.ci import jenkins_agents, preview_access
from infra.wiring.compute import cluster, node_pools
from infra.wiring.context import Context
from infra.wiring.foundations import foundations
from infra.wiring.guardrails import guardrails, spend_guard
from infra.wiring.image_builder import image_builder
from infra.wiring.monitoring import monitoring
from infra.wiring.queues import queue_controller, queues
from infra.wiring.teams import approvals, teams, training
from infra.wiring.tracking import tracking
from platform_contract import SCHEMA_VERSION


def deploy() -> None:
    """The whole program: read the settings, build the platform, publish the contract."""
    environment, settings = load()
    register_tagging(f"groundwork-{environment}", environment)
    platform = Platform(environment, settings)
    pulumi.export("contract", platform.contract.document)


class Platform:
    """The parts of one environment, in the order in which they need each other."""

    def __init__(self, environment: str, settings: Settings):
        context = self._context = _context(environment, settings)
        self._base = foundations(context)
        self.cluster = cluster(context, self._base)
        self.node_pools = node_pools(context, self._base, self.cluster)
        self.tracking = tracking(context, self._base, self.cluster, self.node_pools)
        self.training = training(context, self._base, self.tracking)
        self.image_builder = image_builder(context, self._base)
        controller = queue_controller(context, self.cluster)
        # What a team's namespace holds goes before what answers for it.
        below = [*self.node_pools, *controller]
        self.teams = teams(context, self._base, self.cluster, below, self.tracking, self.training)
        self.approvals = approvals(context, self._base, self.tracking, self.training)
        self.queues = queues(context, self.cluster, controller, self.teams)
        self.monitoring = monitoring(context, self._base, self.cluster)
        self.guardrails = guardrails(context, self._base, self.cluster, self.monitoring.topic.arn)
        self.cluster_access = cluster_access(context, self._base, self.cluster)
        self.preview_access = preview_access(context, self.cluster)
        self.jenkins_agents = jenkins_agents(context, self.cluster)
        self.contract = Contract(
            "contract",
            ContractArgs(environment=environment, sections=self._sections(), teams=self._team_documents()),
            context.opts,
        )
        self.spend_guard = spend_guard(context, self._base, self.monitoring.topic.arn, self.contract)

    def _sections(self) -> dict[str, Mapping[str, pulumi.Input[Any]]]:
        settings, placement, base = self._context.settings, self._context.placement, self._base
        return {
            "platform": {
                "schema_version": SCHEMA_VERSION,
                "environment": self._context.environment,
                "account_id": placement.account_id,
                "region": settings.region,
                "partition": placement.partition,
                "alert_topic_arn": self.monitoring.topic.arn,
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
                "approval_required": settings.registry.approval_required,
                "readers": list(settings.promotion.to),
                "build_project": self.image_builder.project if self.image_builder else "",
            },
            "cluster": {
                "name": self.cluster.name,
                "arn": self.cluster.arn,
                "node_pools": self._pools_by_resource(),
            },
            "tracking": {"uri": self.tracking.uri, "artifact_uri": self.tracking.artifact_uri},
            "training": {
                "max_runtime_seconds": settings.training.max_runtime_seconds,
                "use_vpc": settings.training.use_vpc,
                "endpoint_log_days": settings.training.endpoint_log_days,
            },
        }

    def _pools_by_resource(self) -> dict[str, dict[str, int]]:
        pools: dict[str, dict[str, int]] = {}
        for pool in self.node_pools:
            pools.setdefault(pool.resource, {})[pool.name] = pool.limit
        return pools

    def _team_documents(self) -> dict[str, Mapping[str, pulumi.Input[Any]]]:
        budget = self._context.settings.guardrails.budget
        limits = budget.teams if budget else {}
        return {
            name: {
                "name": name,
                "namespace": team.namespace,
                "queue": self.queues.get(name, ""),
                "execution_role_arn": self.training.execution_role_arns[name],
                "submit_role_arn": team.submit_role_arn,
                "approve_role_arn": self.approvals[name].role_arn if name in self.approvals else None,
                "data_uri": team.data_uri,
                "artifact_uri": team.artifact_uri,
                "monthly_budget_usd": limits.get(name),
            }
            for name, team in self.teams.items()
        }


def _context(environment: str, settings: Settings) -> Context:
    """The environment's provider, place and administrators."""
    provider = aws_provider(environment, settings)
    identity = caller(provider)
    placement = Placement(
        prefix=f"groundwork-{environment}",
        environment=environment,
        region=settings.region,
        account_id=identity.account_id,
    )
    if settings.guardrails.permissions_boundary:
        register_boundary(settings.guardrails.permissions_boundary)
    admins = {logical_name(admin): principal_arn(admin, placement) for admin in settings.cluster.admins}
    if settings.cluster.existing is None:  # else who is let in is for whoever looks after the cluster
        warn_unless_admin(identity.arn, list(admins.values()))
    return Context(
        environment=environment,
        settings=settings,
        placement=placement,
        opts=pulumi.ResourceOptions(providers={"aws": provider}),
        admins=admins,
    )
