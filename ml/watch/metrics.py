"""What a window was found to be, as metrics: to CloudWatch, and in Prometheus' text format.

CloudWatch has one series a name and dimensions (and bills each): so the endpoint's own are few, and a column gets one
only when it has drifted. Prometheus' file is for node-exporter's textfile collector
(https://github.com/prometheus/node_exporter#textfile-collector).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.names import namespace_of

MOST_DATA = 1000
"""Of one PutMetricData (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html)."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value at one time. name: as Prometheus writes it. labels: beside the endpoint's."""

    name: str
    help: str
    value: float
    time: datetime
    labels: Mapping[str, str]

    @property
    def cloudwatch_name(self) -> str:
        """The same name as CloudWatch's own are written."""
        return "".join(word.capitalize() for word in self.name.removeprefix("watch_").split("_"))


def put(cloudwatch: Any, team: str, endpoint: str, samples: Sequence[Sample]) -> None:
    """Send samples to CloudWatch, to the team's own namespace: no other is open to its members."""
    data = [
        {
            "MetricName": sample.cloudwatch_name,
            "Dimensions": [
                {"Name": "EndpointName", "Value": endpoint},
                *({"Name": name.capitalize(), "Value": value} for name, value in sample.labels.items()),
            ],
            "Timestamp": sample.time,
            "Value": sample.value,
            "Unit": "None",
        }
        for sample in samples
    ]
    for first in range(0, len(data), MOST_DATA):
        cloudwatch.put_metric_data(Namespace=namespace_of(team), MetricData=data[first : first + MOST_DATA])


def exposition(endpoint: str, samples: Iterable[Sample]) -> str:
    """The newest sample of each series in Prometheus' text format."""
    newest: dict[tuple[str, tuple[tuple[str, str], ...]], Sample] = {}
    for sample in samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        if key not in newest or newest[key].time <= sample.time:
            newest[key] = sample
    lines: list[str] = []
    seen = ""
    for (name, labels), sample in sorted(newest.items(), key=lambda entry: entry[0]):
        if name != seen:
            lines += [f"# HELP {name} {sample.help}", f"# TYPE {name} gauge"]
            seen = name
        shown = ",".join(f'{label}="{_escaped(value)}"' for label, value in (("endpoint", endpoint), *labels))
        lines.append(f"{name}{{{shown}}} {sample.value:.17g}")
    return "\n".join(lines) + "\n" if lines else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
