"""kube-state-metrics: what the cluster's objects say about themselves, NodePools and Kueue's queues among them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.monitoring.metrics import NODE_LABELS
from components.monitoring.pods import exporter_container, pod_template, probe
from components.monitoring.scrape import EXPORTERS, NAMESPACE

NAME = "kube-state-metrics"
IMAGE = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.18.0"
"""https://github.com/kubernetes/kube-state-metrics/releases/tag/v2.18.0"""
CONFIG = (Path(__file__).parent / "data" / "custom_resource_state.yaml").read_text(encoding="utf-8")
CONFIG_FILE = "custom-resource-state.yaml"
CONFIG_FOLDER = "/etc/kube-state-metrics"
TELEMETRY_PORT = 8081

WATCHED: Mapping[str, tuple[str, ...]] = {
    "": ("namespaces", "nodes", "pods", "resourcequotas"),
    "apps": ("daemonsets", "deployments"),
    "batch": ("jobs",),
}
"""API group to the resources that are watched. Secrets are not among them: who lists every Secret is an admin."""
CUSTOM: Mapping[str, tuple[str, ...]] = {
    "karpenter.sh": ("nodepools",),
    "kueue.x-k8s.io": ("clusterqueues",),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
}
"""The same for the custom-resource state, which finds its kinds through their definitions."""


@dataclass(frozen=True, kw_only=True)
class KubeStateMetricsArgs:
    """What it needs.

    namespace: what makes its namespace.
    image: with its tag; from another registry than the public one where nodes cannot reach that.
    """

    provider: k8s.Provider
    namespace: pulumi.Resource
    image: pulumi.Input[str] = IMAGE


class KubeStateMetrics(pulumi.ComponentResource):
    """One replica that may list and watch what it counts, and nothing else."""

    def __init__(self, name: str, args: KubeStateMetricsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:KubeStateMetrics", name, None, opts)
        in_cluster = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[args.namespace])
        here = k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE)
        account = k8s.core.v1.ServiceAccount(f"{name}-account", metadata=here, opts=in_cluster)
        role = k8s.rbac.v1.ClusterRole(
            f"{name}-role",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=f"groundwork-{NAME}"),
            rules=[
                k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=["list", "watch"])
                for group, resources in {**WATCHED, **CUSTOM}.items()
            ],
            opts=in_cluster,
        )
        binding = k8s.rbac.v1.ClusterRoleBinding(
            f"{name}-binding",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=f"groundwork-{NAME}"),
            role_ref=k8s.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=f"groundwork-{NAME}"
            ),
            subjects=[k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=NAMESPACE)],
            opts=in_cluster,
        )
        config = k8s.core.v1.ConfigMap(
            f"{name}-config",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=f"{NAME}-config", namespace=NAMESPACE),
            data={CONFIG_FILE: CONFIG},
            opts=in_cluster,
        )
        k8s.apps.v1.Deployment(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
            spec=deployment_spec(args.image),
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.provider, depends_on=[args.namespace, account, role, binding, config]
            ),
        )
        self.register_outputs({})


def arguments(config_file: str) -> tuple[str, ...]:
    """Its command line, with the custom-resource state in `config_file`."""
    resources = sorted(resource for watched in WATCHED.values() for resource in watched)
    return (
        f"--port={EXPORTERS[NAME]}",
        f"--telemetry-port={TELEMETRY_PORT}",
        f"--resources={','.join(resources)}",
        f"--metric-labels-allowlist=nodes=[{','.join(NODE_LABELS)}]",
        f"--custom-resource-state-config-file={config_file}",
    )


def deployment_spec(image: pulumi.Input[str]) -> k8s.apps.v1.DeploymentSpecArgs:
    """One pod of it, which starts anew when what it is told changes."""
    container = exporter_container(
        NAME,
        image,
        arguments(f"{CONFIG_FOLDER}/{CONFIG_FILE}"),
        requests={"cpu": "50m", "memory": "128Mi"},
        limits={"memory": "512Mi"},
        mounts={"config": CONFIG_FOLDER},
        liveness=probe("/livez", EXPORTERS[NAME]),
        readiness=probe("/readyz", TELEMETRY_PORT),
    )
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=1,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"app.kubernetes.io/name": NAME}),
        template=pod_template(
            NAME,
            container,
            annotations={"groundwork/config": hashlib.sha256(CONFIG.encode()).hexdigest()},
            volumes=[
                k8s.core.v1.VolumeArgs(
                    name="config", config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=f"{NAME}-config")
                )
            ],
            service_account=NAME,
        ),
    )
