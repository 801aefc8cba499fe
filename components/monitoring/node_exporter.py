"""node_exporter: what a node's kernel says of its CPUs, memory, disks and network."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.monitoring.pods import exporter_container, pod_template, probe
from components.monitoring.scrape import EXPORTERS, NAMESPACE

NAME = "node-exporter"
IMAGE = "quay.io/prometheus/node-exporter:v1.12.1"
"""https://github.com/prometheus/node_exporter/releases/tag/v1.12.1"""
ROOT = "/host"
COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev")
"""Those that the catalogue's metrics come from; all others are off."""


@dataclass(frozen=True, kw_only=True)
class NodeExporterArgs:
    """What it needs.

    namespace: what makes its namespace.
    image: with its tag; from another registry than the public one where nodes cannot reach that.
    """

    provider: k8s.Provider
    namespace: pulumi.Resource
    image: pulumi.Input[str] = IMAGE


class NodeExporter(pulumi.ComponentResource):
    """A pod on every node that reads the node's file systems, as nobody, and has no access to the cluster."""

    def __init__(self, name: str, args: NodeExporterArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:NodeExporter", name, None, opts)
        k8s.apps.v1.DaemonSet(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
            spec=daemon_set_spec(args.image),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[args.namespace]),
        )
        self.register_outputs({})


def daemon_set_spec(image: pulumi.Input[str]) -> k8s.apps.v1.DaemonSetSpecArgs:
    """The DaemonSet. To count the node's network and mounts the pod must share them
    (https://github.com/prometheus/node_exporter#docker)."""
    container = exporter_container(
        NAME,
        image,
        (
            f"--web.listen-address=:{EXPORTERS[NAME]}",
            f"--path.procfs={ROOT}/proc",
            f"--path.sysfs={ROOT}/sys",
            f"--path.rootfs={ROOT}",
            "--collector.disable-defaults",
            *(f"--collector.{collector}" for collector in COLLECTORS),
            # The mounts of pods are the pods' own affair, and there are thousands.
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|var/lib/kubelet/pods)($|/)",
            "--collector.netdev.device-exclude=^(veth.*|eni.*|lo)$",
        ),
        requests={"cpu": "20m", "memory": "32Mi"},
        limits={"memory": "128Mi"},
        mounts={},
        liveness=probe("/", EXPORTERS[NAME]),
    )
    container.volume_mounts = [
        k8s.core.v1.VolumeMountArgs(name="root", mount_path=ROOT, read_only=True, mount_propagation="HostToContainer")
    ]
    root = k8s.core.v1.VolumeArgs(name="root", host_path=k8s.core.v1.HostPathVolumeSourceArgs(path="/"))
    return k8s.apps.v1.DaemonSetSpecArgs(
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"app.kubernetes.io/name": NAME}),
        update_strategy=k8s.apps.v1.DaemonSetUpdateStrategyArgs(
            type="RollingUpdate", rolling_update=k8s.apps.v1.RollingUpdateDaemonSetArgs(max_unavailable="10%")
        ),
        template=pod_template(NAME, container, volumes=[root], on_every_node=True, sees_node=True),
    )
