"""The platform: nodes, pods, quotas, the API server and the way out."""

from grafana_foundation_sdk.builders import dashboard

from components.monitoring.dashboards.layout import Section, dashboard_of
from components.monitoring.dashboards.panels import HALF, THIRD, Cloud, Prom, lines, listing, number
from components.monitoring.dashboards.queries import POOL, of_limit
from components.monitoring.dashboards.variables import label_values

HOURS_A_MONTH = 730
NAT = "AWS/NATGateway"
NAT_LABEL = "${PROP('Dim.NatGatewayId')}"


def platform() -> dashboard.Dashboard:
    """Is the cluster well, and is there room?"""
    return dashboard_of(
        "platform",
        "Platform",
        "Is the cluster well, and is there room? Nodes, pods, quotas, the API server and the NAT gateways.",
        [_now(), _nodes(), _cost(), _pods(), _control_plane(), _way_out()],
        variables=[label_values("namespace", "Namespace", "kube_pod_info", "namespace")],
    )


def _now() -> Section:
    ready = 'kube_node_status_condition{condition="Ready",status="true"}'
    return Section(
        title="Now",
        panels=[
            number("Nodes", "Nodes of all pools.", "short", Prom(expr="count(kube_node_info)")),
            number(
                "Nodes that are not ready",
                "A node that stays not ready runs nothing and costs what it costs.",
                "short",
                Prom(expr=f"count(kube_node_info) - sum({ready})"),
                bad_from=1,
            ),
            number(
                "Pods that wait for a node",
                "Pending pods. They wait for a node, a quota or an image.",
                "short",
                Prom(expr='sum(kube_pod_status_phase{phase="Pending"}) or vector(0)'),
                bad_from=20,
            ),
            number(
                "Deployments that lack replicas",
                "Deployments with fewer available replicas than they want.",
                "short",
                Prom(
                    expr="sum(kube_deployment_spec_replicas > bool kube_deployment_status_replicas_available) "
                    "or vector(0)"
                ),
                bad_from=1,
            ),
        ],
    )


def _nodes() -> Section:
    busy = '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))'
    root = 'mountpoint="/",fstype!~"tmpfs|overlay"'
    return Section(
        title="Nodes",
        panels=[
            lines(
                "Nodes by pool",
                "What the pools have started. Nodes without a pool of ours belong to EKS's own pools.",
                "short",
                Prom(expr=f"count by ({POOL}) (kube_node_labels)", legend=f"{{{{{POOL}}}}}"),
                stacked=True,
            ),
            lines(
                "Use of a pool's limit",
                "At 100 % a pool starts no more nodes and its pods wait.",
                "percentunit",
                Prom(expr=of_limit(), legend="{{nodepool}} {{resource}}"),
                limit=1,
            ),
            lines("CPU in use", "Of each node.", "percentunit", Prom(expr=busy, legend="{{instance}}"), width=THIRD),
            lines(
                "Memory in use",
                "Of each node, without what the kernel gives back.",
                "percentunit",
                Prom(
                    expr="1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
                    legend="{{instance}}",
                ),
                width=THIRD,
            ),
            lines(
                "Disk in use",
                "Of each node's root file system: images and what pods write.",
                "percentunit",
                Prom(
                    expr=f"1 - node_filesystem_avail_bytes{{{root}}} / node_filesystem_size_bytes{{{root}}}",
                    legend="{{instance}}",
                ),
                width=THIRD,
                limit=0.85,
            ),
        ],
    )


def _cost() -> Section:
    return Section(
        title="Cost of the nodes",
        panels=[
            lines(
                "Dollars an hour",
                "What all nodes cost at the on-demand price. Shown where settings have a budget.",
                "currencyUSD",
                Prom(expr="groundwork:nodes_dollars_per_hour", legend="nodes"),
            ),
            lines(
                "Share of the budget, at this rate",
                "What the nodes would cost in a month if it went on like now, of what the settings allow. What the "
                "last 30 days cost is watched by the alert BudgetAt80Percent.",
                "percentunit",
                Prom(
                    expr=f"groundwork:nodes_dollars_per_hour * {HOURS_A_MONTH} / groundwork:budget_dollars",
                    legend="share",
                ),
                limit=1,
            ),
        ],
    )


def _pods() -> Section:
    chosen = 'namespace=~"$namespace"'
    used = f'kube_resourcequota{{type="used",{chosen}}}'
    hard = f'kube_resourcequota{{type="hard",{chosen}}}'
    return Section(
        title="Pods and quotas",
        panels=[
            lines(
                "Pods by phase",
                "Of the chosen namespaces.",
                "short",
                Prom(expr=f"sum by (phase) (kube_pod_status_phase{{{chosen}}})", legend="{{phase}}"),
                stacked=True,
            ),
            lines(
                "Quota in use",
                "Of each team: at 100 % its next pod is refused.",
                "percentunit",
                Prom(
                    expr=f"{used} / ignoring (type) ({hard} > 0)",
                    legend="{{namespace}} {{resource}}",
                ),
                limit=1,
            ),
            listing(
                "Restarts in the last hour",
                "Containers that were restarted: they crash, or they outgrow their memory.",
                "short",
                Prom(
                    expr="sum by (namespace, pod, container) "
                    f"(increase(kube_pod_container_status_restarts_total{{{chosen}}}[1h])) > 0 or vector(0)"
                ),
            ),
            lines(
                "Why containers wait",
                "ImagePullBackOff, CrashLoopBackOff and the like.",
                "short",
                Prom(
                    expr=f"sum by (reason) (kube_pod_container_status_waiting_reason{{{chosen}}}) or vector(0)",
                    legend="{{reason}}",
                ),
                stacked=True,
            ),
        ],
    )


def _control_plane() -> Section:
    slow = (
        "histogram_quantile(0.99, sum by (le, verb) "
        '(rate(apiserver_request_duration_seconds_bucket{verb!~"WATCH|CONNECT"}[$__rate_interval])))'
    )
    return Section(
        title="API server",
        panels=[
            lines(
                "Requests",
                "By the answer's code.",
                "reqps",
                Prom(expr="sum by (code) (rate(apiserver_request_total[$__rate_interval]))", legend="{{code}}"),
                stacked=True,
                width=HALF,
            ),
            lines(
                "Slowest requests (p99)",
                "By verb. Kubernetes' own objective is one second for a single object.",
                "s",
                Prom(expr=slow, legend="{{verb}}"),
                limit=1,
            ),
        ],
    )


def _way_out() -> Section:
    def nat(metric: str, statistic: str) -> Cloud:
        return Cloud(
            namespace=NAT, metric=metric, statistic=statistic, dimensions={"NatGatewayId": "*"}, label=NAT_LABEL
        )

    return Section(
        title="NAT gateways",
        panels=[
            lines(
                "Bytes a minute to the internet",
                "Each gigabyte costs; image pulls that could go through an endpoint show here.",
                "bytes",
                nat("BytesOutToDestination", "Sum"),
                width=THIRD,
            ),
            lines(
                "Bytes a minute from the internet",
                "Downloads of images, packages and data.",
                "bytes",
                nat("BytesInFromDestination", "Sum"),
                width=THIRD,
            ),
            lines(
                "Connections without a port",
                "More than none: new connections fail. Spread the load, or add addresses to the gateway.",
                "short",
                nat("ErrorPortAllocation", "Sum"),
                width=THIRD,
                limit=1,
            ),
        ],
    )
