"""Grafana on the cluster: dashboards and data sources are code, and it keeps nothing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.iam import written_with
from components.monitoring.grafana_config import dashboard_provider, grafana_ini
from components.monitoring.grafana_pod import LABELS, grafana_network_policy, grafana_pod
from components.monitoring.grafana_policy import pod_trust, read_policy
from components.placement import Placement

NAMESPACE = "grafana"
ACCOUNT = "grafana"


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """What Grafana on the cluster needs.

    workspace_arn, prometheus_endpoint: the Amazon Managed Prometheus workspace that it asks.
    image: with a tag and, better, a digest.
    admin_secret: name of a Secret in the namespace `grafana` with the keys `admin-user` and `admin-password`, which
        somebody made beside the program, so that no password is in the state. With it everyone signs in. Without it
        there is no administrator, and whoever can reach the Service reads.
    """

    placement: Placement
    cluster_name: pulumi.Input[str]
    provider: k8s.Provider
    workspace_arn: pulumi.Input[str]
    prometheus_endpoint: pulumi.Input[str]
    image: str
    admin_secret: str = ""


class Grafana(pulumi.ComponentResource):
    """A Deployment that provisions itself from ConfigMaps, a Service inside of the cluster, and a role that reads."""

    namespace: pulumi.Output[str]
    service: pulumi.Output[str]
    """Name of the Service, which answers at port 80: `kubectl -n grafana port-forward service/grafana 3000:80`."""

    def __init__(self, name: str, args: GrafanaArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:Grafana", name, None, opts)
        self._name = name
        self._in_cluster = pulumi.ResourceOptions(parent=self, provider=args.provider)
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=self._in_cluster,
        )
        self.namespace = namespace.metadata.name.apply(lambda known: known or NAMESPACE)
        access = self._access(args)
        files = self._files(args)
        self._deployment(args, files, access)
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=self._metadata("grafana"),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=LABELS,
                ports=[k8s.core.v1.ServicePortArgs(name="http", port=80, target_port="http")],
            ),
            opts=self._in_cluster,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=self._metadata("grafana"),
            spec=grafana_network_policy(),
            opts=self._in_cluster,
        )
        self.service = service.metadata.name.apply(lambda known: known or "grafana")
        self.register_outputs({"namespace": self.namespace, "service": self.service})

    def _metadata(self, name: str) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace, labels=dict(LABELS))

    def _access(self, args: GrafanaArgs) -> list[pulumi.Resource]:
        """The role, and the service account that has it. Pods get credentials when they are made: these come first."""
        name, child, placement = self._name, pulumi.ResourceOptions(parent=self), args.placement
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{placement.prefix}-grafana",
            description="Grafana reads metrics with it",
            assume_role_policy=written_with(pod_trust, account_id=placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="read-metrics",
            role=role.name,
            policy=written_with(read_policy, region=placement.region, workspace_arn=args.workspace_arn),
            opts=child,
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(ACCOUNT),
            automount_service_account_token=False,
            opts=self._in_cluster,
        )
        identity = aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            cluster_name=args.cluster_name,
            namespace=self.namespace,
            service_account=ACCOUNT,
            role_arn=role.arn,
            opts=child,
        )
        return [policy, account, identity]

    def _files(self, args: GrafanaArgs) -> Mapping[str, Mapping[str, pulumi.Input[str]]]:
        """ConfigMap name to its files. A dashboard has a ConfigMap of its own: each may hold 1 MiB."""
        # Imported here: an environment without Grafana need not wait for the SDK (0.2 s).
        from components.monitoring.dashboards import rendered
        from components.monitoring.dashboards.sources import data_sources

        sources = pulumi.Output.all(args.prometheus_endpoint).apply(
            lambda known: data_sources(str(known[0]), args.placement.region)
        )
        files: dict[str, Mapping[str, pulumi.Input[str]]] = {
            "grafana-config": {"grafana.ini": grafana_ini(sign_in=bool(args.admin_secret))},
            "grafana-data-sources": {"groundwork.yaml": sources},
            "grafana-dashboard-provider": {"groundwork.yaml": dashboard_provider()},
        }
        for file, text in rendered().items():
            files[f"grafana-dashboard-{file.removesuffix('.json')}"] = {file: text}
        for config_map, data in files.items():
            k8s.core.v1.ConfigMap(
                f"{self._name}-{config_map.removeprefix('grafana-')}",
                metadata=self._metadata(config_map),
                data=data,
                opts=self._in_cluster,
            )
        return files

    def _deployment(
        self,
        args: GrafanaArgs,
        files: Mapping[str, Mapping[str, pulumi.Input[str]]],
        access: list[pulumi.Resource],
    ) -> None:
        # Grafana reads dashboards again by itself, but configuration and data sources only when it starts.
        start_files = [files[each] for each in ("grafana-config", "grafana-data-sources", "grafana-dashboard-provider")]
        checksum = pulumi.Output.all(*(text for data in start_files for text in data.values())).apply(
            lambda texts: hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        )
        dashboards = [config_map for config_map in files if config_map.startswith("grafana-dashboard-")]
        dashboards.remove("grafana-dashboard-provider")
        k8s.apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata("grafana"),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=LABELS),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        labels=dict(LABELS), annotations={"groundwork/configuration": checksum}
                    ),
                    spec=grafana_pod(
                        image=args.image,
                        service_account=ACCOUNT,
                        dashboards=dashboards,
                        admin_secret=args.admin_secret,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=access),
        )
