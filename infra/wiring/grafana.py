"""The dashboards' Grafana, of the kind that the settings choose."""

import pulumi

from components.cluster import Cluster
from components.monitoring.grafana import Grafana, GrafanaArgs
from components.monitoring.managed_grafana import ManagedGrafana, ManagedGrafanaArgs, Saml
from infra.sections.grafana import GrafanaSettings
from infra.wiring.context import Context


def grafana(
    context: Context,
    in_cluster: Cluster,
    chosen: GrafanaSettings,
    *,
    workspace_arn: pulumi.Input[str],
    prometheus_endpoint: pulumi.Input[str],
) -> Grafana | ManagedGrafana | None:
    """On the cluster, or managed where the settings name how people sign in, or none."""
    if not chosen.enabled:
        return None
    if chosen.sign_in is None:
        args = GrafanaArgs(
            placement=context.placement,
            cluster_name=in_cluster.name,
            provider=in_cluster.provider,
            workspace_arn=workspace_arn,
            prometheus_endpoint=prometheus_endpoint,
            image=chosen.image,
            admin_secret=chosen.admin_secret,
        )
        return Grafana("grafana", args, context.opts)
    saml = chosen.saml and Saml(
        metadata_url=chosen.saml.metadata_url,
        role_attribute=chosen.saml.role_attribute,
        admins=chosen.saml.admins,
        editors=chosen.saml.editors,
    )
    managed = ManagedGrafanaArgs(
        placement=context.placement,
        workspace_arn=workspace_arn,
        sign_in=chosen.sign_in,
        admin_groups=chosen.admin_groups,
        viewer_groups=chosen.viewer_groups,
        saml=saml,
    )
    return ManagedGrafana("grafana", managed, context.opts)
