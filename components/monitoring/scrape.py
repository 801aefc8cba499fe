"""What is scraped on the cluster, and what of it is kept: the configuration of the managed collector.

A managed collector is paid by the sample, so a job keeps the metrics of the catalogue and drops the rest: what a
dashboard or a rule asks for is in the catalogue, or its test fails. Format:
https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-collector-how-to.html#AMP-collector-configuration
"""

from collections.abc import Sequence
from typing import Any

import yaml

from components.monitoring.metrics import PROMETHEUS

NAMESPACE = "monitoring"
"""Where the exporters run."""
METRICS_PORT_NAME = "metrics"
EXPORTERS = {"kube-state-metrics": 8080, "node-exporter": 9100, "dcgm-exporter": 9400}
"""Job, which is also the pods' label app.kubernetes.io/name, to the port."""
INFERENCE_SERVERS = "inference-server"
"""Value of the label app.kubernetes.io/component by which pods of inference servers are found."""
API_SERVERS = "kubernetes-apiservers"
SHORTEST_INTERVAL_SECONDS = 30
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-collector-how-to.html#AMP-collector-configuration"""

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def kept_metrics(job: str) -> tuple[str, ...]:
    """Names that a job keeps, in the order of the alphabet."""
    return tuple(sorted(PROMETHEUS[job].metrics))


def scrape_configuration(scrape_seconds: int) -> str:
    """The configuration as YAML.

    scrape_seconds: time between two scrapes of a target, 30 or more.
    """
    jobs = [_api_servers(), *(_exporter(name) for name in EXPORTERS), _inference_servers()]
    document = {
        "global": {"scrape_interval": f"{scrape_seconds}s", "scrape_timeout": "10s"},
        "scrape_configs": jobs,
    }
    return yaml.safe_dump(document, sort_keys=False, width=1000)


def _job(name: str, role: str, relabel: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    keep = {"source_labels": ["__name__"], "action": "keep", "regex": "|".join(kept_metrics(name))}
    return {
        "job_name": name,
        **more,
        "kubernetes_sd_configs": [{"role": role}],
        "relabel_configs": list(relabel),
        "metric_relabel_configs": [keep],
    }


def _keep(value: str, *labels: str) -> dict[str, Any]:
    return {"source_labels": list(labels), "action": "keep", "regex": value}


def _name(label: str, source: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": label}


def _api_servers() -> dict[str, Any]:
    return _job(
        API_SERVERS,
        "endpoints",
        [
            _keep(
                "default;kubernetes;https",
                "__meta_kubernetes_namespace",
                "__meta_kubernetes_service_name",
                "__meta_kubernetes_endpoint_port_name",
            )
        ],
        scheme="https",
        tls_config={"ca_file": f"{_SERVICE_ACCOUNT}/ca.crt"},
        bearer_token_file=f"{_SERVICE_ACCOUNT}/token",
    )


def _exporter(name: str) -> dict[str, Any]:
    """Pods by their labels. What an exporter says about other pods' namespaces and names must not be overwritten."""
    return _job(
        name,
        "pod",
        [
            _keep(
                f"{NAMESPACE};{name};{METRICS_PORT_NAME}",
                "__meta_kubernetes_namespace",
                "__meta_kubernetes_pod_label_app_kubernetes_io_name",
                "__meta_kubernetes_pod_container_port_name",
            ),
            *([_name("node", "__meta_kubernetes_pod_node_name")] if name != "kube-state-metrics" else []),
        ],
        honor_labels=True,
    )


def _inference_servers() -> dict[str, Any]:
    return _job(
        "inference-servers",
        "pod",
        [
            _keep(INFERENCE_SERVERS, "__meta_kubernetes_pod_label_app_kubernetes_io_component"),
            _keep(r"\d+", "__meta_kubernetes_pod_annotation_prometheus_io_port"),
            {
                "source_labels": ["__address__", "__meta_kubernetes_pod_annotation_prometheus_io_port"],
                "regex": r"([^:]+)(?::\d+)?;(\d+)",
                "replacement": "$1:$2",
                "target_label": "__address__",
            },
            _name("namespace", "__meta_kubernetes_namespace"),
            _name("pod", "__meta_kubernetes_pod_name"),
            _name("endpoint", "__meta_kubernetes_pod_label_groundwork_endpoint"),
            _name("variant", "__meta_kubernetes_pod_label_groundwork_variant"),
        ],
    )
