"""The spend guard's arithmetic: what has to be stopped, and what is left alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from prices import Machines, UnknownPriceError, job_price
from spend_guard.decisions import Account, Priced, Team, account, by_team
from spend_guard.endpoints import Metered
from spend_guard.jobs import KINDS, Job, stop
from spend_guard.look import current_jobs
from spend_guard.memory import Ended, Memory

pytestmark = pytest.mark.unit
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
INTERVAL_S = 300
ROLE = "arn:aws:iam::123456789012:role/research"
TEAM = Team(name="research", role_arn=ROLE, artifact_uri="s3://artifacts/teams/research", limit_usd=Decimal(10))
FREE = Team(name="research", role_arn=ROLE, artifact_uri="s3://artifacts/teams/research", limit_usd=None)
MACHINE = "ml.m5.xlarge"
"""0.23 dollars an hour."""


def job(name: str = "a", **fields: Any) -> Job:
    values: dict[str, Any] = {
        "kind": "training-job",
        "arn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
        "role_arn": ROLE,
        "machines": (Machines(MACHINE),),
        "created": NOON - timedelta(hours=1),
        "started": NOON - timedelta(hours=1),
        "ended": None,
        "billable_s": 3600,
        "running": True,
        "max_runtime_s": 86_400,
        "max_cost_usd": None,
        **fields,
    }
    return Job(name=name, **values)


def priced(one: Job) -> Priced:
    try:
        return Priced(one, job_price("us-east-1", one.machines))
    except UnknownPriceError:
        return Priced(one, None)


def seen(team: Team, *jobs: Job, **fields: Any) -> Account:
    return account(team, [priced(one) for one in jobs], month=MONTH, interval_s=INTERVAL_S, **fields)


def stopped(account: Account) -> dict[str, str]:
    return {one.job.name: one.reason for one in account.stops}


def test_a_job_within_its_own_limit_and_the_budget_goes_on() -> None:
    found = seen(TEAM, job(max_cost_usd=Decimal(1)))
    assert found.spent == Decimal("0.23")
    assert found.stops == ()


def test_a_job_is_stopped_before_it_passes_its_own_limit() -> None:
    # One hour has cost 0.23. Until the next look and the end of a stopped script it would cost 0.026833 more.
    assert stopped(seen(FREE, job(max_cost_usd=Decimal("0.257")))) == {}
    reason = stopped(seen(FREE, job(max_cost_usd=Decimal("0.256"))))["a"]
    assert reason == "own limit of 0.26 USD - 0.23 USD spent and the rest is gone before the next look"


def test_a_job_that_sagemaker_itself_ends_in_time_is_left_to_it() -> None:
    # `ml train --max-cost` sets the run time so: 0.23 dollars and 120 s of grace fit into 0.24.
    assert stopped(seen(FREE, job(max_runtime_s=3630, max_cost_usd=Decimal("0.24")))) == {}


def test_a_limit_on_a_price_that_nobody_knows_cannot_be_kept_so_the_job_is_stopped() -> None:
    one = job(machines=(Machines("ml.x9.large"),), max_cost_usd=Decimal(5))
    found = seen(FREE, one)
    assert "no price is known" in stopped(found)["a"]
    assert found.unpriced == ("a",)


def test_the_newest_jobs_go_when_the_months_money_does() -> None:
    jobs = [job(name, created=NOON - timedelta(hours=age), billable_s=600) for name, age in (("old", 3), ("new", 1))]
    # Each has cost 0.038333, and needs 0.026833 until the next look.
    assert stopped(seen(TEAM, *jobs, spent_before=Decimal("9.85"))) == {}
    only_new = seen(TEAM, *jobs, spent_before=Decimal("9.88"))
    assert list(stopped(only_new)) == ["new"]
    said = "budget of team research for 2026-11 is 10.00 USD - 9.96 USD spent and the rest is gone before the next look"
    assert stopped(only_new)["new"] == said
    assert set(stopped(seen(TEAM, *jobs, spent_before=Decimal("9.91")))) == {"new", "old"}


def test_what_is_stopped_keeps_the_month_within_its_budget() -> None:
    jobs = [job(f"j{n}", created=NOON - timedelta(minutes=n), billable_s=60 * n) for n in range(1, 30)]
    for spent in range(960, 1000):
        found = seen(TEAM, *jobs, spent_before=Decimal(spent) / 100)
        kept = [priced(one) for one in jobs if one.name not in stopped(found)]
        worst = found.spent + sum((one.until_next_look(INTERVAL_S) for one in kept), Decimal(0))
        assert not kept or worst <= 10


def test_a_job_that_has_not_started_is_stopped_too_when_nothing_is_left() -> None:
    waiting = job(started=None, billable_s=0)
    assert list(stopped(seen(TEAM, waiting, spent_before=Decimal(10)))) == ["a"]


def test_endpoints_are_counted_and_never_stopped() -> None:
    found = seen(TEAM, job(billable_s=0), spent_before=Decimal("9.9"), endpoints_hourly=Decimal("1.2"))
    assert list(stopped(found)) == ["a"]
    assert found.endpoints_hourly == Decimal("1.2")


def test_a_job_whose_price_nobody_knows_is_named_and_not_counted_as_nothing() -> None:
    found = seen(TEAM, job(machines=(Machines("ml.x9.large"),)), spent_before=Decimal(11))
    assert found.unpriced == ("a",)
    assert found.stops == ()  # stopping it would save nothing that anybody knows


def test_a_job_that_began_last_month_counts_with_its_part_of_this_one() -> None:
    started = MONTH - timedelta(hours=3)
    one = job(started=started, ended=MONTH + timedelta(hours=1), billable_s=4 * 3600, running=False)
    assert one.billable_since(MONTH) == 3600
    assert seen(TEAM, one).spent == Decimal("0.23")
    # On spare capacity it is charged for less than its time: each hour with the same share.
    spot = job(started=started, ended=MONTH + timedelta(hours=1), billable_s=3600, running=False)
    assert spot.billable_since(MONTH) == 900


def test_a_job_of_two_machines_costs_twice() -> None:
    assert seen(TEAM, job(machines=(Machines(MACHINE, 2),))).spent == Decimal("0.46")
    assert seen(TEAM, job(machines=(Machines(MACHINE), Machines("ml.m5.large")))).spent == Decimal("0.345")


def test_a_job_is_of_the_team_whose_role_it_runs_with_whatever_its_name_says() -> None:
    other = job("research-x", role_arn="arn:aws:iam::123456789012:role/ranking")
    mine, others = by_team([job("ranking-y"), other], [TEAM])
    assert [one.name for one in mine["research"]] == ["ranking-y"]
    assert others == [other]


def test_an_endpoint_is_metered_from_look_to_look() -> None:
    first = Metered(team="research", usd=Decimal(0), until=NOON)
    later = first.after(NOON + timedelta(minutes=30), Decimal(2))
    assert later.usd == 1
    assert later.after(NOON + timedelta(hours=1), Decimal(1)).usd == Decimal("1.5")


def test_the_names_of_the_apis_operations_follow_from_the_kind() -> None:
    assert [kind.call("list") for kind in KINDS] == [
        "list_training_jobs",
        "list_processing_jobs",
        "list_transform_jobs",
    ]
    assert KINDS[1].call("stop") == "stop_processing_job"


def test_reasons_are_made_of_characters_that_a_tag_takes() -> None:
    import re

    found = [
        *seen(TEAM, job(), spent_before=Decimal(10)).stops,
        *seen(FREE, job(max_cost_usd=Decimal("0.1"))).stops,
        *seen(FREE, job(machines=(Machines("ml.x9.large"),), max_cost_usd=Decimal(1))).stops,
    ]
    assert len(found) == 3
    for one in found:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html
        assert re.fullmatch(r"[\w\s.:/=+\-@]{1,256}", one.reason), one.reason


class FakeSageMaker:
    """Notes what is called; a tag is refused."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def add_tags(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceLimitExceeded", "Message": "50 tags"}}, "AddTags")

    def stop_training_job(self, **members: Any) -> None:
        self.stopped.append(members["TrainingJobName"])


