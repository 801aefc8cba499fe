"""When a monitoring schedule of the local SageMaker runs, and what time it looks at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.aws_server.sagemaker.monitoring_times import ScheduleError, check, duration, hours_of, newest, window

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("cron(0 * ? * * *)", tuple(range(24))),
        ("cron(0 12 ? * * *)", (12,)),
        ("cron(0 00 ? * * *)", (0,)),
        ("cron(0 17/12 ? * * *)", (17,)),
        ("cron(0 0/2 ? * * *)", tuple(range(0, 24, 2))),
        ("NOW", ()),
    ],
)
def test_the_expressions_that_sagemaker_names_are_read(expression: str, hours: tuple[int, ...]):
    assert hours_of(expression) == hours


@pytest.mark.parametrize(
    "expression", ["cron(5 * ? * * *)", "cron(0 24 ? * * *)", "rate(1 hour)", "cron(0 0/0 ? * * *)"]
)
def test_another_expression_is_refused(expression: str):
    with pytest.raises(ScheduleError, match=r"must be NOW, cron\(0 \* "):
        hours_of(expression)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ScheduleExpression": "NOW"}, "NOW needs both"),
        ({"ScheduleExpression": "cron(0 * ? * * *)", "DataAnalysisStartTime": "-PT1H"}, "go together"),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT25H", "DataAnalysisEndTime": "PT0H"},
            "24 hours at most",
        ),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT2H"},
            "must precede",
        ),
        ({"ScheduleExpression": "NOW", "DataAnalysisStartTime": "1h", "DataAnalysisEndTime": "PT0H"}, "no ISO 8601"),
    ],
)
def test_a_window_that_breaks_a_rule_is_refused(config: dict[str, Any], words: str):
    with pytest.raises(ScheduleError, match=words):
        check(config, None)


def test_an_hourly_job_ends_before_the_next_begins():
    check({"ScheduleExpression": "cron(0 * ? * * *)"}, 3600)
    with pytest.raises(ScheduleError, match="cannot exceed the frequency"):
        check({"ScheduleExpression": "cron(0 * ? * * *)"}, 3601)


def test_of_the_times_that_passed_the_newest_alone_is_run():
    full = NOON.replace(minute=0)
    assert newest("cron(0 * ? * * *)", NOON - timedelta(days=3), NOON) == full
    assert newest("cron(0 * ? * * *)", full, NOON) is None
    assert newest("cron(0 9 ? * * *)", NOON - timedelta(hours=4), NOON) == full.replace(hour=9)
    assert newest("cron(0 9 ? * * *)", NOON - timedelta(hours=3), NOON) is None
    assert newest("cron(0 13 ? * * *)", NOON - timedelta(days=2), NOON) == full.replace(hour=13) - timedelta(days=1)
    assert newest("NOW", NOON - timedelta(days=3), NOON) is None


def test_a_run_looks_at_the_time_since_the_one_before_or_at_what_its_offsets_say():
    full = NOON.replace(minute=0)
    assert window({"ScheduleExpression": "cron(0 * ? * * *)"}, full) == (full - timedelta(hours=1), full)
    assert window({"ScheduleExpression": "cron(0 12 ? * * *)"}, full) == (full - timedelta(days=1), full)
    offsets = {"DataAnalysisStartTime": "-PT5H30M", "DataAnalysisEndTime": "-PT1H"}
    assert window({"ScheduleExpression": "NOW", **offsets}, NOON) == (
        NOON - timedelta(hours=5, minutes=30),
        NOON - timedelta(hours=1),
    )
    assert duration("-P1DT2H3M4S") == -timedelta(days=1, hours=2, minutes=3, seconds=4)
