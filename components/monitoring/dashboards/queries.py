"""PromQL that several dashboards share."""

from components.monitoring.metrics import INSTANCE_TYPE_LABEL, NVIDIA_GPU, POOL_LABEL, shown_label

POOL = shown_label(POOL_LABEL)
INSTANCE_TYPE = shown_label(INSTANCE_TYPE_LABEL)
GPU = f'resource="{NVIDIA_GPU}"'


def of_nodes(metric: str, label: str, matchers: str = "") -> str:
    """A metric that has the label `node`, with a label of that node besides (in kube-state-metrics' spelling).

    matchers: of the nodes, such as `label_groundwork_pool=~"$pool"`: only their series stay.
    """
    chosen = f"{{{matchers}}}" if matchers else ""
    return f"{metric} * on (node) group_left ({label}) max by (node, {label}) (kube_node_labels{chosen})"


def of_gpu_nodes(metric: str, label: str, matchers: str = "") -> str:
    """The same for a metric of the DCGM exporter, which calls the node `Hostname`."""
    return of_nodes(f'label_replace({metric}, "node", "$1", "Hostname", "(.+)")', label, matchers)


def priced(metric: str) -> str:
    """A number of GPUs by `node`, times what one costs an hour; the result has the label `instance_type`."""
    with_type = f'label_replace({of_nodes(metric, INSTANCE_TYPE)}, "instance_type", "$1", "{INSTANCE_TYPE}", "(.+)")'
    return f"{with_type} * on (instance_type) group_left () groundwork:gpu_dollars_per_hour"


def of_limit(matchers: str = "") -> str:
    """The share of a NodePool's limit that is in use, by `nodepool` and `resource`."""
    by = "max by (nodepool, resource)"
    usage = "kube_customresource_nodepool_usage" + (f"{{{matchers}}}" if matchers else "")
    return f"{by} ({usage}) / on (nodepool, resource) {by} (kube_customresource_nodepool_limit)"
