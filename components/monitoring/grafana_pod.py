"""Grafana's pod, and who may talk to it."""

from collections.abc import Sequence

import pulumi_kubernetes as k8s

from components.monitoring.grafana_config import CONFIG_FOLDER, DASHBOARD_FOLDER, DATA_FOLDER, PORT, PROVISIONING_FOLDER

LABELS = {"app.kubernetes.io/name": "grafana", "app.kubernetes.io/component": "dashboards"}
USER = 472
"""The user `grafana` of the image: https://grafana.com/docs/grafana/v11.6/setup-grafana/configure-docker/"""
POD_IDENTITY_AGENT = "169.254.170.23/32"
"""https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""


def grafana_pod(
    *, image: str, service_account: str, dashboards: Sequence[str], admin_secret: str
) -> k8s.core.v1.PodSpecArgs:
    """A pod that needs no right on its node, writes into memory-backed folders only, and takes no cluster credentials.

    dashboards: ConfigMaps with dashboards. admin_secret: as GrafanaArgs has it.
    """
    return k8s.core.v1.PodSpecArgs(
        service_account_name=service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=k8s.core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_container(image, admin_secret)],
        volumes=[
            _config_map("config", "grafana-config"),
            _config_map("data-sources", "grafana-data-sources"),
            _config_map("dashboard-provider", "grafana-dashboard-provider"),
            k8s.core.v1.VolumeArgs(
                name="dashboards",
                projected=k8s.core.v1.ProjectedVolumeSourceArgs(
                    sources=[
                        k8s.core.v1.VolumeProjectionArgs(config_map=k8s.core.v1.ConfigMapProjectionArgs(name=each))
                        for each in dashboards
                    ]
                ),
            ),
            *(
                k8s.core.v1.VolumeArgs(name=name, empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=size))
                for name, size in (("data", "1Gi"), ("tmp", "256Mi"))
            ),
        ],
    )


def _container(image: str, admin_secret: str) -> k8s.core.v1.ContainerArgs:
    def answers(period: int, failures: int) -> k8s.core.v1.ProbeArgs:
        return k8s.core.v1.ProbeArgs(
            http_get=k8s.core.v1.HTTPGetActionArgs(path="/api/health", port="http"),
            period_seconds=period,
            failure_threshold=failures,
        )

    def mount(name: str, path: str, *, read_only: bool = True) -> k8s.core.v1.VolumeMountArgs:
        return k8s.core.v1.VolumeMountArgs(name=name, mount_path=path, read_only=read_only)

    return k8s.core.v1.ContainerArgs(
        name="grafana",
        image=image,
        ports=[k8s.core.v1.ContainerPortArgs(name="http", container_port=PORT)],
        env=[
            k8s.core.v1.EnvVarArgs(name="GF_PATHS_CONFIG", value=f"{CONFIG_FOLDER}/config/grafana.ini"),
            k8s.core.v1.EnvVarArgs(name="GF_PATHS_PROVISIONING", value=PROVISIONING_FOLDER),
            *_administrator(admin_secret),
        ],
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "512Mi"}
        ),
        startup_probe=answers(5, 24),
        readiness_probe=answers(10, 3),
        liveness_probe=answers(30, 3),
        volume_mounts=[
            mount("config", f"{CONFIG_FOLDER}/config"),
            mount("data-sources", f"{PROVISIONING_FOLDER}/datasources"),
            mount("dashboard-provider", f"{PROVISIONING_FOLDER}/dashboards"),
            mount("dashboards", DASHBOARD_FOLDER),
            mount("data", DATA_FOLDER, read_only=False),
            mount("tmp", "/tmp", read_only=False),  # noqa: S108 - the container's own
        ],
    )


def _administrator(secret: str) -> list[k8s.core.v1.EnvVarArgs]:
    if not secret:
        return []
    return [
        k8s.core.v1.EnvVarArgs(
            name=variable,
            value_from=k8s.core.v1.EnvVarSourceArgs(
                secret_key_ref=k8s.core.v1.SecretKeySelectorArgs(name=secret, key=key)
            ),
        )
        for variable, key in (
            ("GF_SECURITY_ADMIN_USER", "admin-user"),
            ("GF_SECURITY_ADMIN_PASSWORD", "admin-password"),
        )
    ]


def _config_map(volume: str, name: str) -> k8s.core.v1.VolumeArgs:
    return k8s.core.v1.VolumeArgs(name=volume, config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=name))


def grafana_network_policy() -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Nothing in: people come by `kubectl port-forward`, which no policy sees. Out: DNS, HTTPS, Pod Identity."""

    def port(number: int, protocol: str = "TCP") -> k8s.networking.v1.NetworkPolicyPortArgs:
        return k8s.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)

    agent = k8s.networking.v1.NetworkPolicyPeerArgs(ip_block=k8s.networking.v1.IPBlockArgs(cidr=POD_IDENTITY_AGENT))
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=LABELS),
        policy_types=["Ingress", "Egress"],
        egress=[
            k8s.networking.v1.NetworkPolicyEgressRuleArgs(ports=[port(53, "UDP"), port(53), port(443)]),
            k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[agent], ports=[port(80)]),
        ],
    )
