"""CloudWatch's operations on metrics, in place of moto's, which looks at every datum of the region for each period.

Metrics that moto computes itself (AWS/S3: a bucket's size) are asked from it.
"""

import math
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, cloudwatch_backends

from local.aws_server.metric_data import queries
from local.aws_server.metric_data.expressions import ExpressionError
from local.aws_server.metric_data.statistics import (
    Datum,
    SeriesKey,
    UnknownStatisticError,
    Values,
    statistic,
)
from local.aws_server.metric_data.store import forget_store, grid, series_key, store_of
from local.aws_server.operations import ACCOUNT_ID, Call, Server, ServiceError, on_start, on_stop, operation

MOTOS_OWN = "AWS/S3"
MOST_VALUES = 150
MOST_METRICS = 1000
MOST_POINTS = 1440
PAGE = 500
PAST_S, FUTURE_S = 14 * 86400, 2 * 3600
RECENT_S = 3 * 3600


@on_start
def load(server: Server) -> None:
    """Reads what was put before this server was started."""
    store = store_of(server)
    for region, backend in list(dict.items(cloudwatch_backends[ACCOUNT_ID])):
        if backend.metric_data:  # of a server that left metrics to moto
            store.put(region, [_adopted(datum) for datum in backend.metric_data], time.time())
            backend.metric_data = []


@on_stop
def unload(server: Server) -> None:
    forget_store(server)


@operation("cloudwatch", "PutMetricData")
def put_metric_data(call: Call) -> dict[str, Any]:
    """Keeps values, arrays of values and statistic sets."""
    namespace = call.params["Namespace"]
    data = list(call.params.get("MetricData") or ())
    for entity in call.params.get("EntityMetricData") or ():
        data += entity.get("MetricData") or ()
    if len(data) > MOST_METRICS:
        raise ServiceError(
            "InvalidParameterValue", f"The collection MetricData must not have more than {MOST_METRICS}."
        )
    now = time.time()
    store_of(call.server).put(
        call.region, [_checked(namespace, datum, number, now) for number, datum in enumerate(data, start=1)], now
    )
    return {}


