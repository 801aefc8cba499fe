"""When the local AWS server's alarms are in which state, against the tables of CloudWatch's documentation.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.aws_server.alarms import reasons
from local.aws_server.alarms.evaluation import TREATMENTS, Criteria, judge
from local.aws_server.alarms.subject import fewest_samples, subject_of

pytestmark = pytest.mark.unit
KEPT = None
VALUES = {"0": 0.0, "X": 10.0, "-": None}
WORDS = {"O": "OK", "A": "ALARM", "I": "INSUFFICIENT_DATA", "k": KEPT}
TABLE_3_OF_3 = (
    # data, filled, states by MISSING, IGNORE, BREACHING, NOT BREACHING
    ("0 - X - X", 0, "OOOO"),
    ("0 - - - -", 2, "OOOO"),
    ("- - - - -", 3, "IkAO"),
    ("0 X X - X", 0, "AAAA"),
    ("- - X - -", 2, "AkAO"),
)
TABLE_2_OF_3 = (
    ("0 - X - X", 0, "AAAA"),
    ("0 0 X 0 X", 0, "AAAA"),
    ("0 - X - -", 1, "OOAO"),
    ("- - - - 0", 2, "OOAO"),
    ("- - - X -", 2, "AkAO"),
)
PREMATURE = (
    # From the section on premature transitions: these two do not alarm at once, the third does.
    ("- - - - X", 2, "O"),
    ("- - - X -", 2, "O"),
    ("- - X - -", 2, "A"),
    ("- - - X 0", 1, "O"),
    ("- - X - 0", 1, "O"),
    ("- X - - -", 2, "A"),
)


def criteria(needed: int = 3, missing: str = "missing", periods: int = 3, **members: Any) -> Criteria:
    comparison = members.pop("comparison", "GreaterThanThreshold")
    return Criteria(comparison=comparison, threshold=5.0, periods=periods, needed=needed, missing=missing)


def data(row: str) -> list[float | None]:
    return [VALUES[word] for word in row.split()]


@pytest.mark.parametrize(
    ("row", "filled", "states", "needed"),
    [(*row, 3) for row in TABLE_3_OF_3] + [(*row, 2) for row in TABLE_2_OF_3],
)
def test_missing_data_are_treated_as_in_the_documentations_tables(row: str, filled: int, states: str, needed: int):
    for treatment, state in zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True):
        judgement = judge(criteria(needed, treatment), data(row))
        assert (judgement.state, judgement.filled) == (WORDS[state], filled), treatment


@pytest.mark.parametrize(("row", "filled", "state"), PREMATURE)
def test_a_datum_that_breaches_alarms_early_only_once_it_is_old_enough(row: str, filled: int, state: str):
    judgement = judge(criteria(), data(row))
    assert (judgement.state, judgement.filled) == (WORDS[state], filled)


def test_extra_periods_are_looked_at_only_where_recent_data_are_missing():
    assert judge(criteria(), data("X X 0 0 0")).evaluated == (2, 3, 4)
    assert judge(criteria(), data("X X 0 - 0")).evaluated == (1, 2, 4)


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", {6}),
        ("GreaterThanOrEqualToThreshold", {5, 6}),
        ("LessThanThreshold", {4}),
        ("LessThanOrEqualToThreshold", {4, 5}),
    ],
)
def test_a_value_is_compared_with_the_threshold_as_the_operator_says(comparison: str, breaching: set[int]):
    for value in (4, 5, 6):
        state = judge(criteria(1, periods=1, comparison=comparison), [None, None, float(value)]).state
        assert state == ("ALARM" if value in breaching else "OK")


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_one_datum_decides_an_alarm_on_one_period_for_three_periods(treatment: str):
    wanted = criteria(1, treatment, periods=1)
    assert [judge(wanted, data(row)).state for row in ("- - X", "- X -", "X - -")] == ["ALARM"] * 3
    after = {"missing": "INSUFFICIENT_DATA", "ignore": KEPT, "breaching": "ALARM", "notBreaching": "OK"}
    assert judge(wanted, data("- - -")).state == after[treatment]


def described(**members: Any) -> dict[str, Any]:
    alarm = {
        **{"AlarmName": "a", "Namespace": "N", "MetricName": "m", "Dimensions": [], "Period": 60, "Threshold": 5.0},
        **{"EvaluationPeriods": 3, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"},
    }
    return alarm | members


@pytest.mark.parametrize(
    ("period", "periods", "interval"),
    [(10, 1, 10), (20, 3, 10), (30, 1, 10), (60, 1, 60), (300, 12, 60), (86400, 1, 60), (86400, 2, 3600)],
)
def test_an_alarm_is_looked_at_each_minute_or_ten_seconds_and_one_over_days_each_hour(
    period: int, periods: int, interval: int
):
    assert subject_of(described(Period=period, EvaluationPeriods=periods)).interval == interval


def test_the_window_slides_with_each_look():
    subject = subject_of(described(Period=300, EvaluationPeriods=1))
    assert subject.starts(660) == [-240, 60, 360]
    assert subject.starts(720) == [-180, 120, 420]


def test_a_percentile_needs_the_samples_that_the_documentation_names():
    assert fewest_samples("p99") == pytest.approx(1000)
    assert fewest_samples("p50") == pytest.approx(20)
    assert fewest_samples("p10") == pytest.approx(100)
    assert fewest_samples("Average") == 0


def evaluated(wanted: Criteria, row: str) -> reasons.Evaluated:
    points = data(row)
    starts = [1_700_000_040 + 60 * place for place in range(len(points))]
    return reasons.Evaluated(
        criteria=wanted,
        data=points,
        starts=starts,
        period=60,
        statistic="Sum",
        unit="",
        judgement=judge(wanted, points),
    )


def test_the_reason_is_said_as_cloudwatch_says_it():
    said = reasons.sentence(evaluated(criteria(2), "0 0 X 0 X"), "ALARM", "OK")
    assert said == (
        "Threshold Crossed: 2 out of the last 3 datapoints [10.0 (14/11/23 22:18:00), 10.0 (14/11/23 22:16:00)] were "
        "greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    said = reasons.sentence(evaluated(criteria(3), "X X X X 0"), "OK", "ALARM")
    assert said == (
        "Threshold Crossed: 1 out of the last 3 datapoints [0.0 (14/11/23 22:18:00)] was not greater than the "
        "threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    said = reasons.sentence(evaluated(criteria(1, "breaching", periods=1), "- - -"), "ALARM", "OK")
    assert said == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[Breaching]."
    )
    said = reasons.sentence(evaluated(criteria(3), "- - - - -"), "INSUFFICIENT_DATA", "OK")
    assert said == "Insufficient Data: 3 datapoints were unknown."


def test_an_alarm_that_waits_for_more_breaching_data_says_how_many():
    said = reasons.sentence(evaluated(criteria(3), "- - - - X"), "OK", "INSUFFICIENT_DATA")
    assert "1 out of the last 3 datapoints [10.0 (14/11/23 22:18:00)] was greater" in said
    assert "(minimum 3 datapoints for INSUFFICIENT_DATA -> ALARM transition)" in said


def test_the_reasons_data_name_the_periods_that_decided():
    told = json.loads(reasons.document(evaluated(criteria(2), "0 0 X 0 X"), datetime(2025, 7, 3, 8, 34, 6, tzinfo=UTC)))
    assert told["queryDate"] == "2025-07-03T08:34:06.000+0000"
    assert told["startDate"] == "2023-11-14T22:16:00.000+0000"
    assert told["recentDatapoints"] == [10.0, 0.0, 10.0]
    assert told["evaluatedDatapoints"][0] == {"timestamp": "2023-11-14T22:18:00.000+0000", "value": 10.0}
    assert (told["statistic"], told["period"], told["threshold"]) == ("Sum", 60, 5.0)
