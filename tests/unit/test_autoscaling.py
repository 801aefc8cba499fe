"""When and how far the local AWS server scales an endpoint's variant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.aws_server.autoscaling.cron import CronError, fields_of, matches
from local.aws_server.autoscaling.policies import wanted_count
from local.aws_server.autoscaling.schedule import is_due
from local.aws_server.autoscaling.steps import check, wanted
from local.aws_server.operations import ServiceError

pytestmark = pytest.mark.unit
NOON = datetime(2026, 11, 23, 12, 0, 20, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("current", "value", "count"),
    [(1, 300, 3), (2, 300, 4), (2, 100, 2), (4, 20, 1), (4, 60, 3), (2, 1e6, 4), (3, 0, 1)],
)
def test_the_count_follows_the_metric_within_the_limits(current: int, value: float, count: int):
    assert wanted_count(current, value, 100.0, 1, 4) == count


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("cron(0 12 * * ? *)", True),
        ("cron(0/15 * ? * MON-FRI *)", True),
        ("cron(0 12 ? * 2 2026)", True),
        ("cron(0 12 23,24 NOV ? *)", True),
        ("cron(5 12 * * ? *)", False),
        ("cron(0 12 ? * SUN,SAT *)", False),
        ("cron(0 12 ? * SUN *)", False),
        ("cron(0 0-11 * * ? *)", False),
    ],
)
def test_a_cron_expression_names_its_minutes(expression: str, holds: bool):
    fields = fields_of(expression)
    assert fields is not None
    assert matches(fields, NOON) is holds


@pytest.mark.parametrize(
    "expression", ["cron(0 12 * *)", "cron(61 * * * ? *)", "cron(0 12 L * ? *)", "cron(*/0 * * * ? *)"]
)
def test_what_is_no_cron_expression_here_is_an_error(expression: str):
    with pytest.raises(CronError):
        fields_of(expression)


def test_a_scheduled_action_runs_once_in_its_minute_and_in_its_time_zone():
    assert is_due("cron(0 12 * * ? *)", "UTC", None, NOON)
    assert not is_due("cron(0 12 * * ? *)", "UTC", NOON - timedelta(seconds=10), NOON)
    assert is_due("cron(0 12 * * ? *)", "UTC", NOON - timedelta(days=1), NOON)
    assert is_due("cron(0 13 * * ? *)", "Europe/Berlin", None, NOON)
    assert is_due("at(2026-11-23T13:00:00)", "Europe/Berlin", None, NOON)
    assert not is_due("at(2026-11-23T13:00:00)", "UTC", None, NOON)
    assert not is_due("at(2026-11-23T12:00:00)", "UTC", NOON, NOON + timedelta(days=1))
    assert is_due("rate(5 minutes)", "UTC", NOON - timedelta(minutes=5), NOON)
    assert not is_due("rate(5 minutes)", "UTC", NOON - timedelta(minutes=4), NOON)


def by_steps(kind: str, *adjustments: tuple[float | None, float | None, int], least: int = 0) -> dict[str, Any]:
    """A configuration of step scaling: bounds and adjustment of each step."""
    members = ("MetricIntervalLowerBound", "MetricIntervalUpperBound", "ScalingAdjustment")
    found = [dict(zip(members, each, strict=True)) for each in adjustments]
    return {"AdjustmentType": kind, "StepAdjustments": found, "MinAdjustmentMagnitude": least}


@pytest.mark.parametrize(
    ("current", "breach", "kind", "count"),
    [
        (0, 0, "ChangeInCapacity", 1),
        (0, 9.9, "ChangeInCapacity", 1),
        (0, 10, "ChangeInCapacity", 3),
        (2, -5, "ChangeInCapacity", 1),
        (0, -5, "ChangeInCapacity", 0),
        (7, 500, "ExactCapacity", 3),
    ],
)
def test_a_step_is_chosen_by_the_breach(current: int, breach: float, kind: str, count: int):
    configuration = by_steps(kind, (10, None, 3), (None, 0, -1), (0, 10, 1))
    check(configuration)
    assert wanted(current, breach, configuration) == count


@pytest.mark.parametrize(
    ("current", "percent", "least", "count"), [(4, 25, 0, 5), (4, 25, 2, 6), (10, 5, 0, 11), (10, -67, 0, 4)]
)
def test_a_share_of_the_capacity_is_rounded_as_documented(current: int, percent: int, least: int, count: int):
    assert wanted(current, 1, by_steps("PercentChangeInCapacity", (0, None, percent), least=least)) == count


@pytest.mark.parametrize(
    "configuration",
    [
        by_steps("ChangeInCapacity"),
        by_steps("Twice", (0, None, 1)),
        by_steps("ChangeInCapacity", (None, None, 1)),
        by_steps("ChangeInCapacity", (0, 10, 1)),
        by_steps("ChangeInCapacity", (0, 10, 1), (20, None, 2)),
        by_steps("ChangeInCapacity", (-10, None, 1)),
    ],
)
def test_steps_that_overlap_or_leave_a_gap_are_refused(configuration: dict[str, Any]):
    with pytest.raises(ServiceError):
        check(configuration)
