"""What a job costs at most, and the run time that keeps it there."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any

from ml.errors import SpecError
from ml.progress import duration
from ml.spec import JobSpec
from platform_contract import PlatformContract
from prices import LEAST_RUNTIME_S, STOP_GRACE_S, Catalogue, JobPrice, Machines, UnknownPriceError, dollars, job_price

DEFAULT_MAX_RUNTIME_S = 24 * 3600
MAX_COST_TAG = "groundwork:max-cost-usd"
"""Tag of a job with the most that it may cost. The platform's spend guard stops a job that would pass it."""
MAX_COST = "max_cost"
"""What bounds a run whose time follows from its money; the value of LIMIT_TAG then."""
LIMIT_TAG = "groundwork:run-time-from"
"""Tag of a job with the field that its longest run time comes from, where that is max_cost."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a job costs by the hour and at most.

    price: None where the list has none; `unknown` then says which.
    spot_hourly: dollars an hour on spare capacity, None where nobody knows; `spot_unknown` then says why.
    max_runtime_s: the limit that SageMaker is given. bounded_by: the field that it comes from.
    check_usd: what the check of its data costs at most, on a machine of its own; 0 without one, None without a price.
    max_cost_usd: what check and job together may cost. arithmetic: how the limit follows from it.
    """

    region: str
    machines: Machines
    price: JobPrice | None
    unknown: str
    spot_hourly: Decimal | None
    spot_unknown: str
    max_runtime_s: int
    bounded_by: str
    check_usd: Decimal | None
    max_cost_usd: Decimal | None
    arithmetic: str = ""

    @property
    def most_usd(self) -> Decimal | None:
        """Dollars that the job and the check of its data cost at most, disks left out; None without a price."""
        if self.price is None or self.check_usd is None:
            return None
        return self.price.most(self.max_runtime_s) + self.check_usd

    @property
    def hourly(self) -> Decimal | None:
        """Dollars an hour of all machines on demand, None without a price."""
        return self.price.hourly if self.price else None

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it; amounts are dollars."""
        source = self.price.lines[0][1] if self.price else None
        return {
            "hourly_usd": _number(self.hourly),
            "spot_hourly_usd": _number(self.spot_hourly),
            "most_usd": _number(self.most_usd),
            "check_most_usd": _number(self.check_usd),
            "max_cost_usd": _number(self.max_cost_usd),
            "max_runtime_seconds": self.max_runtime_s,
            "bounded_by": self.bounded_by,
            "arithmetic": self.arithmetic,
            "price_date": source.date if source else None,
            "price_source": source.source if source else None,
            "unknown": [text for text in (self.unknown, self.spot_unknown) if text],
        }


def job_cost(spec: JobSpec, contract: PlatformContract, catalogue: Catalogue | None = None) -> Cost:
    """The cost of a job. Raises SpecError where its limits cannot be kept: `max_runtime` beyond the platform's own,
    `max_cost` without a price, or too little money for a minute of work."""
    prices = catalogue or Catalogue.load()
    region, machines = contract.platform.region, Machines(spec.instance.type, spec.instance.count)
    try:
        price, unknown = job_price(region, [machines], prices), ""
    except UnknownPriceError as error:
        price, unknown = None, str(error)
    check, check_unknown = _check(spec, region, prices)
    unknown = "\n".join(text for text in (unknown, check_unknown) if text)
    seconds, bounded_by = _max_runtime(spec, contract)
    max_cost = None if spec.max_cost is None else Decimal(str(spec.max_cost))
    arithmetic = ""
    if max_cost is not None:
        if price is None or check is None:
            raise SpecError(_cannot_be_kept(max_cost, unknown, region, prices))
        left = max_cost - check
        allowed = _allowed(max_cost, check, price, machines)
        checked = f", less {dollars(check)} USD for the check of the data," if check else ""
        arithmetic = (
            f"{dollars(max_cost)} USD{checked} last {price.lasts(left)} s at {_plain(price.hourly)} USD an hour; less "
            f"the {STOP_GRACE_S} s that a stopped script may take, {allowed} s"
        )
        if allowed < seconds:
            seconds, bounded_by = allowed, MAX_COST
    spot, spot_unknown = _spot(region, machines, prices)
    return Cost(
        region=region,
        machines=machines,
        price=price,
        unknown=unknown,
        spot_hourly=spot,
        spot_unknown=spot_unknown,
        max_runtime_s=seconds,
        bounded_by=bounded_by,
        check_usd=check,
        max_cost_usd=max_cost,
        arithmetic=arithmetic,
    )


def cost_line(spec: JobSpec, cost: Cost) -> str:
    """The price in one line."""
    machines = f"{cost.machines.count} × {cost.machines.type}"
    limit = f"for at most {duration(cost.max_runtime_s)} ({cost.bounded_by})"
    if cost.price is None or cost.most_usd is None:
        return f"{machines} {limit}; its price is not known: {cost.unknown}"
    limit += ", and the check of its data" if cost.check_usd else ""
    spot = " or less, as spot" if spec.spot else ""
    return f"{machines} {limit}: {cost.price.hourly:f} USD an hour{spot}, at most {dollars(cost.most_usd)} USD."


def _max_runtime(spec: JobSpec, contract: PlatformContract) -> tuple[int, str]:
    limit = contract.training.max_runtime_seconds
    if spec.max_runtime:
        if spec.max_runtime > limit:
            raise SpecError(
                f"max_runtime: {spec.max_runtime} s; the platform allows {limit} s ({limit / 3600:g} hours)"
            )
        return spec.max_runtime, "max_runtime"
    wait = spec.spot.max_wait if spec.spot else DEFAULT_MAX_RUNTIME_S
    return min(limit, wait), "the platform's limit" if limit <= wait else "spot.max_wait" if spec.spot else "a day"


def _check(spec: JobSpec, region: str, prices: Catalogue) -> tuple[Decimal | None, str]:
    """What the check of the data costs at most, and why that is not known."""
    if spec.validation is None:
        return Decimal(0), ""
    try:
        price = job_price(region, [Machines(spec.validation.instance.type)], prices)
    except UnknownPriceError as error:
        return None, str(error)
    return price.most(spec.validation.max_runtime), ""


def _allowed(max_cost: Decimal, check: Decimal, price: JobPrice, machines: Machines) -> int:
    left = max(max_cost - check, Decimal(0))
    allowed = price.runtime_for(left)
    if allowed < LEAST_RUNTIME_S:
        least = (price.most(LEAST_RUNTIME_S) + check).quantize(Decimal("0.01"), ROUND_UP)
        checked = f", of which the check of the data may take {dollars(check)} USD," if check else ""
        raise SpecError(
            f"max_cost: {_plain(max_cost)} USD{checked} last {price.lasts(left)} s of {machines.count} × "
            f"{machines.type} at {_plain(price.hourly)} USD an hour. Less the {STOP_GRACE_S} s that a stopped script "
            f"may take, {max(allowed, 0)} s are left, and {LEAST_RUNTIME_S} s is the least. Allow {least} USD or more."
        )
    return allowed


def _cannot_be_kept(max_cost: Decimal, unknown: str, region: str, prices: Catalogue) -> str:
    known = sorted(
        price.item.removeprefix("sagemaker:")
        for price in prices.all()
        if price.region == region and price.item.startswith("sagemaker:ml.")
    )
    return (
        f"max_cost: {_plain(max_cost)} USD cannot be kept: {unknown}\n"
        f"  with a price in {region}: {', '.join(known) or 'none'}\n"
        "  Take one of these, add the row to prices/data/sagemaker.csv with its source, or leave max_cost out."
    )


def _spot(region: str, machines: Machines, prices: Catalogue) -> tuple[Decimal | None, str]:
    """What spare capacity costs. AWS sets it by the hour and publishes no list, so it is known where somebody has
    entered it, as `sagemaker-spot:<type>`."""
    try:
        return prices.price(region, f"sagemaker-spot:{machines.type}").usd * machines.count, ""
    except UnknownPriceError:
        return None, f"There is no spot price of {machines.type} in {region}; it is at most the one on demand."


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
