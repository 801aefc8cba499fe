"""What runs on the cluster so that there is something to scrape."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.monitoring import dcgm_exporter, kube_state_metrics, node_exporter
from components.monitoring.dcgm_exporter import DcgmExporter, DcgmExporterArgs
from components.monitoring.kube_state_metrics import KubeStateMetrics, KubeStateMetricsArgs
from components.monitoring.node_exporter import NodeExporter, NodeExporterArgs
from components.monitoring.scrape import NAMESPACE


@dataclass(frozen=True, kw_only=True)
class ExporterImages:
    """The images of the exporters, with their tags."""

    kube_state_metrics: pulumi.Input[str] = kube_state_metrics.IMAGE
    node_exporter: pulumi.Input[str] = node_exporter.IMAGE
    dcgm_exporter: pulumi.Input[str] = dcgm_exporter.IMAGE


@dataclass(frozen=True, kw_only=True)
class ExportersArgs:
    """What the exporters need.

    nvidia_pools: names of the pools whose nodes have NVIDIA GPUs.
    """

    provider: k8s.Provider
    nvidia_pools: Sequence[str]
    images: ExporterImages = ExporterImages()


class Exporters(pulumi.ComponentResource):
    """A namespace with kube-state-metrics, node_exporter and, where there can be NVIDIA GPUs, the DCGM exporter.

    They are plain objects, so a preview shows each of them. The namespace lets pods see the node that they run on,
    which is what two of them are for.
    """

    def __init__(self, name: str, args: ExportersArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:Exporters", name, None, opts)
        space = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "privileged"}
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider),
        )
        child, images = pulumi.ResourceOptions(parent=self), args.images
        KubeStateMetrics(
            kube_state_metrics.NAME,
            KubeStateMetricsArgs(provider=args.provider, namespace=space, image=images.kube_state_metrics),
            child,
        )
        NodeExporter(
            node_exporter.NAME,
            NodeExporterArgs(provider=args.provider, namespace=space, image=images.node_exporter),
            child,
        )
        if args.nvidia_pools:
            DcgmExporter(
                dcgm_exporter.NAME,
                DcgmExporterArgs(
                    provider=args.provider, namespace=space, pools=args.nvidia_pools, image=images.dcgm_exporter
                ),
                child,
            )
        self.register_outputs({})
