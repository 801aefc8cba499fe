"""What GetMetricData and an alarm's `Metrics` ask for: metrics, metric math over them, Metrics Insights queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.aws_server.metric_data import expressions, insights
from local.aws_server.metric_data.expressions import ExpressionError, Series, Value
from local.aws_server.metric_data.statistics import UnknownStatisticError, check_statistic
from local.aws_server.metric_data.store import MetricStore, series_key


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where data come from. starts_of: the periods to look at, by their length in seconds."""

    store: MetricStore
    region: str
    starts_of: Callable[[int], Sequence[int]]


def check(queries: Sequence[Mapping[str, Any]]) -> None:
    """Raises ExpressionError for what cannot be computed here."""
    ids = {query["Id"] for query in queries}
    for query in queries:
        try:
            if stat := query.get("MetricStat"):
                check_statistic(stat["Stat"])
            elif not (expression := query.get("Expression")):
                raise ExpressionError("it has neither a MetricStat nor an Expression")
            elif insights.is_query(expression):
                insights.parse(expression)
            else:
                if unknown := expressions.names_in(expression) - ids:
                    raise ExpressionError(f"{', '.join(sorted(unknown))} is no id of this request")
                expressions.evaluate(expression, {name: {} for name in ids}, ())
        except (ExpressionError, UnknownStatisticError) as error:
            raise ExpressionError(f"Error in '{query['Id']}': {error}.") from error


def period_of(queries: Sequence[Mapping[str, Any]], query: Mapping[str, Any]) -> int:
    """Seconds of a query's periods: its own, or the longest of the metrics that its expression uses."""
    if stat := query.get("MetricStat"):
        return int(stat["Period"])
    if query.get("Period"):
        return int(query["Period"])
    by_id = {each["Id"]: each for each in queries}
    names = () if insights.is_query(query["Expression"]) else expressions.names_in(query["Expression"])
    return max((period_of(queries, by_id[name]) for name in names if name in by_id), default=60)


def answers(asked: Asked, queries: Sequence[Mapping[str, Any]], wanted: str) -> dict[str, Series]:
    """Time series of the query with the id `wanted`, by contributor: "" for a metric or for math.

    Raises ExpressionError.
    """
    by_id = {query["Id"]: query for query in queries}
    query = by_id[wanted]
    expression = query.get("Expression")
    if expression and insights.is_query(expression):
        period = period_of(queries, query)
        return insights.evaluate(insights.parse(expression), asked.store, asked.region, asked.starts_of(period), period)
    return {"": _series(asked, queries, by_id, wanted, ())}


def _series(
    asked: Asked,
    queries: Sequence[Mapping[str, Any]],
    by_id: Mapping[str, Mapping[str, Any]],
    wanted: str,
    above: tuple[str, ...],
) -> Series:
    query = by_id[wanted]
    period = period_of(queries, query)
    starts = asked.starts_of(period)
    if stat := query.get("MetricStat"):
        metric = stat["Metric"]
        key = series_key(metric["Namespace"], metric["MetricName"], metric.get("Dimensions"))
        return asked.store.points(asked.region, [key], stat["Stat"], starts, period, stat.get("Unit") or "")
    if wanted in above:
        raise ExpressionError(f"{wanted} uses itself")
    expression = query["Expression"]
    if insights.is_query(expression):
        raise ExpressionError(f"{wanted} is a query, and math over a query is not computed here")
    known: dict[str, Value] = {
        name: _series(asked, queries, by_id, name, (*above, wanted))
        for name in expressions.names_in(expression)
        if name in by_id
    }
    value = expressions.evaluate(expression, known, starts)
    return dict.fromkeys(starts, value) if isinstance(value, float) else value
