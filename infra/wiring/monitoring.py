"""What is watched, and who is told."""

from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.monitoring.alarms import Alarms, AlarmsArgs, EndpointPromise
from components.monitoring.alert_rules import rule_files
from components.monitoring.exporters import ExporterImages, Exporters, ExportersArgs
from components.monitoring.scraper import ClusterScraper, ClusterScraperArgs
from components.monitoring.topic import AlertTopic, AlertTopicArgs, Subscriber
from components.monitoring.workspace import PrometheusWorkspace, PrometheusWorkspaceArgs
from infra.sections.monitoring import MonitoringSettings
from infra.wiring.budget_rules import budget_rule_files
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations
from infra.wiring.gpu_prices import gpu_price_rule_files
from infra.wiring.grafana import grafana
from infra.wiring.images import pulled


@dataclass(frozen=True)
class Monitoring:
    """The parts of monitoring. workspace: None where settings leave Prometheus out."""

    topic: AlertTopic
    workspace: PrometheusWorkspace | None
    alarms: Alarms


def monitoring(context: Context, base: Foundations, in_cluster: Cluster) -> Monitoring:
    """The alert topic, metrics of the cluster with their rules, and CloudWatch's alarms."""
    chosen = context.settings.monitoring
    topic = AlertTopic(
        "alerts",
        AlertTopicArgs(
            placement=context.placement,
            subscribers=_subscribers(chosen),
            rotation_days=context.settings.keys.rotation_days,
            deletion_window_days=context.settings.keys.deletion_window_days,
            protect=context.settings.protection.protect,
        ),
        context.opts,
    )
    workspace = _prometheus(context, base, in_cluster, topic.arn) if chosen.prometheus else None
    alarms = Alarms(
        "alarms",
        AlarmsArgs(
            placement=context.placement,
            topic_arn=topic.arn,
            nat_gateway_ids=base.network.nat_gateway_ids,
            workspace_id=workspace.id if workspace else None,
            fleet_errors=chosen.fleet_errors,
            fleet_latency_ms=chosen.fleet_latency_ms,
            endpoints=[
                EndpointPromise(
                    name=endpoint.name,
                    variant=endpoint.variant,
                    latency_ms=endpoint.latency_ms,
                    availability=endpoint.availability,
                )
                for endpoint in chosen.endpoints
            ],
            runbooks_url=chosen.runbooks_url,
        ),
        context.opts,
    )
    return Monitoring(topic, workspace, alarms)


def _prometheus(
    context: Context, base: Foundations, in_cluster: Cluster, topic_arn: pulumi.Input[str]
) -> PrometheusWorkspace:
    chosen, settings = context.settings.monitoring, context.settings
    workspace = PrometheusWorkspace(
        "prometheus",
        PrometheusWorkspaceArgs(
            placement=context.placement,
            topic_arn=topic_arn,
            kms_key_arn=base.keys.data_arn,
            logs_key_arn=base.keys.logs_arn,
            rules={
                **rule_files(chosen.runbooks_url),
                **gpu_price_rule_files(settings),
                **budget_rule_files(settings),
            },
            metric_days=chosen.metric_days,
            log_days=chosen.log_days,
            protect=settings.protection.protect,
        ),
        context.opts,
    )
    ClusterScraper(
        "scraper",
        ClusterScraperArgs(
            placement=context.placement,
            cluster_arn=in_cluster.arn,
            cluster_security_group_id=in_cluster.security_group_id,
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.private_subnet_ids,
            workspace_arn=workspace.arn,
            scrape_seconds=chosen.scrape_seconds,
        ),
        context.opts,
    )
    Exporters(
        "exporters",
        ExportersArgs(
            provider=in_cluster.provider,
            nvidia_pools=[pool.name for pool in settings.node_pools if pool.accelerator == "nvidia"],
            images=ExporterImages(
                kube_state_metrics=pulled(context, chosen.images.kube_state_metrics),
                node_exporter=pulled(context, chosen.images.node_exporter),
                dcgm_exporter=pulled(context, chosen.images.dcgm_exporter),
            ),
        ),
        context.opts,
    )
    grafana(
        context,
        in_cluster,
        chosen.grafana,
        workspace_arn=workspace.arn,
        prometheus_endpoint=workspace.endpoint,
    )
    return workspace


def _subscribers(chosen: MonitoringSettings) -> list[Subscriber]:
    """E-mail addresses are named by themselves, so that one more in the list leaves the others alone."""
    mails = [Subscriber(name=email.replace("@", "-at-"), protocol="email", endpoint=email) for email in chosen.emails]
    others = [
        Subscriber(name=other.name, protocol=other.protocol, endpoint=other.endpoint) for other in chosen.subscriptions
    ]
    return [*mails, *others]
