"""The local AWS server's metrics: statistics, metric math, Metrics Insights queries, and what is kept."""

from threading import RLock
from typing import Any

import pytest

from local.aws_server.metric_data import expressions, insights, queries
from local.aws_server.metric_data.expressions import ExpressionError
from local.aws_server.metric_data.statistics import Datum, UnknownStatisticError, Values, statistic
from local.aws_server.metric_data.store import RETENTION_S, MetricStore, grid, series_key

pytestmark = pytest.mark.unit
ERRORS, CALLS = {60: 1.0, 120: 3.0, 180: 0.0}, {60: 10.0, 120: 30.0, 240: 5.0}
STARTS = (60, 120, 180, 240)


class Memory:
    """Records without a disk."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.rows: dict[str, dict[str, Any]] = {}

    def put(self, kind: str, key: str, value: Any) -> None:
        self.rows.setdefault(kind, {})[key] = value

    def get(self, kind: str, key: str) -> Any:
        return self.rows.get(kind, {}).get(key)

    def delete(self, kind: str, key: str) -> None:
        self.rows.get(kind, {}).pop(key, None)

    def items(self, kind: str, prefix: str = "") -> list[tuple[str, Any]]:
        return sorted((key, value) for key, value in self.rows.get(kind, {}).items() if key.startswith(prefix))


def values(*pairs: tuple[float, float], moment: int = 60) -> Datum:
    total, count = sum(value * count for value, count in pairs), sum(count for _, count in pairs)
    listed = [value for value, _ in pairs]
    return Datum(moment, "None", count, total, min(listed), max(listed), tuple(pairs), 0)


def statistic_set(count: float, total: float, least: float, most: float) -> Datum:
    return Datum(60, "None", count, total, least, most, None, 0)


def test_statistics_count_every_value_as_often_as_it_occurred():
    data = [values((1.0, 3), (5.0, 1)), statistic_set(2, 4, 1, 3)]
    found = {name: statistic(name, data) for name in ("SampleCount", "Sum", "Average", "Minimum", "Maximum")}
    assert found == {"SampleCount": 6, "Sum": 12, "Average": 2, "Minimum": 1, "Maximum": 5}
    assert statistic("Sum", []) is None


@pytest.mark.parametrize(
    ("name", "value"), [("p0", 1), ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 100), ("p100", 100)]
)
def test_a_percentile_is_the_nearest_rank(name: str, value: float):
    assert statistic(name, [values(*((float(each), 1.0) for each in range(1, 101)))]) == value


def test_a_rare_slow_request_is_seen_by_its_percentile_and_not_by_the_average():
    data = [values((10.0, 985), (900.0, 15))]
    assert statistic("p98", data) == 10.0
    assert statistic("p99", data) == 900.0


def test_a_statistic_set_tells_a_percentile_only_where_all_its_values_are_the_same():
    assert statistic("p99", [statistic_set(3, 6, 2, 2)]) == 2
    assert statistic("p99", [statistic_set(3, 6, 1, 3)]) is None
    assert statistic("p99", [values((1.0, 1)), statistic_set(3, 6, 1, 3)]) is None


@pytest.mark.parametrize("name", ["p101", "tm99", "IQM", "average", ""])
def test_a_statistic_that_is_not_computed_is_an_error_that_names_it(name: str):
    with pytest.raises(UnknownStatisticError, match=f"^{name} is no statistic"):
        statistic(name, [])


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("errors / calls", {60: 0.1, 120: 0.1}),
        ("100 * errors / (errors + calls)", {60: 100 / 11, 120: 300 / 33}),
        ("errors - 1 - 1", {60: -1, 120: 1, 180: -2}),
        ("errors ^ 2 + -1", {60: 0, 120: 8, 180: -1}),
        ("calls / errors", {60: 10, 120: 10}),
        ("IF(calls >= 20, errors / calls / 0.001, 0)", {60: 0, 120: 100, 240: 0}),
        ("IF(errors > 0 AND calls < 20, 1, 0)", {60: 1, 120: 0}),
        ("FILL(errors, 0)", {60: 1, 120: 3, 180: 0, 240: 0}),
        ("FILL(calls, REPEAT)", {60: 10, 120: 30, 180: 30, 240: 5}),
        ("FILL(calls, LINEAR)", {60: 10, 120: 30, 180: 17.5, 240: 5}),
        ("SUM([errors, calls])", {60: 11, 120: 33, 180: 0, 240: 5}),
        ("MAX(errors)", 3.0),
        ("ABS(errors - 2)", {60: 1, 120: 1, 180: 2}),
        ("errors / missing", {}),
    ],
)
def test_metric_math_works_period_by_period(expression: str, result: Any):
    found = expressions.evaluate(expression, {"errors": ERRORS, "calls": CALLS, "missing": {}}, STARTS)
    assert found == pytest.approx(result)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "empty"),
        ("errors +", "ends too early"),
        ("errors calls", "should end"),
        ("(errors", "ends too early"),
        ("errors @ 2", "cannot be read"),
        ("IF(errors)", "takes 3 arguments"),
    ],
)
def test_what_is_no_expression_is_an_error(expression: str, said: str):
    with pytest.raises(ExpressionError, match=said):
        expressions.evaluate(expression, {"errors": ERRORS, "calls": CALLS}, STARTS)


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(errors, 2)", "SEARCH('x', 'Sum')", "RATE(errors)"])
def test_a_function_that_is_not_computed_is_refused_by_name_where_possible(expression: str):
    with pytest.raises(ExpressionError, match=r"not computed here|cannot be read"):
        queries.check([{"Id": "errors", "MetricStat": {"Stat": "Sum"}}, {"Id": "x", "Expression": expression}])


def test_an_expression_that_uses_an_unknown_id_is_refused():
    with pytest.raises(ExpressionError, match="nobody is no id"):
        queries.check([{"Id": "x", "Expression": "nobody * 2"}])


def filled(most: int = 1000) -> MetricStore:
    store = MetricStore(Memory(), most=most)
    for endpoint, variant, errors in (("a", "main", 3.0), ("a", "b", 4.0), ("c", "main", 50.0)):
        dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
        store.put("r", [(series_key("AWS/SageMaker", "Errors", dimensions), values((errors, 1)))], 60)
    store.put("r", [(series_key("AWS/SageMaker", "Errors", ()), values((1000.0, 1)))], 60)
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            'SELECT SUM(Errors) FROM SCHEMA("AWS/SageMaker", EndpointName, VariantName) '
            "GROUP BY EndpointName, VariantName ORDER BY SUM() DESC",
            {"a main": 3, "a b": 4, "c main": 50},
        ),
        ('SELECT MAX(Errors) FROM SCHEMA("AWS/SageMaker", VariantName, EndpointName)', {"": 50}),
        ("SELECT SUM(Errors) FROM \"AWS/SageMaker\" WHERE EndpointName = 'a' AND VariantName != 'b'", {"": 3}),
        ('SELECT SUM(Errors) FROM "AWS/SageMaker"', {"": 1057}),
        ('SELECT SUM(Nothing) FROM "AWS/SageMaker"', {}),
    ],
)
def test_a_query_finds_its_series(query: str, found: dict[str, float]):
    series = insights.evaluate(insights.parse(query), filled(), "r", [60], 60)
    assert {name: points[60] for name, points in series.items()} == found


def test_a_query_that_is_not_read_here_is_an_error():
    with pytest.raises(ExpressionError, match="condition"):
        insights.parse("SELECT SUM(a) FROM \"N\" WHERE x = '1' OR y = '2'")
    with pytest.raises(ExpressionError, match="query"):
        insights.parse("SELECT a FROM b")


def test_what_was_put_is_read_back_by_a_server_that_starts_again():
    memory = Memory()
    key = series_key("N", "m", ())
    first = MetricStore(memory)
    for moment in (120, 60, 180):
        first.put("r", [(key, values((float(moment), 1), moment=moment))], 180)
    again = MetricStore(memory)
    assert [datum.moment for datum in again.data("r", [key], 0, 1000)] == [60, 120, 180]
    again.put("r", [(key, values((1.0, 1), moment=240))], 240)
    assert len(memory.items("cloudwatch:metric-data")) == 4


def test_old_data_go_from_memory_and_disk():
    memory = Memory()
    key, gone = series_key("N", "m", ()), series_key("N", "gone", ())
    store = MetricStore(memory)
    store.put("r", [(gone, values((1.0, 1), moment=0))], 0)
    store.put("r", [(key, values((1.0, 1), moment=RETENTION_S + 7200))], RETENTION_S + 7200)
    assert store.keys("r") == [key]
    assert len(memory.items("cloudwatch:metric-data")) == 1


def test_of_too_many_data_the_oldest_go():
    memory = Memory()
    store = MetricStore(memory, most=100)
    key = series_key("N", "m", ())
    for moment in range(1000):
        store.put("r", [(key, values((1.0, 1), moment=moment))], moment)
    kept = [datum.moment for datum in store.data("r", [key], 0, 2000)]
    assert 90 <= len(kept) <= 100
    assert kept == list(range(1000 - len(kept), 1000))
    assert len(memory.items("cloudwatch:metric-data")) == len(kept)


def test_periods_start_at_multiples_of_their_length():
    assert grid(125, 300, 60) == [120, 180, 240]
    assert grid(120, 121, 60) == [120]


def test_points_are_the_statistic_of_each_period_and_data_of_another_unit_are_left_out():
    store = MetricStore(Memory())
    key = series_key("N", "m", ())
    told: list[tuple[int, str, Values]] = [
        (5, "Count", ((1.0, 2.0),)),
        (12, "Count", ((4.0, 1.0),)),
        (13, "None", ((9.0, 1.0),)),
    ]
    for moment, unit, pairs in told:
        datum = values(*pairs, moment=moment)
        store.put("r", [(key, Datum(moment, unit, datum.count, datum.total, datum.least, datum.most, pairs, 0))], 20)
    assert store.points("r", [key], "Sum", [0, 10, 20], 10) == {0: 2.0, 10: 13.0}
    assert store.points("r", [key], "Sum", [0, 10, 20], 10, "Count") == {0: 2.0, 10: 4.0}
    assert store.points("r", [key], "Sum", [3, 13], 10) == {3: 6.0, 13: 9.0}