def _checked(namespace: str, datum: Mapping[str, Any], number: int, now: float) -> tuple[SeriesKey, Datum]:
    where = f"MetricData.member.{number}"
    values, sums = datum.get("Values"), datum.get("StatisticValues")
    told = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if len(told) != 1:
        raise ServiceError(
            "InvalidParameterCombination",
            f"The parameters {where}.Value, {where}.Values and {where}.StatisticValues are mutually exclusive and you "
            f"have specified {len(told)} of them.",
        )
    if sums is not None:
        if missing := [name for name in ("Sum", "Maximum", "Minimum", "SampleCount") if name not in sums]:
            raise ServiceError("MissingParameter", f"The parameter {where}.StatisticValues.{missing[0]} is required.")
        numbers = [float(sums[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")]
        pairs: Values | None = None
    else:
        listed = [float(value) for value in (values if values is not None else [datum["Value"]])]
        counts = [float(each) for each in datum.get("Counts") or [1.0] * len(listed)]
        if len(listed) > MOST_VALUES or not listed:
            raise ServiceError("InvalidParameterValue", f"{where}.Values must have 1 to {MOST_VALUES} values.")
        if len(counts) != len(listed):
            raise ServiceError("InvalidParameterValue", f"{where}.Values and {where}.Counts must be of the same size.")
        pairs = tuple(zip(listed, counts, strict=True))
        total = math.fsum(value * count for value, count in pairs)
        numbers = [math.fsum(counts), total, min(listed), max(listed)]
    if not all(math.isfinite(value) for value in numbers):
        raise ServiceError("InvalidParameterValue", f"The value NaN or Infinity for parameter {where} is invalid.")
    moment = _seconds(datum["Timestamp"]) if datum.get("Timestamp") is not None else now
    if not now - PAST_S <= moment <= now + FUTURE_S:
        raise ServiceError(
            "InvalidParameterValue",
            f"The parameter {where}.Timestamp must specify a time within the past two weeks and two hours ahead.",
        )
    resolution = int(datum.get("StorageResolution") or 60)
    if resolution not in (1, 60):
        raise ServiceError("InvalidParameterValue", f"{where}.StorageResolution must be 1 or 60.")
    count, total, least, most = numbers
    return series_key(namespace, datum["MetricName"], datum.get("Dimensions")), Datum(
        moment=int(moment // resolution) * resolution,
        unit=datum.get("Unit") or "None",
        count=count,
        total=total,
        least=least,
        most=most,
        values=pairs,
        row=0,
    )


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call) -> dict[str, Any]:
    """Statistics by period; periods without data are left out."""
    params = call.params
    if params["Namespace"] == MOTOS_OWN:
        return call.forward()
    plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise ServiceError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
    period = _period(params["Period"])
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html (StartTime)
    start, end = _seconds(params["StartTime"]) // min(60, period) * min(60, period), _seconds(params["EndTime"])
    if start >= end:
        raise ServiceError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    if (end - start) / period > MOST_POINTS:
        raise ServiceError(
            "InvalidParameterCombination",
            f"You have requested up to {math.ceil((end - start) / period):,} datapoints, which exceeds the limit of "
            f"{MOST_POINTS:,}. You may reduce the datapoints requested by increasing Period, or decreasing the time "
            "range.",
        )
    key = series_key(params["Namespace"], params["MetricName"], params.get("Dimensions"))
    by_period: dict[tuple[int, str], list[Datum]] = {}
    for datum in store_of(call.server).data(call.region, [key], start, end, params.get("Unit") or ""):
        by_period.setdefault((datum.moment // period * period, datum.unit), []).append(datum)
    points: list[dict[str, Any]] = []
    for (moment, unit), data in sorted(by_period.items()):
        point: dict[str, Any] = {"Timestamp": _moment(moment), "Unit": unit}
        try:
            point |= {name: statistic(name, data) for name in plain}
            told = {name: value for name in extended if (value := statistic(name, data)) is not None}
        except UnknownStatisticError as error:
            raise ServiceError("InvalidParameterValue", f"{error}.") from error
        points.append(point | ({"ExtendedStatistics": told} if told else {}))
    return {"Label": params["MetricName"], "Datapoints": points}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call: Call) -> dict[str, Any]:
    """Metrics, metric math and Metrics Insights queries."""
    asked = call.params["MetricDataQueries"]
    if any((query.get("MetricStat") or {}).get("Metric", {}).get("Namespace") == MOTOS_OWN for query in asked):
        return call.forward()
    start, end = _seconds(call.params["StartTime"]) // 1, _seconds(call.params["EndTime"])
    if start >= end:
        raise ServiceError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    source = queries.Asked(
        store=store_of(call.server),
        region=call.region,
        starts_of=lambda period: grid(start, end, _period(period)),
    )
    descending = (call.params.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    results: list[dict[str, Any]] = []
    try:
        queries.check(asked)
        for query in asked:
            if query.get("ReturnData") is False:
                continue
            found = queries.answers(source, asked, query["Id"])
            for contributor, series in (found or {"": {}}).items():
                moments = sorted(series, reverse=descending)
                results.append(
                    {
                        "Id": query["Id"],
                        "Label": query.get("Label") or contributor or _label(query),
                        "Timestamps": [_moment(moment) for moment in moments],
                        "Values": [series[moment] for moment in moments],
                        "StatusCode": "Complete",
                    }
                )
    except ExpressionError as error:
        raise ServiceError("ValidationError", str(error)) from error
    return {"MetricDataResults": results, "Messages": []}


@operation("cloudwatch", "ListMetrics")
def list_metrics(call: Call) -> dict[str, Any]:
    """The metrics that have data, by namespace, name and dimensions."""
    params, store = call.params, store_of(call.server)
    wanted = {each["Name"]: each.get("Value") for each in params.get("Dimensions") or ()}
    keys = store.keys(call.region, params.get("Namespace") or "", params.get("MetricName") or "")
    if params.get("RecentlyActive"):
        keys = [key for key in keys if store.newest(call.region, key) > time.time() - RECENT_S]
    found = [
        {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": each, "Value": value} for each, value in dimensions],
        }
        for namespace, name, dimensions in sorted(keys)
        if _has(dict(dimensions), wanted)
    ]
    if params.get("Namespace") in (None, MOTOS_OWN):
        plain = {name: value for name, value in params.items() if name not in ("NextToken", "RecentlyActive")}
        found += call.forward(plain).get("Metrics") or []
    token = params.get("NextToken") or "0"
    if not token.isdigit():
        raise ServiceError("InvalidParameterValue", "Request parameter NextToken is invalid")
    first = int(token)
    answer: dict[str, Any] = {"Metrics": found[first : first + PAGE]}
    return answer | ({"NextToken": str(first + PAGE)} if len(found) > first + PAGE else {})


def _has(dimensions: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(name in dimensions and value in (None, dimensions[name]) for name, value in wanted.items())


def _label(query: Mapping[str, Any]) -> str:
    stat = query.get("MetricStat")
    return stat["Metric"]["MetricName"] if stat else query["Id"]


def _period(value: Any) -> int:
    period = int(value)
    if period not in (1, 5, 10, 20, 30) and (period <= 0 or period % 60):
        raise ServiceError(
            "InvalidParameterValue", "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60."
        )
    return period


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, str):
        return _seconds(datetime.fromisoformat(value.replace("Z", "+00:00")))
    return float(value)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _adopted(datum: Any) -> tuple[SeriesKey, Datum]:
    """moto's datum as one of the store's."""
    dimensions: Iterable[Any] = datum.dimensions
    key = datum.namespace, datum.name, tuple(sorted((str(each.name), str(each.value)) for each in dimensions))
    moment = int(_seconds(datum.timestamp) // 60) * 60
    unit = datum.unit or "None"
    if isinstance(datum, MetricAggregatedDatum):
        return key, Datum(moment, unit, datum.sample_count, datum.sum, datum.min, datum.max, None, 0)
    assert isinstance(datum, MetricDatum)
    return key, Datum(moment, unit, 1.0, datum.value, datum.value, datum.value, ((datum.value, 1.0),), 0)
