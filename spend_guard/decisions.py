"""Which jobs have to be stopped: arithmetic alone, no call of AWS.

The guard looks every few minutes, so it must stop a job before the money is gone: what runs until the next look, and
the time that a stopped script may take, are counted in advance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from prices import STOP_GRACE_S, JobPrice, dollars
from spend_guard.jobs import Job

_NOTHING = Decimal(0)
BEFORE = "and the rest is gone before the next look"


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team. role_arn: what its jobs run with. limit_usd: dollars a month, None for no limit.

    artifact_uri: the prefix of the artifact bucket that belongs to it.
    """

    name: str
    role_arn: str
    artifact_uri: str
    limit_usd: Decimal | None


@dataclass(frozen=True)
class Priced:
    """A job and what it costs. price: None where the price list has none."""

    job: Job
    price: JobPrice | None

    def spent(self) -> Decimal:
        """Dollars so far, in its whole life."""
        return self.price.cost(self.job.billable_s) if self.price else _NOTHING

    def spent_since(self, moment: datetime) -> Decimal:
        """Dollars from a moment on."""
        return self.price.cost(self.job.billable_since(moment)) if self.price else _NOTHING

    def until_next_look(self, interval_s: int) -> Decimal:
        """The most that it may still cost if it is only stopped at the next look: its end by SageMaker's own limit
        may come before."""
        if self.price is None:
            return _NOTHING
        left = max(self.job.max_runtime_s - self.job.billable_s, 0)
        return self.price.cost(min(interval_s, left) + STOP_GRACE_S)


@dataclass(frozen=True)
class Stop:
    """A job that has to be stopped, and why, in words that a tag of SageMaker takes."""

    job: Job
    reason: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """A team's month.

    spent: dollars so far. endpoints_hourly: dollars an hour of its endpoints, which are counted and never stopped.
    stops: what has to be stopped. unpriced: names of what costs something that nobody knows.
    """

    team: Team
    spent: Decimal
    endpoints_hourly: Decimal
    stops: tuple[Stop, ...]
    unpriced: tuple[str, ...]


def account(
    team: Team,
    jobs: Sequence[Priced],
    *,
    month: datetime,
    interval_s: int,
    spent_before: Decimal = _NOTHING,
    endpoints_hourly: Decimal = _NOTHING,
    unpriced: Iterable[str] = (),
) -> Account:
    """A team's month and what has to be stopped in it.

    jobs: those whose cost is not in `spent_before` yet; what runs is always among them. month: its first moment, UTC.
    """
    spent = spent_before + sum((one.spent_since(month) for one in jobs), _NOTHING)
    stops = {stop.job.arn: stop for stop in own_limits(jobs, interval_s)}
    running = [one for one in jobs if one.job.running and one.job.arn not in stops]
    if team.limit_usd is not None:
        standing = endpoints_hourly * interval_s / 3600
        for stop in over_budget(team, running, spent + standing, team.limit_usd, f"{month:%Y-%m}", interval_s):
            stops[stop.job.arn] = stop
    nameless = [one.job.name for one in jobs if one.price is None]
    return Account(
        team=team,
        spent=spent,
        endpoints_hourly=endpoints_hourly,
        stops=tuple(stops.values()),
        unpriced=(*unpriced, *nameless),
    )


def own_limits(jobs: Iterable[Priced], interval_s: int) -> list[Stop]:
    """Jobs that would pass their own limit before the next look.

    Where SageMaker's limit on the run time keeps to it, as `ml train` sees to, there is nothing to do.
    """
    found: list[Stop] = []
    for one in jobs:
        limit = one.job.max_cost_usd
        if limit is None or not one.job.running:
            continue
        if one.price is None:
            found.append(Stop(one.job, f"own limit of {dollars(limit)} USD - no price is known of its machines"))
        elif one.price.most(one.job.max_runtime_s) > limit and one.spent() + one.until_next_look(interval_s) > limit:
            reason = f"own limit of {dollars(limit)} USD - {dollars(one.spent())} USD spent {BEFORE}"
            found.append(Stop(one.job, reason))
    return found


def over_budget(
    team: Team, running: Sequence[Priced], spent: Decimal, limit: Decimal, month: str, interval_s: int
) -> list[Stop]:
    """The newest jobs, as many as have to go so that what is left keeps to the limit until the next look."""
    needed = sum((one.until_next_look(interval_s) for one in running), _NOTHING)
    found: list[Stop] = []
    for one in sorted(running, key=lambda each: each.job.created, reverse=True):
        if spent + needed <= limit:
            break
        if one.price is None:
            continue  # stopping it saves nothing that anybody knows
        needed -= one.until_next_look(interval_s)
        said = f"budget of team {team.name} for {month} is {dollars(limit)} USD - {dollars(spent)} USD spent"
        reason = f"{said} {BEFORE}"
        found.append(Stop(one.job, reason))
    return found


def by_team(jobs: Iterable[Job], teams: Iterable[Team]) -> tuple[Mapping[str, list[Job]], list[Job]]:
    """Jobs by the name of the team whose role they run with, and those of no team."""
    names = {team.role_arn: team.name for team in teams}
    found: dict[str, list[Job]] = {}
    others: list[Job] = []
    for job in jobs:
        (found.setdefault(names[job.role_arn], []) if job.role_arn in names else others).append(job)
    return found, others
