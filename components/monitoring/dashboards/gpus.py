"""GPUs: who has them, whether they work, and what idling costs."""

from grafana_foundation_sdk.builders import dashboard

from components.monitoring.dashboards.layout import Section, dashboard_of
from components.monitoring.dashboards.panels import HALF, QUARTER, THIRD, Prom, lines, listing, number
from components.monitoring.dashboards.queries import GPU, POOL, of_gpu_nodes, of_limit, of_nodes, priced
from components.monitoring.dashboards.variables import label_values

CHOSEN = f'{POOL}=~"$pool"'


def gpus() -> dashboard.Dashboard:
    """Are the GPUs that are paid for at work?"""
    return dashboard_of(
        "gpus",
        "GPUs",
        "Are the GPUs that are paid for at work? Use and memory from NVIDIA's DCGM, requests from Kubernetes, dollars "
        "from on-demand prices (spot costs less).",
        [_now(), _money(), _use(), _requests(), _health()],
        variables=[
            label_values("pool", "Pool", "kube_node_labels", POOL),
            label_values("namespace", "Namespace", "kube_pod_info", "namespace"),
        ],
    )


def _now() -> Section:
    there = f"sum(kube_node_status_capacity{{{GPU}}}) or vector(0)"
    asked = f"sum(kube_pod_container_resource_requests{{{GPU}}} * on (namespace, pod) group_left () "
    asked += '(kube_pod_status_phase{phase="Running"} == 1)) or vector(0)'
    waits = f"sum(kube_pod_container_resource_requests{{{GPU}}} * on (namespace, pod) group_left () "
    waits += '(kube_pod_status_phase{phase="Pending"} == 1)) or vector(0)'
    return Section(
        title="Now",
        panels=[
            number("GPUs", "GPUs of all nodes there are.", "short", Prom(expr=there)),
            number("GPUs asked for", "By pods that run.", "short", Prom(expr=asked)),
            number("GPUs waited for", "By pods that are pending.", "short", Prom(expr=waits), bad_from=1),
            number("Use", "Mean of all GPUs.", "percent", Prom(expr="avg(DCGM_FI_DEV_GPU_UTIL)"), width=QUARTER),
        ],
    )


def _money() -> Section:
    running = f"sum by (instance_type) ({priced(f'kube_node_status_capacity{{{GPU}}}')})"
    return Section(
        title="Dollars",
        panels=[
            number(
                "Idle GPUs",
                "Used less than 5 % of the last 30 minutes.",
                "short",
                Prom(expr="sum(groundwork:gpu_idle)"),
                bad_from=1,
            ),
            number(
                "Idle dollars an hour",
                "What the idle GPUs cost, at the on-demand price.",
                "currencyUSD",
                Prom(expr="sum(groundwork:gpu_idle_dollars_per_hour)"),
                bad_from=1,
            ),
            number(
                "Idle dollars in this range",
                "The same, added up over the time shown.",
                "currencyUSD",
                Prom(expr="sum(avg_over_time(groundwork:gpu_idle_dollars_per_hour[$__range])) * $__range_s / 3600"),
            ),
            number("Dollars an hour", "What all GPUs cost, busy or not.", "currencyUSD", Prom(expr=f"sum({running})")),
            lines(
                "Dollars an hour by instance type",
                "At the on-demand price.",
                "currencyUSD",
                Prom(expr=running, legend="{{instance_type}}"),
                stacked=True,
            ),
            lines(
                "Idle dollars an hour by instance type",
                "What would be saved if these nodes were gone.",
                "currencyUSD",
                Prom(expr="groundwork:gpu_idle_dollars_per_hour", legend="{{instance_type}}"),
                stacked=True,
            ),
        ],
    )


