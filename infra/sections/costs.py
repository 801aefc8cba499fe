"""Settings of the monthly estimate: how much the environment is used, which no list of resources can tell."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.sections.section import Section
from infra.sections.values import matching
from prices import IDLE, Usage

Count = Annotated[int, Field(ge=0)]
InstanceType = Annotated[
    str, AfterValidator(matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type, such as c6a.large"))
]


class CostSettings(Section):
    """What a month of `groundwork cost` and of a preview's cost counts with; nothing is made from it.

    What is not set is what an idle environment uses: without jobs, endpoints and accelerators.

    nodes: EC2 instance type of Auto Mode's nodes to their number, running all month on demand.
    node_disk_gib: disk of each of these nodes in GiB.
    nat_gb: GB through NAT gateways.
    endpoint_gb: GB through interface endpoints.
    s3_gb: GB that all buckets hold.
    image_gb: GB of images.
    log_gb: GB of logs taken in, by all log groups.
    metric_series: Prometheus series that the scraper collects.
    scrape_seconds: time between two scrapes; as monitoring.scrapeSeconds.
    data_events: S3 data events that trails log.
    secret_count: secrets in Secrets Manager that services make by themselves.
    function_gb_s: GB-seconds that Lambda functions run.
    """

    nodes: dict[InstanceType, Count] = Field(default_factory=lambda: dict(IDLE.nodes))
    node_disk_gib: Annotated[int, Field(ge=1)] = IDLE.node_disk_gib
    nat_gb: Count = IDLE.nat_gb
    endpoint_gb: Count = IDLE.endpoint_gb
    s3_gb: Count = IDLE.s3_gb
    image_gb: Count = IDLE.image_gb
    log_gb: Count = IDLE.log_gb
    metric_series: Count = IDLE.metric_series
    scrape_seconds: Annotated[int, Field(ge=1, le=3600)] = IDLE.scrape_seconds
    data_events: Count = IDLE.data_events
    secret_count: Count = IDLE.secret_count
    function_gb_s: Count = IDLE.function_gb_s

    def usage(self) -> Usage:
        """The same for the estimate."""
        return Usage(**dict(self))
