"""One look at what a platform spends: read, decide, stop, write down."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from prices import Machines, UnknownPriceError, dollars, job_price
from prices.jobs import JobPrice
from spend_guard import jobs, memory
from spend_guard.contract import Platform, read
from spend_guard.decisions import Account, Priced, Stop, Team, account, by_team
from spend_guard.endpoints import Endpoint, Metered, endpoints

logger = logging.getLogger("spend_guard")
ENDED_BY_ITSELF = frozenset({"ValidationException", "ResourceNotFound"})
"""What SageMaker answers to the stop of a job that has ended meanwhile, or is gone."""


@dataclass(frozen=True)
class Clients:
    """The three services that the guard calls."""

    ssm: Any
    s3: Any
    sagemaker: Any


@dataclass
class Look:
    """What was seen and done. failed: what could not be done, each in a line.

    later: how many ended jobs the next look has to count, because this one has run out of time.
    """

    accounts: list[Account] = field(default_factory=list[Account])
    failed: list[str] = field(default_factory=list[str])
    later: int = 0

    def document(self) -> dict[str, Any]:
        """What the function's log and answer say."""
        return {
            "teams": {
                one.team.name: {
                    "spent_usd": float(one.spent),
                    "limit_usd": None if one.team.limit_usd is None else float(one.team.limit_usd),
                    "stopped": [stop.job.name for stop in one.stops],
                    "unpriced": list(one.unpriced),
                }
                for one in self.accounts
            },
            "failed": self.failed,
            "later": self.later,
        }


def look(clients: Clients, contract_path: str, interval_s: int, has_time: Callable[[], bool] = lambda: True) -> Look:
    """Look once.

    contract_path: where in Parameter Store the contract lies. interval_s: seconds until the next look.
    has_time: whether there is time to count one more ended job; the first look into a month of thousands may leave
        some to the next.
    """
    moment = datetime.now(UTC)
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    name = f"{month:%Y-%m}"
    platform = read(clients.ssm, contract_path)
    known = memory.load(clients.s3, platform.artifact_bucket, name)
    current, later = current_jobs(clients.sagemaker, month, known, has_time)
    served = list(endpoints(clients.sagemaker))
    mine, others = by_team((one.job for one in current), platform.teams)
    prices = {one.job.arn: one for one in current}
    hourly, by_use = _meter(platform, served, known, moment, month)
    done = Look(later=later)
    for team in platform.teams:
        own = [prices[job.arn] for job in mine.get(team.name, ())]
        seen = account(
            team,
            own,
            month=month,
            interval_s=interval_s,
            spent_before=known.spent(team.name),
            endpoints_hourly=hourly.get(team.name, Decimal(0)),
            unpriced=[*known.unpriced(team.name), *by_use.get(team.name, ())],
        )
        done.accounts.append(seen)
        for one in seen.stops:
            done.failed += _stop(clients, team, one, moment)
        _tell(clients.s3, seen, moment, name)
        _remember(known, team.name, own, month)
    _remember(known, memory.NOBODY, (prices[job.arn] for job in others), month)
    memory.save(clients.s3, platform.artifact_bucket, name, known)
    return done


def _price(region: str, machines: Iterable[Machines]) -> JobPrice | None:
    try:
        return job_price(region, machines)
    except UnknownPriceError:
        return None


def current_jobs(
    sagemaker: Any, month: datetime, known: memory.Memory, has_time: Callable[[], bool]
) -> tuple[list[Priced], int]:
    """Jobs of the month that are not remembered as ended, those that run first; and how many there was no time for."""
    found: list[Priced] = []
    later = 0
    listed = [(kind, summary) for kind in jobs.KINDS for summary in jobs.summaries(sagemaker, kind, month)]
    for kind, summary in sorted(listed, key=lambda one: one[1][f"{one[0].prefix}Status"] not in jobs.RUNNING):
        arn: str = summary[f"{kind.prefix}Arn"]
        if arn in known.ended:
            continue
        if summary[f"{kind.prefix}Status"] not in jobs.RUNNING and not has_time():
            later += 1
            continue
        job = jobs.describe(sagemaker, kind, summary[f"{kind.prefix}Name"])
        found.append(Priced(job, _price(arn.split(":")[3], job.machines)))
    return found, later


