"""Files of the local Prometheus: what it scrapes, under the same job names as the managed collector on AWS."""

import json
from pathlib import Path
from typing import Any

from components.monitoring.metrics import NODE_LABELS
from local.kubernetes.certificates import ControlPlaneFiles, Pair
from local.kubernetes.services import api_server_url
from local.monitoring.ports import MonitoringPorts
from local.paths import Paths
from local.supervisor.ports import Ports

INTERVAL = "10s"
"""Both of scrapes and of rules: nobody wants to wait a minute at a laptop, and nobody pays for samples here."""
METRICS_PAGE = "/_groundwork/metrics"
TARGETS_PAGE = "/_groundwork/prometheus/targets"
CUSTOM_RESOURCES = (
    Path(__file__).resolve().parents[2] / "components" / "monitoring" / "data" / "custom_resource_state.yaml"
)
WATCHED = ("daemonsets", "deployments", "jobs", "namespaces", "nodes", "pods", "resourcequotas")
"""What kube-state-metrics counts: the same as on AWS (components/monitoring/kube_state_metrics.py)."""


def rules_folder(paths: Paths) -> Path:
    """Where `local.monitoring.rule_sync` writes rule files."""
    return paths.monitoring / "rules"


def write_configuration(paths: Paths, ports: Ports, own: MonitoringPorts) -> None:
    """Write Prometheus' configuration and the kubeconfig of kube-state-metrics."""
    rules_folder(paths).mkdir(parents=True, exist_ok=True)
    paths.prometheus_data.mkdir(parents=True, exist_ok=True)
    files = ControlPlaneFiles(paths.kubernetes)
    # JSON is YAML.
    (paths.monitoring / "prometheus.yml").write_text(json.dumps(prometheus(paths, ports, own), indent=2) + "\n")
    (paths.monitoring / "kubeconfig").write_text(json.dumps(kubeconfig(files, api_server_url(ports)), indent=2) + "\n")


def prometheus(paths: Paths, ports: Ports, own: MonitoringPorts) -> dict[str, Any]:
    """The configuration.

    The exporters' own labels win over those of the target (honor_labels), as on AWS: what kube-state-metrics says of a
    pod is about that pod.
    """
    files = ControlPlaneFiles(paths.kubernetes)
    jobs: list[dict[str, Any]] = [
        {
            **_job("kubernetes-apiservers", ports.kubernetes),
            "scheme": "https",
            "tls_config": _client(files.authority, files.monitoring),
        },
        {**_job("etcd", ports.etcd), "scheme": "https", "tls_config": _client(files.etcd_authority, files.etcd_client)},
        {**_job("kube-state-metrics", own.kube_state_metrics), "honor_labels": True},
        _job("node-exporter", own.node_exporter),
        {**_job("dcgm-exporter", own.gpu_metrics), "honor_labels": True},
        {
            "job_name": "inference-servers",
            "http_sd_configs": [{"url": f"http://127.0.0.1:{ports.aws}{TARGETS_PAGE}", "refresh_interval": INTERVAL}],
        },
        {**_job("aws-server", ports.aws), "metrics_path": METRICS_PAGE},
        _job("prometheus", own.prometheus),
    ]
    return {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": "5s", "evaluation_interval": INTERVAL},
        "rule_files": [f"{rules_folder(paths)}/*.yaml"],
        "scrape_configs": jobs,
    }


def kubeconfig(files: ControlPlaneFiles, server: str) -> dict[str, Any]:
    """A kubeconfig of the user that measures."""
    own = files.monitoring
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "local", "cluster": {"server": server, "certificate-authority": str(files.authority.certificate)}}
        ],
        "users": [{"name": "local", "user": {"client-certificate": str(own.certificate), "client-key": str(own.key)}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        "current-context": "local",
    }


def kube_state_metrics_arguments(paths: Paths, own: MonitoringPorts) -> tuple[str, ...]:
    """Its command line: what it counts is what it counts on AWS."""
    return (
        "--host=127.0.0.1",
        f"--port={own.kube_state_metrics}",
        "--telemetry-host=127.0.0.1",
        f"--telemetry-port={own.telemetry}",
        f"--kubeconfig={paths.monitoring / 'kubeconfig'}",
        f"--resources={','.join(WATCHED)}",
        f"--metric-labels-allowlist=nodes=[{','.join(NODE_LABELS)}]",
        f"--custom-resource-state-config-file={CUSTOM_RESOURCES}",
    )


def _job(name: str, port: int) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}


def _client(authority: Pair, client: Pair) -> dict[str, str]:
    return {
        "ca_file": str(authority.certificate),
        "cert_file": str(client.certificate),
        "key_file": str(client.key),
    }
