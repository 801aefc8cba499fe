"""Budgets, the spend guard, alarms about costs, the audit trail and the image cache."""

from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.cost_anomaly import EnvironmentAnomalies, EnvironmentAnomaliesArgs
from components.guardrails.audit_trail import AuditTrail, AuditTrailArgs
from components.guardrails.budgets import Budgets, BudgetsArgs
from components.guardrails.image_cache import ImageCache, ImageCacheArgs
from components.spend_guard import SpendGuard, SpendGuardArgs
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations
from platform_contract import contract_path


@dataclass(frozen=True)
class Guardrails:
    """What is set of it."""

    budgets: Budgets | None
    anomalies: EnvironmentAnomalies | None
    trail: AuditTrail | None
    image_cache: ImageCache | None


def guardrails(context: Context, base: Foundations, in_cluster: Cluster, topic_arn: pulumi.Input[str]) -> Guardrails:
    """Whatever the settings ask for.

    topic_arn: SNS topic of the environment's alarms.
    """
    return Guardrails(
        _budgets(context, in_cluster, topic_arn),
        _anomalies(context, topic_arn),
        _trail(context, base),
        _image_cache(context, in_cluster),
    )


def _budgets(context: Context, in_cluster: Cluster, topic_arn: pulumi.Input[str]) -> Budgets | None:
    chosen = context.settings.guardrails.budget
    if chosen is None:
        return None
    args = BudgetsArgs(
        placement=context.placement,
        cluster_name=in_cluster.name,
        monthly_usd=chosen.monthly_usd,
        team_monthly_usd=chosen.teams,
        topic_arn=topic_arn,
        emails=chosen.emails,
    )
    return Budgets("budgets", args, context.opts)


def spend_guard(
    context: Context, base: Foundations, topic_arn: pulumi.Input[str], contract: pulumi.Resource
) -> SpendGuard | None:
    """The spend guard where the settings ask for it, once there is a contract for its first look.

    topic_arn: SNS topic of the environment's alarms.
    """
    chosen = context.settings.guardrails.spend_guard
    if not chosen.enabled:
        return None
    args = SpendGuardArgs(
        placement=context.placement,
        every_minutes=chosen.every_minutes,
        contract_path=contract_path(context.environment),
        artifact_bucket_arn=base.store.artifact_bucket_arn,
        kms_key_arn=base.keys.data_arn,
        logs_key_arn=base.keys.logs_arn,
        topic_arn=topic_arn,
        log_days=chosen.log_days,
    )
    after = pulumi.ResourceOptions.merge(context.opts, pulumi.ResourceOptions(depends_on=[contract]))
    return SpendGuard("spend-guard", args, after)


def _anomalies(context: Context, topic_arn: pulumi.Input[str]) -> EnvironmentAnomalies | None:
    chosen, budget = context.settings.guardrails.anomalies, context.settings.guardrails.budget
    if not chosen.enabled:
        return None
    args = EnvironmentAnomaliesArgs(
        placement=context.placement,
        topic_arn=topic_arn,
        least_impact_usd=chosen.least_impact_usd,
        teams=list(budget.teams) if budget else [],
        account_monitor_arn=chosen.account_monitor_arn,
    )
    return EnvironmentAnomalies("anomalies", args, context.opts)


def _trail(context: Context, base: Foundations) -> AuditTrail | None:
    settings = context.settings
    chosen = settings.guardrails.trail
    if not chosen.enabled:
        return None
    args = AuditTrailArgs(
        placement=context.placement,
        watched_bucket_arns=[base.store.data_bucket_arn, base.store.artifact_bucket_arn],
        management_events=chosen.management_events,
        lock_days=chosen.lock_days,
        lock_mode=chosen.lock_mode,
        keep_days=chosen.keep_days,
        key_deletion_window_days=settings.keys.deletion_window_days,
        delete_contents=settings.protection.delete_contents,
        protect=settings.protection.protect,
    )
    return AuditTrail("audit", args, context.opts)


def _image_cache(context: Context, in_cluster: Cluster) -> ImageCache | None:
    chosen = context.settings.guardrails.image_cache
    if not chosen.upstreams:
        return None
    args = ImageCacheArgs(
        placement=context.placement,
        upstreams=chosen.upstreams,
        secret_arns=chosen.secrets,
        node_role_name=in_cluster.node_role_name,
    )
    return ImageCache("image-cache", args, context.opts)
