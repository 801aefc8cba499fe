"""What is wrong with a dashboard: a panel or a variable that asks a data source for what it cannot hold.

It looks at the JSON that Grafana gets, not at the code that wrote it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.monitoring.dashboards.sources import CLOUDWATCH_UID, PROMETHEUS_UID
from components.monitoring.metrics import (
    cloudwatch_namespaces,
    missing_from_cloudwatch,
    prometheus_metrics,
)
from components.monitoring.promql import metric_names

CONFIG_MAP_BYTES = 1024 * 1024
"""https://kubernetes.io/docs/concepts/configuration/configmap/#motivation"""
_SEARCH = re.compile(r"SEARCH\('\{([^{},]+)((?:,[^{},]+)*)\}([^']*)'")
_QUOTES = '" '
_LABEL_VALUES = re.compile(r"label_values\((.*),\s*(\w+)\)")


def problems(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Every problem of one dashboard's JSON, as a sentence that names the panel."""
    title = dashboard["title"]
    for panel in panels_of(dashboard):
        for target in panel.get("targets", []):
            for problem in _of_target(target):
                yield f"{title}: panel {panel['title']!r}: {problem}"
    for variable in dashboard.get("templating", {}).get("list", []):
        for problem in _of_variable(variable):
            yield f"{title}: variable {variable['name']!r}: {problem}"


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The panels of a dashboard, those inside of rows too, without the rows."""
    for panel in dashboard.get("panels", []):
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def _of_target(target: Mapping[str, Any]) -> Iterator[str]:
    named: Mapping[str, Any] = target.get("datasource") or {}
    source = named.get("uid")
    if source == PROMETHEUS_UID:
        yield from _of_promql(target.get("expr", ""))
    elif source == CLOUDWATCH_UID:
        yield from _of_search(target["expression"]) if target.get("expression") else _of_metric(target)
    else:
        yield f"asks the data source {source!r}, which is none of ours"


def _of_promql(expression: str) -> Iterator[str]:
    names = metric_names(expression)
    if not names:
        yield "asks for no metric"
    for name in sorted(names - prometheus_metrics()):
        yield f"Prometheus has no metric {name} (components/monitoring/metrics.py)"


def _of_metric(target: Mapping[str, Any]) -> Iterator[str]:
    dimensions = frozenset[str](target.get("dimensions") or ())
    problem = missing_from_cloudwatch(target.get("namespace", ""), target.get("metricName", ""), dimensions)
    if problem:
        yield problem


def _of_search(expression: str) -> Iterator[str]:
    match = _SEARCH.search(expression)
    if match is None:
        yield f"the search {expression!r} does not begin with a namespace in braces"
        return
    namespace = match[1].strip(_QUOTES)
    dimensions = {name.strip(_QUOTES) for name in match[2].split(",") if name}
    metric = re.search(r'MetricName="([^"]+)"', match[3])
    if metric:
        problem = missing_from_cloudwatch(namespace, metric[1], frozenset(dimensions))
        if problem:
            yield problem
    elif not any(dimensions == set(entry.dimensions) for entry in cloudwatch_namespaces(namespace)):
        yield f"no metrics of {namespace} with the dimensions {', '.join(sorted(dimensions))} are in the catalogue"


def _of_variable(variable: Mapping[str, Any]) -> Iterator[str]:
    query = variable.get("query")
    if variable.get("type") != "query" or not query:
        return
    if isinstance(query, str):
        match = _LABEL_VALUES.fullmatch(query)
        yield from _of_promql(match[1]) if match else [f"the query {query!r} is not label_values(METRIC, LABEL)"]
        return
    named = frozenset({query["dimensionKey"], *query["dimensionFilters"]})
    problem = missing_from_cloudwatch(query["namespace"], query["metricName"], named)
    if problem:
        yield problem