def _use() -> Section:
    memory = "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)"
    own = 'namespace=~"$namespace",pod!=""'
    return Section(
        title="Use",
        panels=[
            lines(
                "Use by pool",
                "Mean of the pool's GPUs: percent of the time in which a GPU did anything at all.",
                "percent",
                Prom(
                    expr=f"avg by ({POOL}) ({of_gpu_nodes('DCGM_FI_DEV_GPU_UTIL', POOL, CHOSEN)})",
                    legend=f"{{{{{POOL}}}}}",
                ),
            ),
            lines(
                "Memory by pool",
                "Mean of the pool's GPUs: share of the GPU memory that is in use.",
                "percentunit",
                Prom(expr=f"avg by ({POOL}) ({of_gpu_nodes(f'({memory})', POOL, CHOSEN)})", legend=f"{{{{{POOL}}}}}"),
            ),
            lines(
                "Use by pod",
                "A pod far below 100 % waits for data, or does not need the GPUs that it has.",
                "percent",
                Prom(expr=f"avg by (namespace, pod) (DCGM_FI_DEV_GPU_UTIL{{{own}}})", legend="{{namespace}}/{{pod}}"),
            ),
            lines(
                "Memory by pod",
                "MiB of GPU memory: what stays free could hold a larger batch, or a smaller GPU would do.",
                "mbytes",
                Prom(expr=f"sum by (namespace, pod) (DCGM_FI_DEV_FB_USED{{{own}}})", legend="{{namespace}}/{{pod}}"),
            ),
        ],
    )


def _requests() -> Section:
    allocatable = of_nodes(f"kube_node_status_allocatable{{{GPU}}}", POOL, CHOSEN)
    asked = of_nodes(f'kube_pod_container_resource_requests{{{GPU},node!=""}}', POOL, CHOSEN)
    return Section(
        title="Requests",
        panels=[
            lines(
                "Allocatable and asked for, by pool",
                "What lies between the two lines is paid for and given to nobody.",
                "short",
                Prom(expr=f"sum by ({POOL}) ({allocatable})", legend=f"{{{{{POOL}}}}} allocatable"),
                Prom(expr=f"sum by ({POOL}) ({asked})", legend=f"{{{{{POOL}}}}} asked for"),
            ),
            lines(
                "GPUs of a pool's limit",
                "At 100 % the pool starts no more nodes.",
                "percentunit",
                Prom(expr=of_limit('resource="nvidia.com/gpu"'), legend="{{nodepool}}"),
                limit=1,
            ),
            lines(
                "GPUs asked for, by team",
                "By pods that are there, running or pending.",
                "short",
                Prom(
                    expr=f'sum by (namespace) (kube_pod_container_resource_requests{{{GPU},namespace=~"$namespace"}})',
                    legend="{{namespace}}",
                ),
                stacked=True,
                width=HALF,
            ),
            listing(
                "Pods that wait for GPUs",
                "Pending pods and the GPUs that they ask for.",
                "short",
                Prom(
                    expr=f"sum by (namespace, pod) (kube_pod_container_resource_requests{{{GPU}}} "
                    '* on (namespace, pod) group_left () (kube_pod_status_phase{phase="Pending"} == 1)) or vector(0)'
                ),
            ),
        ],
    )


def _health() -> Section:
    return Section(
        title="Health",
        panels=[
            lines(
                "Temperature",
                "Beyond about 85 °C a GPU slows itself down.",
                "celsius",
                Prom(expr="max by (Hostname) (DCGM_FI_DEV_GPU_TEMP)", legend="{{Hostname}}"),
                width=THIRD,
                limit=85,
            ),
            lines(
                "Power",
                "A busy GPU that draws little waits for something.",
                "watt",
                Prom(expr="sum by (Hostname) (DCGM_FI_DEV_POWER_USAGE)", legend="{{Hostname}}"),
                width=THIRD,
            ),
            lines(
                "XID errors",
                "Number of the last error that the driver reported, 0 for none; what it means: NVIDIA's XID list.",
                "short",
                Prom(expr="max by (Hostname, gpu) (DCGM_FI_DEV_XID_ERRORS)", legend="{{Hostname}} GPU {{gpu}}"),
                width=THIRD,
                limit=1,
            ),
        ],
    )
