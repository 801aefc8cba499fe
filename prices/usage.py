"""How much an environment is used in a month: what no list of resources can tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A month's use. Everything is 0 where nothing is said.

    nodes: EC2 instance type of Auto Mode's nodes to their number, running all month on demand.
    node_disk_gib: disk of each of these nodes in GiB.
    nat_gb, endpoint_gb: GB through NAT gateways, and through interface endpoints.
    s3_gb: GB that all buckets hold.
    image_gb: GB of images.
    log_gb: GB of logs taken in, by all log groups.
    metric_series: Prometheus series that the scraper collects.
    scrape_seconds: time between two scrapes.
    data_events: S3 data events that trails log.
    secret_count: secrets in Secrets Manager that services make by themselves.
    function_gb_s: GB-seconds that Lambda functions run.
    """

    nodes: Mapping[str, int] = field(default_factory=dict[str, int])
    node_disk_gib: int = 80
    nat_gb: int = 0
    endpoint_gb: int = 0
    s3_gb: int = 0
    image_gb: int = 0
    log_gb: int = 0
    metric_series: int = 0
    scrape_seconds: int = 60
    data_events: int = 0
    secret_count: int = 0
    function_gb_s: int = 0

    @property
    def samples(self) -> int:
        """Samples that the scraper collects in a month of 730 hours."""
        return self.metric_series * (730 * 3600 // self.scrape_seconds)


IDLE = Usage(
    nodes={"c6a.large": 1},
    nat_gb=10,
    s3_gb=10,
    image_gb=10,
    log_gb=5,
    data_events=100_000,
    function_gb_s=22_000,
)
"""An environment that runs day and night and that nobody uses: no job, no endpoint, no GPU node. One small node stays
for what the platform itself runs on the cluster; a little traffic, storage and logs remain. Sum: docs/costs.md."""
