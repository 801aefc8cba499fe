"""The device plugin that makes Elastic Fabric Adapters a resource of nodes: `vpc.amazonaws.com/efa`.

Written after AWS's chart (https://github.com/aws/eks-charts/tree/master/stable/aws-efa-k8s-device-plugin), whose values
select nodes by long lists of instance types; here a label does.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

REGISTRIES_FILE = Path(__file__).parent / "data" / "eks_image_registries.json"
REPOSITORY_AND_TAG = "eks/aws-efa-k8s-device-plugin:v0.5.8"
"""Default of the chart's README (aws/eks-charts, commit 0472abcb07eb)."""
NAME = "aws-efa-k8s-device-plugin"


@cache
def registries() -> dict[str, str]:
    """Region to the registry of EKS's own images."""
    return json.loads(REGISTRIES_FILE.read_text())["registries"]


def default_image(region: str) -> str | None:
    """AWS's image of the plugin, from the region's own registry; None for a region that the list does not have."""
    registry = registries().get(region)
    return f"{registry}/{REPOSITORY_AND_TAG}" if registry else None


@dataclass(frozen=True, kw_only=True)
class EfaPluginArgs:
    """image: of the plugin."""

    image: str
    provider: k8s.Provider


class EfaPlugin(pulumi.ComponentResource):
    """A DaemonSet on nodes with the label `groundwork/efa`."""

    def __init__(self, name: str, args: EfaPluginArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:EfaPlugin", name, None, opts)
        k8s.apps.v1.DaemonSet(
            f"{name}-plugin",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace="kube-system"),
            spec=daemon_set_spec(args.image),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider),
        )
        self.register_outputs({})


def daemon_set_spec(image: str) -> k8s.apps.v1.DaemonSetSpecArgs:
    """The plugin, on the host's network and with its devices."""
    labels = {"name": NAME}
    paths = {"device-plugin": "/var/lib/kubelet/device-plugins", "infiniband": "/dev/infiniband"}
    return k8s.apps.v1.DaemonSetSpecArgs(
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
        update_strategy=k8s.apps.v1.DaemonSetUpdateStrategyArgs(type="RollingUpdate"),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                priority_class_name="system-node-critical",
                node_selector={"groundwork/efa": "true"},
                tolerations=[k8s.core.v1.TolerationArgs(operator="Exists")],
                host_network=True,
                containers=[
                    k8s.core.v1.ContainerArgs(
                        name=NAME,
                        image=image,
                        # The chart's own context: it opens the adapters' devices on the host.
                        security_context=k8s.core.v1.SecurityContextArgs(
                            privileged=True, allow_privilege_escalation=True, run_as_user=0, run_as_non_root=False
                        ),
                        resources=k8s.core.v1.ResourceRequirementsArgs(
                            requests={"cpu": "10m", "memory": "20Mi"}, limits={"memory": "100Mi"}
                        ),
                        volume_mounts=[
                            k8s.core.v1.VolumeMountArgs(name=name, mount_path=path) for name, path in paths.items()
                        ],
                    )
                ],
                volumes=[
                    k8s.core.v1.VolumeArgs(name=name, host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=path))
                    for name, path in paths.items()
                ],
            ),
        ),
    )
