"""Container images that are on a node before the first job needs them.

A DaemonSet on the pool's nodes pulls each image by running it as an init container that ends at once, so every image
must have `true` on its path, as training images have. A GPU image of several gigabytes is so pulled while the node's
device plugin still starts, and a second job on the node finds it there. The pods are removed with their node: they do
not keep it from counting as empty, for Karpenter does not count DaemonSets.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

NAMESPACE = "groundwork-warmup"
PAUSE = "registry.k8s.io/pause:3.10.2"
"""What stays running, and does nothing. kubeadm's image for it in k8s.io/kubernetes v1.36.3
(cmd/kubeadm/app/constants/constants.go: PauseVersion)."""


@dataclass(frozen=True, kw_only=True)
class ImageWarmupArgs:
    """What is pulled where.

    pool: name of the pool, which its nodes have as a label.
    images: with a tag or a digest each.
    """

    pool: str
    images: Sequence[str]
    provider: k8s.Provider


class ImageWarmup(pulumi.ComponentResource):
    """A DaemonSet that pulls images and may do nothing else: no token, no network, no capabilities, no root."""

    def __init__(self, name: str, args: ImageWarmupArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ImageWarmup", name, None, opts)
        in_cluster = pulumi.ResourceOptions(parent=self, provider=args.provider)
        namespace = f"{NAMESPACE}-{args.pool}"
        space = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=namespace, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=in_cluster,
        )
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[space])
        k8s.networking.v1.NetworkPolicy(
            f"{name}-no-network",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="no-network", namespace=namespace),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=inside,
        )
        k8s.apps.v1.DaemonSet(
            f"{name}-images",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="images", namespace=namespace),
            spec=daemon_set_spec(args.pool, args.images),
            opts=inside,
        )
        self.register_outputs({})


def daemon_set_spec(pool: str, images: Sequence[str]) -> k8s.apps.v1.DaemonSetSpecArgs:
    """One init container an image, and a container that sleeps."""
    labels = {"app.kubernetes.io/name": "image-warmup", "groundwork/pool": pool}
    return k8s.apps.v1.DaemonSetSpecArgs(
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
        # Nobody waits for a pull, so all nodes may take a new list at once.
        update_strategy=k8s.apps.v1.DaemonSetUpdateStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDaemonSetArgs(max_unavailable="100%"),
        ),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                node_selector={"groundwork/pool": pool},
                # Whatever taints the pool has, its images belong on its nodes.
                tolerations=[k8s.core.v1.TolerationArgs(operator="Exists")],
                termination_grace_period_seconds=0,
                security_context=k8s.core.v1.PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=65534,
                    seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                init_containers=[_container(container_name(image), image, ["true"]) for image in images],
                containers=[_container("pause", PAUSE, None)],
            ),
        ),
    )


def container_name(image: str) -> str:
    """A container's name that stays with its image, whatever else the list holds."""
    return f"pull-{hashlib.sha256(image.encode()).hexdigest()[:10]}"


def _container(name: str, image: str, command: list[str] | None) -> k8s.core.v1.ContainerArgs:
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=image,
        command=command,
        image_pull_policy="IfNotPresent",
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": "16Mi"}, limits={"cpu": "100m", "memory": "64Mi"}
        ),
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
    )
