"""Alarms and rules ask for metrics that the catalogue has."""

import re
from collections.abc import Iterator

import pytest

from components.monitoring.alarm_table import (
    Alarm,
    endpoint_alarms,
    fleet_alarms,
    nat_alarms,
    prometheus_alarms,
)
from components.monitoring.metrics import missing_from_cloudwatch

pytestmark = pytest.mark.unit
ALARMS = [
    *nat_alarms("nat-1"),
    *prometheus_alarms("ws-1"),
    *fleet_alarms(errors=5, latency_ms=500),
    *(each for each in endpoint_alarms("delays", "AllTraffic", 200, 99.5) if isinstance(each, Alarm)),
]
INSIGHTS = re.compile(r'SELECT \w+\((\w+)\) FROM (?:SCHEMA\("([^"]+)"((?:, \w+)*)\)|"([^"]+)")(?: WHERE (\w+) =)?')


def asked_for(alarm: Alarm) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Namespace, name and dimensions of every metric of an alarm, those of a Metrics Insights query too."""
    for metric in alarm.metrics.values():
        yield metric.namespace, metric.name, frozenset(metric.dimensions)
    if not alarm.metrics:
        match = INSIGHTS.match(alarm.expression)
        assert match, alarm.expression
        name, schema, dimensions, namespace, where = match.groups()
        named = {*re.findall(r"\w+", dimensions or ""), *([where] if where else [])}
        yield schema or namespace, name, frozenset(named)


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.word)
def test_every_alarm_watches_a_metric_that_somebody_puts(alarm: Alarm):
    asked = list(asked_for(alarm))
    assert asked
    assert [missing_from_cloudwatch(*each) for each in asked if missing_from_cloudwatch(*each)] == []
