"""Settings of monitoring: what is watched, for how long it is kept, and who is told."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.monitoring import dcgm_exporter, kube_state_metrics, node_exporter
from components.monitoring.scrape import SHORTEST_INTERVAL_SECONDS
from infra.sections.grafana import GrafanaSettings
from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, LogRetention, matching

LONGEST_METRIC_DAYS = 1095
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-workspace-configuration.html"""
ENDPOINTS = {
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
    "https": (r"https://[^\s/]+(/\S*)?", "an https:// address"),
    "sqs": (r"arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[\w.-]+", "the ARN of an SQS queue"),
    "lambda": (r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[\w:-]+", "the ARN of a Lambda function"),
}
"""Protocol to what its endpoint looks like, and that in words."""
Email = Annotated[str, AfterValidator(matching(*ENDPOINTS["email"]))]
Image = Annotated[
    str,
    AfterValidator(
        matching(
            r"[\w.-]+(:\d+)?(/[\w.-]+)+(:(?!latest(@|$))\w[\w.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
            "an image with its registry and a tag other than latest, or a digest",
        )
    ),
]
EndpointName = Annotated[
    str,
    AfterValidator(matching(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a name of SageMaker: letters, digits and hyphens")),
]
DocsAddress = Annotated[str, AfterValidator(matching(r"(https://\S+[^/\s])?", "an https:// address without a last /"))]


class SubscriptionSettings(Section):
    """Somebody who is told of every alert.

    name: a word for it.
    protocol: how.
    endpoint: e-mail address, https:// address (put one that holds a key into a Pulumi secret), or ARN.
    """

    name: KubernetesName
    protocol: Literal["email", "https", "sqs", "lambda"]
    endpoint: str

    @check("protocol", "endpoint")
    def the_endpoint_fits_the_protocol(self) -> Iterator[Problem]:
        """An address of another kind."""
        pattern, words = ENDPOINTS[self.protocol]
        try:
            matching(pattern, words)(self.endpoint)
        except ValueError:
            shown = "<hidden>" if self.protocol == "https" else self.endpoint
            yield Problem(key="endpoint", value=shown, message=f"for {self.protocol} allowed is {words}")


class EndpointPromiseSettings(Section):
    """What the users of an endpoint were promised; alarms go off when it is not kept.

    name: of the endpoint.
    variant: production variant; `ml deploy` makes main.
    latency_ms: 99th percentile of the time in the model, in milliseconds.
    availability: percentage of requests that do not fail.
    """

    name: EndpointName
    variant: EndpointName = "main"
    latency_ms: Annotated[int, Field(ge=1, le=60_000)] = 500
    availability: Annotated[float, Field(ge=90, le=99.999)] = 99.9


class ExporterImagesSettings(Section):
    """Images of the exporters, from a registry that the nodes reach."""

    kube_state_metrics: Image = kube_state_metrics.IMAGE
    node_exporter: Image = node_exporter.IMAGE
    dcgm_exporter: Image = dcgm_exporter.IMAGE


class MonitoringSettings(Section):
    """Monitoring.

    prometheus: metrics of the cluster, with rules and alerts. The collector costs by the hour and by the sample.
    metric_days: days that metrics are kept.
    scrape_seconds: time between two scrapes.
    log_days: days that the errors of rules and alerts are kept.
    emails: addresses that are told of every alert; each must confirm once.
    subscriptions: who else is told.
    runbooks_url: where the docs folder is published; links in alerts begin with it.
    fleet_errors: failed requests of any endpoint in five minutes that raise an alarm.
    fleet_latency_ms: mean milliseconds in the model, of any endpoint, that raise an alarm.
    endpoints: endpoints with promises of their own.
    images: of the exporters.
    grafana: where the dashboards are.
    """

    prometheus: bool = True
    metric_days: Annotated[int, Field(ge=1, le=LONGEST_METRIC_DAYS)] = 150
    scrape_seconds: Annotated[int, Field(ge=SHORTEST_INTERVAL_SECONDS, le=300)] = 60
    log_days: LogRetention = 30
    emails: tuple[Email, ...] = ()
    subscriptions: tuple[SubscriptionSettings, ...] = ()
    runbooks_url: DocsAddress = ""
    fleet_errors: Annotated[int, Field(ge=0)] = 10
    fleet_latency_ms: Annotated[int, Field(ge=1)] = 2000
    endpoints: tuple[EndpointPromiseSettings, ...] = ()
    images: ExporterImagesSettings = ExporterImagesSettings()
    grafana: GrafanaSettings = GrafanaSettings()

    @check("subscriptions")
    def subscriptions_have_names_of_their_own(self) -> Iterator[Problem]:
        """Two of one name."""
        names = [subscription.name for subscription in self.subscriptions]
        for index, name in enumerate(names):
            if name in names[:index]:
                message = f"subscriptions[{names.index(name)}] has this name already"
                yield Problem(key=f"subscriptions[{index}].name", value=name, message=message)

    @check("emails")
    def emails_are_named_once(self) -> Iterator[Problem]:
        """An address twice."""
        if len(set(self.emails)) != len(self.emails):
            yield Problem(key="emails", value=list(self.emails), message="allowed is each address once")

    @check("endpoints")
    def promises_are_made_once(self) -> Iterator[Problem]:
        """Two promises for one variant."""
        seen: set[tuple[str, str]] = set()
        for index, endpoint in enumerate(self.endpoints):
            if (endpoint.name, endpoint.variant) in seen:
                message = f"the variant {endpoint.variant} of {endpoint.name} is there already"
                yield Problem(key=f"endpoints[{index}].name", value=endpoint.name, message=message)
            seen.add((endpoint.name, endpoint.variant))