def _meter(
    platform: Platform, served: Iterable[Endpoint], known: memory.Memory, now: datetime, month: datetime
) -> tuple[dict[str, Decimal], dict[str, list[str]]]:
    """Counts endpoints up to now; dollars an hour by team, and what has no price by team."""
    names = {team.role_arn: team.name for team in platform.teams}
    hourly: dict[str, Decimal] = {}
    unpriced: dict[str, list[str]] = {}
    for one in served:
        team = names.get(one.role_arn)
        if team is None:
            continue
        price = _price(platform.region, one.machines)
        if price is None or one.by_use:
            unpriced.setdefault(team, []).append(one.name)
        rate = price.hourly if price else Decimal(0)
        hourly[team] = hourly.get(team, Decimal(0)) + rate
        begun = Metered(team=team, usd=Decimal(0), until=max(one.created, month))
        known.endpoints[one.arn] = known.endpoints.get(one.arn, begun).after(now, rate)
    return hourly, unpriced


def _stop(clients: Clients, team: Team, one: Stop, now: datetime) -> list[str]:
    """Stops a job and writes an event beside the team's ledger. What has just ended by itself is no failure."""
    logger.warning(json.dumps({"stopping": one.job.name, "team": team.name, "because": one.reason}))
    try:
        untold = jobs.stop(clients.sagemaker, one.job, one.reason)
    except ClientError as error:
        if error.response["Error"]["Code"] in ENDED_BY_ITSELF:  # pyright: ignore
            logger.warning("%s was not stopped: %s", one.job.name, error)
            return []
        return [f"{one.job.name}: {error}"]
    if untold:
        logger.warning("%s has no tag that says why it was stopped: %s", one.job.name, untold)
    event = {
        "kind": one.job.kind,
        "name": one.job.name,
        "arn": one.job.arn,
        "because": one.reason,
        "at": now.isoformat(timespec="seconds"),
    }
    bucket, prefix = _place(team)
    key = f"{prefix}/ledger/events/{one.job.kind}/{one.job.name}/{now:%Y%m%dT%H%M%S}.json"
    try:
        clients.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(event).encode(), IfNoneMatch="*")
    except ClientError as error:
        return [f"{one.job.name} was stopped, and the event not written: {error}"]
    return []


def _tell(s3: Any, seen: Account, now: datetime, month: str) -> None:
    """The team's own view of its month, which `ml plan` shows."""
    bucket, prefix = _place(seen.team)
    document = {
        "team": seen.team.name,
        "month": month,
        "at": now.isoformat(timespec="seconds"),
        "spent_usd": float(seen.spent),
        "spent": f"{dollars(seen.spent)} USD",
        "limit_usd": None if seen.team.limit_usd is None else float(seen.team.limit_usd),
        "endpoints_hourly_usd": float(seen.endpoints_hourly),
        "stopped": [{"name": stop.job.name, "because": stop.reason} for stop in seen.stops],
        "unpriced": list(seen.unpriced),
    }
    body = json.dumps(document, indent=1).encode()
    s3.put_object(Bucket=bucket, Key=f"{prefix}/spend/{month}.json", Body=body, ContentType="application/json")


def _remember(known: memory.Memory, team: str, seen: Iterable[Priced], month: datetime) -> None:
    for one in seen:
        if one.job.settled:
            usd = one.spent_since(month) if one.price else None
            known.ended[one.job.arn] = memory.Ended(team, one.job.name, usd)


def _place(team: Team) -> tuple[str, str]:
    bucket, _, prefix = team.artifact_uri.removeprefix("s3://").partition("/")
    return bucket, prefix
