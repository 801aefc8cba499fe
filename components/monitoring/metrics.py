"""The catalogue of metrics: what dashboards and alarms may ask for, where each metric lives and who puts it there.

A dashboard's panel, an alert rule or an alarm that names a metric which its data source cannot hold stays empty for
good and nobody is told. So every name is here once, with its home; `components.monitoring.dashboards.check` and the
tests compare what is asked for with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
POOL_LABEL = "groundwork/pool"
NODE_LABELS = (
    INSTANCE_TYPE_LABEL,
    POOL_LABEL,
    "groundwork/instance-class",
    "karpenter.sh/nodepool",
    "karpenter.sh/capacity-type",
    "topology.kubernetes.io/zone",
)
"""Labels of nodes that kube-state-metrics must be told to show (`--metric-labels-allowlist=nodes=[…]`): none is shown
otherwise. In `kube_node_labels` each has the name that `shown_label` gives."""

NVIDIA_GPU = "nvidia_com_gpu"
"""`nvidia.com/gpu` as kube-state-metrics spells it in the label `resource`."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What Prometheus scrapes under one value of the label `job`.

    put_by: what exposes the metrics. docs: where they are documented.
    metrics: name to meaning. A histogram stands with its `_bucket`, the only part that is asked for.
    """

    put_by: str
    docs: str
    metrics: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """A namespace of CloudWatch, with metrics that share their dimensions.

    put_by: what puts the metrics: a service of AWS, or a file here. docs: where they are documented.
    dimensions: names that every metric has; a query may name no other.
    metrics: name to meaning; empty where jobs name their own (`named_by_jobs`).
    """

    name: str
    put_by: str
    docs: str
    dimensions: tuple[str, ...]
    metrics: Mapping[str, str] = field(default_factory=dict[str, str])
    named_by_jobs: bool = False


PROMETHEUS: Mapping[str, Job] = {
    "kubernetes-apiservers": Job(
        put_by="kube-apiserver, at /metrics of the cluster's own endpoint",
        docs="https://kubernetes.io/docs/reference/instrumentation/metrics/",
        metrics={
            "apiserver_request_total": "requests by verb, resource and code",
            "apiserver_request_duration_seconds_bucket": "seconds a request took, by verb and resource",
            "apiserver_storage_objects": "objects kept, by resource",
            "apiserver_client_certificate_expiration_seconds_bucket": "seconds left to clients' certificates",
            "apiserver_client_certificate_expiration_seconds_count": "requests with a client certificate",
        },
    ),
    "kube-state-metrics": Job(
        put_by="kube-state-metrics, on the cluster",
        docs="https://github.com/kubernetes/kube-state-metrics/tree/main/docs",
        metrics={
            "kube_node_info": "1 for every node",
            "kube_node_labels": "1 for every node, with the labels of NODE_LABELS",
            "kube_node_status_condition": "1 where a node's condition has the status",
            "kube_node_status_allocatable": "what pods may ask of a node, by resource",
            "kube_node_status_capacity": "what a node has, by resource",
            "kube_node_spec_unschedulable": "1 for a cordoned node",
            "kube_node_created": "when a node was made, Unix time",
            "kube_pod_info": "1 for every pod, with its node",
            "kube_pod_owner": "1 for every pod, with the kind and name of what made it",
            "kube_pod_created": "when a pod was made, Unix time",
            "kube_pod_status_phase": "1 for the phase that a pod is in",
            "kube_pod_status_scheduled": "1 where a pod's condition PodScheduled has the value of `condition`",
            "kube_pod_status_unschedulable": "1 for a pod that fits on no node",
            "kube_pod_container_resource_requests": "what a container asks for, by resource and unit",
            "kube_pod_container_status_restarts_total": "times a container was restarted",
            "kube_pod_container_status_waiting_reason": "1 for the reason that a container waits for",
            "kube_job_status_active": "pods of a Job that run",
            "kube_job_status_failed": "pods of a Job that failed",
            "kube_job_status_succeeded": "pods of a Job that succeeded",
            "kube_job_status_start_time": "when a Job started, Unix time",
            "kube_job_complete": "1 where a Job's condition Complete has the value of the label `condition`",
            "kube_job_failed": "1 where a Job's condition Failed has the value of the label `condition`",
            "kube_deployment_spec_replicas": "replicas that a Deployment wants",
            "kube_deployment_status_replicas_available": "replicas of a Deployment that are available",
            "kube_daemonset_status_desired_number_scheduled": "nodes that should run a DaemonSet's pod",
            "kube_daemonset_status_number_ready": "nodes whose pod of a DaemonSet is ready",
            "kube_resourcequota": "a namespace's quota by resource; the label `type` is hard or used",
            # What follows is custom-resource state (components/monitoring/data/custom_resource_state.yaml):
            # https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/extend/customresourcestate-metrics.md
            "kube_customresource_nodepool_limit": "a NodePool's spec.limits, by the labels `nodepool` and `resource`",
            "kube_customresource_nodepool_usage": "a NodePool's status.resources, by `nodepool` and `resource`",
            "kube_customresource_clusterqueue_pending_workloads": "workloads that wait in a Kueue ClusterQueue",
            "kube_customresource_clusterqueue_admitted_workloads": "workloads that a Kueue ClusterQueue has admitted",
        },
    ),
    "node-exporter": Job(
        put_by="node_exporter, on every node",
        docs="https://github.com/prometheus/node_exporter#collectors",
        metrics={
            "node_cpu_seconds_total": "seconds that each CPU spent, by mode",
            "node_memory_MemTotal_bytes": "main memory",
            "node_memory_MemAvailable_bytes": "main memory that programs can still have",
            "node_filesystem_size_bytes": "size of a file system, by mount point",
            "node_filesystem_avail_bytes": "what is free of it for users",
            "node_filesystem_readonly": "1 for a file system that nobody can write to",
            "node_network_receive_bytes_total": "bytes received, by device",
            "node_network_transmit_bytes_total": "bytes sent, by device",
            "node_load1": "runnable and waiting tasks, over a minute",
        },
    ),
    "dcgm-exporter": Job(
        put_by="NVIDIA's DCGM exporter, on every node with NVIDIA GPUs",
        docs="https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv",
        metrics={
            "DCGM_FI_DEV_GPU_UTIL": "percent of the time in which a GPU did anything; the label `Hostname` is the node",
            "DCGM_FI_DEV_MEM_COPY_UTIL": "percent of the time in which memory was copied",
            "DCGM_FI_DEV_FB_USED": "GPU memory in use, MiB",
            "DCGM_FI_DEV_FB_FREE": "GPU memory that is free, MiB",
            "DCGM_FI_DEV_POWER_USAGE": "power drawn, W",
            "DCGM_FI_DEV_GPU_TEMP": "temperature, °C",
            "DCGM_FI_DEV_XID_ERRORS": "number of the last XID error, 0 for none",
        },
    ),
    "inference-servers": Job(
        put_by="ml/serving/metrics.py, at /metrics of every inference server that Prometheus can reach",
        docs="ml/serving/metrics.py",
        metrics={
            "serving_invocations_total": "answers to POST /invocations, by HTTP status",
            "serving_invocation_seconds_bucket": "seconds from a request's head to its answer",
            "serving_model_seconds_bucket": "seconds spent in the model",
            "serving_predicted_rows_total": "rows predicted for",
            "serving_in_flight": "requests being answered or waiting",
            "serving_ready": "1 while the server answers GET /ping with 200",
        },
    ),
    "model-monitoring": Job(
        put_by="a model's monitoring job, by remote write (aps:RemoteWrite); no job of this version does it yet",
        docs="docs/monitoring.md",
        metrics={
            "groundwork_model_drift_score": "how far a feature has drifted, by `team`, `endpoint`, `feature`",
            "groundwork_model_drift_threshold": "the score from which on it counts, by `team` and `endpoint`",
        },
    ),
    "rules": Job(
        put_by="recording rules: components/monitoring/gpu_prices.py, budget_rules.py and rules/*.yaml",
        docs="https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/",
        metrics={
            "groundwork:gpu_dollars_per_hour": "on-demand price of one GPU for an hour, by the label `instance_type`",
            "groundwork:gpu_idle": "GPUs that did next to nothing for 30 minutes, by `node` and `instance_type`",
            "groundwork:gpu_idle_dollars_per_hour": "what those cost an hour, by `instance_type`",
            "groundwork:node_dollars_per_hour": "on-demand price of an instance, by the label `instance_type`",
            "groundwork:nodes_dollars_per_hour": "what the cluster's nodes cost an hour at these prices",
            "groundwork:nodes_dollars:sum_30d": "what they cost in 30 days",
            "groundwork:budget_dollars": "the environment's budget for a month",
            "groundwork:serving_errors:ratio_5m": "share of requests with a 5xx answer, by endpoint and variant",
            "groundwork:serving_errors:ratio_30m": "the same over half an hour",
            "groundwork:serving_errors:ratio_1h": "the same over an hour",
            "groundwork:serving_errors:ratio_6h": "the same over six hours",
        },
    ),
}
"""Value of the label `job` → what is scraped under it. Every target of Prometheus has a metric `up` besides."""

_SAGEMAKER_DOCS = "https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html"
_USE = {
    "CPUUtilization": "percent of one CPU; four CPUs can reach 400",
    "MemoryUtilization": "percent of the memory",
    "GPUUtilization": "percent of one GPU; four GPUs can reach 400",
    "GPUMemoryUtilization": "percent of one GPU's memory",
    "DiskUtilization": "percent of the disk",
}

CLOUDWATCH: tuple[Namespace, ...] = (
    Namespace(
        name="AWS/SageMaker",
        put_by="SageMaker, each minute",
        docs=f"{_SAGEMAKER_DOCS}#cloudwatch-metrics-endpoint-invocation",
        dimensions=("EndpointName", "VariantName"),
        metrics={
            "Invocations": "requests",
            "InvocationsPerInstance": "requests divided by the variant's instances",
            "Invocation4XXErrors": "1 for a request that the model answered with 4xx, else 0",
            "Invocation5XXErrors": "1 for a request that the model answered with 5xx, else 0",
            "ModelLatency": "microseconds that the model took",
            "OverheadLatency": "microseconds that SageMaker took beside the model",
        },
    ),
    Namespace(
        name="/aws/sagemaker/Endpoints",
        put_by="SageMaker, each minute",
        docs=f"{_SAGEMAKER_DOCS}#cloudwatch-metrics-endpoints",
        dimensions=("EndpointName", "VariantName"),
        metrics=_USE,
    ),
    Namespace(
        name="/aws/sagemaker/TrainingJobs",
        put_by="SageMaker, each minute",
        docs=f"{_SAGEMAKER_DOCS}#cloudwatch-metrics-jobs",
        dimensions=("Host",),
        metrics=_USE,
    ),
    Namespace(
        name="/aws/sagemaker/TrainingJobs",
        put_by="SageMaker, from what a job prints: the `metrics` of its job.yaml (ml/targets/sagemaker/training.py)",
        docs="https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html",
        dimensions=("TrainingJobName",),
        named_by_jobs=True,
    ),
    Namespace(
        name="AWS/NATGateway",
        put_by="Amazon VPC, each minute",
        docs="https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
        dimensions=("NatGatewayId",),
        metrics={
            "ActiveConnectionCount": "open TCP connections",
            "BytesOutToDestination": "bytes sent to the internet, which the gateway's price counts",
            "BytesInFromDestination": "bytes received from the internet, which the gateway's price counts",
            "ErrorPortAllocation": "connections that found no free source port",
            "PacketsDropCount": "packets that the gateway dropped",
            "PacketsInFromSource": "packets from the VPC",
            "PacketsInFromDestination": "packets from the internet",
        },
    ),
    Namespace(
        name="AWS/Prometheus",
        put_by="Amazon Managed Service for Prometheus",
        docs="https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-CW-usage-metrics.html",
        dimensions=("Workspace",),
        metrics={
            "AlertManagerNotificationsFailed": "alerts that could not be published",
            "RuleEvaluationFailures": "rules that could not be evaluated",
        },
    ),
)


def shown_label(kubernetes_label: str) -> str:
    """The name that kube-state-metrics shows a Kubernetes label by."""
    return "label_" + "".join(letter if letter.isalnum() else "_" for letter in kubernetes_label)


@cache
def prometheus_metrics() -> frozenset[str]:
    """Every name that Prometheus can hold."""
    return frozenset({"up"} | {name for job in PROMETHEUS.values() for name in job.metrics})


def cloudwatch_namespaces(name: str) -> tuple[Namespace, ...]:
    """The entries of one namespace: one for each set of dimensions; none where the catalogue lacks it."""
    return tuple(each for each in CLOUDWATCH if each.name == name)


def missing_from_cloudwatch(namespace: str, metric: str, dimensions: frozenset[str]) -> str | None:
    """Why CloudWatch cannot hold such a metric, None where it can."""
    entries = cloudwatch_namespaces(namespace)
    if not entries:
        return f"no namespace {namespace} of CloudWatch is in the catalogue"
    named = [entry for entry in entries if metric in entry.metrics or entry.named_by_jobs]
    if not named:
        return f"{namespace} has no metric {metric}"
    if not any(dimensions <= set(entry.dimensions) for entry in named):
        have = " or ".join(", ".join(entry.dimensions) for entry in named)
        return f"{metric} of {namespace} has the dimensions {have}, not {', '.join(sorted(dimensions))}"
    return None
