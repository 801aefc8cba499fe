"""What the pods of all exporters have in common: no root, no capabilities, no more access than they are given."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.monitoring.scrape import EXPORTERS, METRICS_PORT_NAME

NOBODY = 65534


def probe(path: str, port: int) -> k8s.core.v1.ProbeArgs:
    """A check over HTTP."""
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port=port), initial_delay_seconds=5, timeout_seconds=5
    )


def locked_down() -> k8s.core.v1.SecurityContextArgs:
    """A container that can change nothing, not even itself."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        run_as_user=NOBODY,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def exporter_container(
    name: str,
    image: pulumi.Input[str],
    arguments: Sequence[str],
    *,
    requests: Mapping[str, str],
    limits: Mapping[str, str],
    mounts: Mapping[str, str],
    liveness: k8s.core.v1.ProbeArgs | None = None,
    readiness: k8s.core.v1.ProbeArgs | None = None,
    environment: Sequence[k8s.core.v1.EnvVarArgs] = (),
    security: k8s.core.v1.SecurityContextArgs | None = None,
) -> k8s.core.v1.ContainerArgs:
    """The container of an exporter.

    mounts: volume to the folder that it is mounted on, read-only.
    security: where it needs more than `locked_down` allows.
    """
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=image,
        image_pull_policy="IfNotPresent",
        args=list(arguments),
        env=list(environment) or None,
        ports=[k8s.core.v1.ContainerPortArgs(name=METRICS_PORT_NAME, container_port=EXPORTERS[name])],
        resources=k8s.core.v1.ResourceRequirementsArgs(requests=dict(requests), limits=dict(limits)),
        volume_mounts=[
            k8s.core.v1.VolumeMountArgs(name=volume, mount_path=folder, read_only=True)
            for volume, folder in mounts.items()
        ],
        liveness_probe=liveness,
        readiness_probe=readiness,
        security_context=security or locked_down(),
    )


def pod_template(
    name: str,
    container: k8s.core.v1.ContainerArgs,
    *,
    volumes: Sequence[k8s.core.v1.VolumeArgs],
    annotations: Mapping[str, str] | None = None,
    service_account: str | None = None,
    on_every_node: bool = False,
    sees_node: bool = False,
    affinity: k8s.core.v1.AffinityArgs | None = None,
) -> k8s.core.v1.PodTemplateSpecArgs:
    """A pod with one container.

    service_account: whose token it has; without one it has none.
    on_every_node: whatever a node's taints are.
    sees_node: it shares the node's network and process ids.
    """
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(
            labels={"app.kubernetes.io/name": name}, annotations=dict(annotations) if annotations else None
        ),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=service_account,
            automount_service_account_token=service_account is not None,
            enable_service_links=False,
            host_network=sees_node or None,
            host_pid=sees_node or None,
            priority_class_name="system-node-critical" if on_every_node else None,
            node_selector={"kubernetes.io/os": "linux"},
            affinity=affinity,
            tolerations=[k8s.core.v1.TolerationArgs(operator="Exists")] if on_every_node else None,
            security_context=k8s.core.v1.PodSecurityContextArgs(
                seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault")
            ),
            containers=[container],
            volumes=list(volumes),
        ),
    )
