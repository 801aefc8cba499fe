"""When and how far the local AWS server scales an endpoint's variant."""

from datetime import UTC, datetime, timedelta

import pytest

from local.aws_server.autoscaling.cron import CronError, fields_of, matches
from local.aws_server.autoscaling.policies import wanted_count
from local.aws_server.autoscaling.schedule import is_due

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
