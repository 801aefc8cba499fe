"""NVIDIA's DCGM exporter: how busy, full and hot each GPU is, and whose pod uses it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.monitoring.pods import exporter_container, pod_template
from components.monitoring.scrape import EXPORTERS, NAMESPACE
from components.node_pool import POOL_LABEL

NAME = "dcgm-exporter"
IMAGE = "nvcr.io/nvidia/k8s/dcgm-exporter:4.6.1-4.8.4-distroless"
"""The default of NVIDIA's chart 4.8.4 (https://github.com/NVIDIA/dcgm-exporter/blob/main/deployment/values.yaml)."""
COUNTERS = (Path(__file__).parent / "data" / "dcgm_counters.csv").read_text(encoding="utf-8")
COUNTERS_FILE = "counters.csv"
COUNTERS_FOLDER = "/etc/groundwork"
POD_RESOURCES = "/var/lib/kubelet/pod-resources"
GPU_NODES = ("eks.amazonaws.com/instance-gpu-manufacturer", "nvidia")
"""EKS Auto Mode's own label of a node with NVIDIA GPUs
(https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html); node groups have none."""


@dataclass(frozen=True, kw_only=True)
class DcgmExporterArgs:
    """What it needs.

    namespace: what makes its namespace.
    pools: names of the pools whose nodes have NVIDIA GPUs.
    image: with its tag; from another registry than the public one where nodes cannot reach that.
    """

    provider: k8s.Provider
    namespace: pulumi.Resource
    pools: Sequence[str]
    image: pulumi.Input[str] = IMAGE


class DcgmExporter(pulumi.ComponentResource):
    """A privileged pod on every node with NVIDIA GPUs, without access to the cluster.

    Privileged, because the nodes of EKS Auto Mode are Bottlerocket, which shows GPUs to no other container that did not
    ask for one: without it the exporter ends with 'Failed to initialize NVML'
    (https://github.com/NVIDIA/dcgm-exporter/issues/279, https://github.com/bottlerocket-os/bottlerocket/issues/3992).
    Asking for a GPU instead would take it from the jobs.
    """

    def __init__(self, name: str, args: DcgmExporterArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:DcgmExporter", name, None, opts)
        config = k8s.core.v1.ConfigMap(
            f"{name}-counters",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=f"{NAME}-counters", namespace=NAMESPACE),
            data={COUNTERS_FILE: COUNTERS},
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[args.namespace]),
        )
        k8s.apps.v1.DaemonSet(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
            spec=daemon_set_spec(args.image, args.pools),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[args.namespace, config]),
        )
        self.register_outputs({})


def daemon_set_spec(image: pulumi.Input[str], pools: Sequence[str]) -> k8s.apps.v1.DaemonSetSpecArgs:
    """The DaemonSet (https://github.com/NVIDIA/dcgm-exporter/blob/main/dcgm-exporter.yaml, with the differences that
    `DcgmExporter` names)."""
    container = exporter_container(
        NAME,
        image,
        ("-f", f"{COUNTERS_FOLDER}/{COUNTERS_FILE}"),
        requests={"cpu": "50m", "memory": "256Mi"},
        limits={"memory": "512Mi"},
        mounts={"pod-resources": POD_RESOURCES, "counters": COUNTERS_FOLDER},
        environment=[
            k8s.core.v1.EnvVarArgs(name="DCGM_EXPORTER_LISTEN", value=f":{EXPORTERS[NAME]}"),
            # Which pod has which GPU, by the kubelet's own socket.
            k8s.core.v1.EnvVarArgs(name="DCGM_EXPORTER_KUBERNETES", value="true"),
            k8s.core.v1.EnvVarArgs(name="NVIDIA_VISIBLE_DEVICES", value="all"),
            # The label `Hostname` is then the node instead of the pod.
            k8s.core.v1.EnvVarArgs(
                name="NODE_NAME",
                value_from=k8s.core.v1.EnvVarSourceArgs(
                    field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path="spec.nodeName")
                ),
            ),
        ],
        readiness=k8s.core.v1.ProbeArgs(
            http_get=k8s.core.v1.HTTPGetActionArgs(path="/health", port=EXPORTERS[NAME]), initial_delay_seconds=45
        ),
        security=k8s.core.v1.SecurityContextArgs(privileged=True, run_as_user=0),
    )
    folder = k8s.core.v1.HostPathVolumeSourceArgs(path=POD_RESOURCES)
    return k8s.apps.v1.DaemonSetSpecArgs(
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels={"app.kubernetes.io/name": NAME}),
        template=pod_template(
            NAME,
            container,
            annotations={"groundwork/config": hashlib.sha256(COUNTERS.encode()).hexdigest()},
            volumes=[
                k8s.core.v1.VolumeArgs(name="pod-resources", host_path=folder),
                k8s.core.v1.VolumeArgs(
                    name="counters", config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=f"{NAME}-counters")
                ),
            ],
            on_every_node=True,
            affinity=_where_gpus_are(pools),
        ),
    )


def _where_gpus_are(pools: Sequence[str]) -> k8s.core.v1.AffinityArgs:
    """Nodes of these pools, of either kind, and what somebody else's NodePool brings; one of the labels is enough."""
    key, manufacturer = GPU_NODES
    terms = [
        k8s.core.v1.NodeSelectorTermArgs(
            match_expressions=[k8s.core.v1.NodeSelectorRequirementArgs(key=label, operator="In", values=values)]
        )
        for label, values in ((key, [manufacturer]), (POOL_LABEL, list(pools)))
    ]
    required = k8s.core.v1.NodeSelectorArgs(node_selector_terms=terms)
    return k8s.core.v1.AffinityArgs(
        node_affinity=k8s.core.v1.NodeAffinityArgs(required_during_scheduling_ignored_during_execution=required)
    )