def test_a_job_that_takes_no_more_tags_is_stopped_all_the_same() -> None:
    sagemaker = FakeSageMaker()
    assert "50 tags" in stop(sagemaker, job(), "because")
    assert sagemaker.stopped == ["a"]


class ManyJobs:
    """SageMaker with two training jobs, of which one runs."""

    def __getattr__(self, operation: str) -> Any:
        names = {"a-ended": "Completed", "b-running": "InProgress"} if "training" in operation else {}

        def summary(name: str) -> dict[str, Any]:
            return {
                "TrainingJobName": name,
                "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
                "TrainingJobStatus": names[name],
                "CreationTime": NOON,
                "TrainingStartTime": NOON,
                "TrainingEndTime": NOON,
                "BillableTimeInSeconds": 60,
                "RoleArn": ROLE,
                "ResourceConfig": {"InstanceType": MACHINE, "InstanceCount": 1},
            }

        def call(**members: Any) -> dict[str, Any]:
            if operation.startswith("list_tags"):
                return {"Tags": []}
            if operation.startswith("describe"):
                return summary(members["TrainingJobName"])
            wanted = members.get("StatusEquals")
            kind = next(kind for kind in KINDS if kind.call("list") == operation)
            return {f"{kind.prefix}Summaries": [summary(name) for name in names if wanted in (None, names[name])]}

        return call


def test_what_runs_is_looked_at_first_and_what_has_ended_while_there_is_time() -> None:
    found, later = current_jobs(ManyJobs(), MONTH, Memory(), lambda: True)
    assert ([one.job.name for one in found], later) == (["b-running", "a-ended"], 0)
    assert [one.job.settled for one in found] == [False, True]
    found, later = current_jobs(ManyJobs(), MONTH, Memory(), lambda: False)
    assert ([one.job.name for one in found], later) == (["b-running"], 1)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/a-ended"
    known = Memory(ended={arn: Ended("research", "a-ended", Decimal(1))})
    assert current_jobs(ManyJobs(), MONTH, known, lambda: False)[1] == 0
    assert known.spent("research") == 1
