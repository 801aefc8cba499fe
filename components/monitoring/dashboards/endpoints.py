"""Endpoints by variant: requests, errors and latency, on SageMaker and on the cluster."""

from grafana_foundation_sdk.builders import dashboard

from components.monitoring.dashboards.layout import Section, dashboard_of
from components.monitoring.dashboards.panels import THIRD, Cloud, Prom, Unit, lines
from components.monitoring.dashboards.variables import dimension_values

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
CHOSEN = {"EndpointName": "$endpoint", "VariantName": "$variant"}
BY_VARIANT = "${PROP('Dim.EndpointName')} ${PROP('Dim.VariantName')}"


def endpoints() -> dashboard.Dashboard:
    """Do the models answer, fast enough, and does a new variant do as well as the old one?"""
    return dashboard_of(
        "endpoints",
        "Endpoints by variant",
        "Do the models answer, fast enough, and does a new variant do as well as the old one?",
        [_requests(), _latency(), _instances(), _on_the_cluster()],
        variables=[
            dimension_values(
                "endpoint", "Endpoint", namespace=INVOCATIONS, metric="Invocations", dimension="EndpointName"
            ),
            dimension_values(
                "variant",
                "Variant",
                namespace=INVOCATIONS,
                metric="Invocations",
                dimension="VariantName",
                given={"EndpointName": "$endpoint"},
            ),
        ],
    )


def _invocation(metric: str, statistic: str) -> Cloud:
    return Cloud(namespace=INVOCATIONS, metric=metric, statistic=statistic, dimensions=CHOSEN, label=BY_VARIANT)


def _requests() -> Section:
    return Section(
        title="Requests and errors",
        panels=[
            lines(
                "Requests a minute",
                "By variant.",
                "short",
                _invocation("Invocations", "Sum"),
                width=THIRD,
                stacked=True,
            ),
            # 1 for a failed request and 0 for a good one: the mean is the rate.
            lines(
                "Server errors",
                "Share of the requests that the model failed (5xx). The mean of a metric that is 1 for each failure.",
                "percentunit",
                _invocation("Invocation5XXErrors", "Average"),
                width=THIRD,
                limit=0.01,
            ),
            lines(
                "Refused requests",
                "Share of the requests that the model refused (4xx): callers send what the model does not take.",
                "percentunit",
                _invocation("Invocation4XXErrors", "Average"),
                width=THIRD,
                limit=0.05,
            ),
        ],
    )


def _latency() -> Section:
    return Section(
        title="Latency",
        panels=[
            lines("Model, median", "Time in the container.", "µs", _invocation("ModelLatency", "p50"), width=THIRD),
            lines(
                "Model, p99",
                "One request in a hundred takes longer.",
                "µs",
                _invocation("ModelLatency", "p99"),
                width=THIRD,
            ),
            lines(
                "Overhead, p99",
                "Time that SageMaker adds: authentication, transport, routing.",
                "µs",
                _invocation("OverheadLatency", "p99"),
                width=THIRD,
            ),
        ],
    )


def _instances() -> Section:
    def use(title: str, why: str, metric: str) -> tuple[str, str, Unit, Cloud]:
        query = Cloud(namespace=INSTANCES, metric=metric, statistic="Average", dimensions=CHOSEN, label=BY_VARIANT)
        return title, why, "percent", query

    return Section(
        title="Instances",
        panels=[
            lines(
                "Requests a minute and instance",
                "What the scaling policy steers by.",
                "short",
                _invocation("InvocationsPerInstance", "Sum"),
                width=THIRD,
            ),
            lines(*use("CPU", "Percent of one CPU: eight busy CPUs are 800.", "CPUUtilization"), width=THIRD),
            lines(*use("Memory", "Percent of the instance's memory.", "MemoryUtilization"), width=THIRD),
            lines(*use("GPU", "Percent of one GPU: four busy GPUs are 400.", "GPUUtilization"), width=THIRD),
            lines(*use("GPU memory", "Percent of one GPU's memory.", "GPUMemoryUtilization"), width=THIRD),
            lines(*use("Disk", "Percent of the instance's disk.", "DiskUtilization"), width=THIRD),
        ],
    )


def _on_the_cluster() -> Section:
    by = "by (endpoint, variant)"
    rate = "[$__rate_interval]"

    def quantile(metric: str) -> str:
        return f"histogram_quantile(0.99, sum by (le, endpoint, variant) (rate({metric}{rate})))"

    legend = "{{endpoint}} {{variant}}"
    return Section(
        title="Inference servers on the cluster",
        panels=[
            lines(
                "Requests",
                "By variant and status.",
                "reqps",
                Prom(
                    expr=f"sum by (endpoint, variant, status) (rate(serving_invocations_total{rate}))",
                    legend=f"{legend} {{{{status}}}}",
                ),
                width=THIRD,
                stacked=True,
            ),
            lines(
                "Answer, p99",
                "From a request's head to its answer.",
                "s",
                Prom(expr=quantile("serving_invocation_seconds_bucket"), legend=legend),
                width=THIRD,
            ),
            lines(
                "Model, p99",
                "Time in the model alone.",
                "s",
                Prom(expr=quantile("serving_model_seconds_bucket"), legend=legend),
                width=THIRD,
            ),
            lines(
                "In flight",
                "Requests being answered or waiting: a line that climbs is a queue.",
                "short",
                Prom(expr=f"sum {by} (serving_in_flight)", legend=legend),
            ),
            lines(
                "Servers that are ready",
                "Servers whose GET /ping answers 200.",
                "short",
                Prom(expr=f"sum {by} (serving_ready)", legend=legend),
            ),
        ],
    )
