"""Metrics Insights queries: parsed, and computed on what was put.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html.
Conditions are joined by AND alone here; ORDER BY and LIMIT are read, and order nothing: an alarm looks at every series.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from local.aws_server.metric_data.expressions import ExpressionError, Series
from local.aws_server.metric_data.statistics import SeriesKey
from local.aws_server.metric_data.store import MetricStore

_FUNCTIONS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
_NAME = r'(?:"[^"]+"|[\w./:#-]+)'
_QUERY = re.compile(
    rf"\s*SELECT\s+(?P<function>\w+)\s*\(\s*(?P<metric>{_NAME})\s*\)\s+"
    rf"FROM\s+(?:SCHEMA\s*\(\s*(?P<schema>{_NAME}(?:\s*,\s*{_NAME})*)\s*\)|(?P<namespace>{_NAME}))"
    rf"(?:\s+WHERE\s+(?P<where>.+?))?"
    rf"(?:\s+GROUP\s+BY\s+(?P<group>{_NAME}(?:\s*,\s*{_NAME})*))?"
    r"(?:\s+ORDER\s+BY\s+\w+\s*\(\s*\)(?:\s+(?:ASC|DESC))?)?(?:\s+LIMIT\s+\d+)?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(rf"\s*(?P<name>{_NAME})\s*(?P<sign>!=|=)\s*'(?P<value>[^']*)'\s*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query. dimensions: exactly those that a metric must have; None for any. group: empty for one series."""

    statistic: str
    metric: str
    namespace: str
    dimensions: tuple[str, ...] | None
    conditions: tuple[tuple[str, str, bool], ...]
    """Dimension, value, and whether it must be this one or must not."""
    group: tuple[str, ...]


def is_query(expression: str) -> bool:
    """Whether an expression is a query and no metric math."""
    return expression.lstrip()[:6].upper() == "SELECT"


def parse(text: str) -> Query:
    """Raises ExpressionError for what is not read here."""
    match = _QUERY.fullmatch(text)
    if match is None or match["function"].upper() not in _FUNCTIONS:
        raise ExpressionError(f"the query is not one that is computed here: {text}")
    schema = _listed(match["schema"])
    conditions: list[tuple[str, str, bool]] = []
    for part in re.split(r"\s+AND\s+", match["where"], flags=re.IGNORECASE) if match["where"] else ():
        condition = _CONDITION.fullmatch(part)
        if condition is None:
            raise ExpressionError(f"the condition {part} is not one that is computed here")
        conditions.append((condition["name"].strip('"'), condition["value"], condition["sign"] == "="))
    return Query(
        statistic=_FUNCTIONS[match["function"].upper()],
        metric=match["metric"].strip('"'),
        namespace=schema[0] if schema else match["namespace"].strip('"'),
        dimensions=tuple(schema[1:]) if schema else None,
        conditions=tuple(conditions),
        group=tuple(_listed(match["group"])),
    )


def evaluate(query: Query, store: MetricStore, region: str, starts: Sequence[int], period: int) -> dict[str, Series]:
    """Time series by the values of what they are grouped by; a group without data is left out."""
    groups: dict[str, list[SeriesKey]] = {}
    for key in store.keys(region, query.namespace, query.metric):
        dimensions = dict(key[2])
        if query.dimensions is not None and set(dimensions) != set(query.dimensions):
            continue
        if any((dimensions.get(name) == value) is not wanted for name, value, wanted in query.conditions):
            continue
        if all(name in dimensions for name in query.group):
            groups.setdefault(" ".join(dimensions[name] for name in query.group), []).append(key)
    found = {name: store.points(region, keys, query.statistic, starts, period) for name, keys in groups.items()}
    return {name: series for name, series in found.items() if series}


def _listed(text: str | None) -> list[str]:
    return [part.strip().strip('"') for part in text.split(",")] if text else []
