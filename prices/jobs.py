"""What a managed job costs by the hour, and how long a sum of money lasts.

Shared by `ml`, which bounds a job before it starts, and by the spend guard, which watches it from outside.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from prices.catalogue import Catalogue, Price

STOP_GRACE_S = 120
"""Seconds that a stopped job's script may still take, and that are charged: SageMaker sends SIGTERM and waits 120 s
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html)."""
LEAST_RUNTIME_S = 60
"""A shorter run is refused: nothing trains in it."""
CENT = Decimal("0.01")
_HOUR = Decimal(3600)


@dataclass(frozen=True)
class Machines:
    """Machines of one type. count: how many."""

    type: str
    count: int = 1


@dataclass(frozen=True)
class JobPrice:
    """What all machines of a job or endpoint cost an hour, on demand; disks are charged besides.

    lines: the machines with the row of the price list that each of them costs.
    """

    lines: tuple[tuple[Machines, Price], ...]

    @property
    def hourly(self) -> Decimal:
        """Dollars an hour."""
        return sum((price.usd * machines.count for machines, price in self.lines), Decimal(0))

    def cost(self, seconds: float) -> Decimal:
        """Dollars for so many seconds; AWS bills each second."""
        return self.hourly * Decimal(str(seconds)) / _HOUR

    def most(self, max_runtime_s: int) -> Decimal:
        """The most that a job with this limit costs: it may take STOP_GRACE_S more when it is stopped."""
        return self.cost(max_runtime_s + STOP_GRACE_S)

    def lasts(self, usd: Decimal) -> int:
        """Whole seconds that the money lasts."""
        return int((usd * _HOUR / self.hourly).to_integral_value(ROUND_DOWN))

    def runtime_for(self, usd: Decimal) -> int:
        """The limit on a job's run time, in seconds, with which it costs at most so much; negative where none does."""
        return self.lasts(usd) - STOP_GRACE_S


def job_price(region: str, machines: Iterable[Machines], catalogue: Catalogue | None = None) -> JobPrice:
    """The price of machines. Raises UnknownPriceError where one of them has none.

    Training, processing and hosting cost the same by the hour (as one bill of AWS's own samples shows for
    ml.m5.xlarge: https://github.com/aws-samples/sagemaker-ssh-helper/blob/main/Sample_Costs.md).
    """
    prices = catalogue or Catalogue.load()
    return JobPrice(tuple((one, prices.hourly(region, one.type)) for one in machines))


def dollars(usd: Decimal) -> str:
    """An amount as people write it: cents, and more digits below one cent. Rounded up: it is never said too low."""
    step = CENT if usd >= CENT or usd == 0 else Decimal("0.0001")
    return f"{usd.quantize(step, ROUND_UP)}"
