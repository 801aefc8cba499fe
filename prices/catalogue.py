"""The price list: files in `data/`, one row a price, each with its region, unit, date and source."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
AUTO_MODE_FEE = "eks-auto-mode:"
AUTO_MODE_SHARE = "eks:auto-mode-share"
HOURS_A_MONTH = 730
"""What AWS's own calculator takes a month for (365 × 24 / 12)."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """One row.

    item: what is sold, such as `ec2:g5.xlarge` or `nat:gateway`.
    usd: dollars per unit, without taxes, discounts and free tiers.
    unit: `hour`, `month`, `GB`, `GB-month`, `percent` of the instance's price, `10M samples` and the like.
    date: day on which the source showed it (ISO).
    source: where it was read.
    """

    region: str
    item: str
    usd: Decimal
    unit: str
    date: str
    source: str


class UnknownPriceError(LookupError):
    """There is no such price in the list. The message says which, and what is known instead."""


class Catalogue:
    """Prices by region and item."""

    def __init__(self, prices: Iterable[Price]):
        self._prices: dict[tuple[str, str], Price] = {}
        for price in prices:
            if (price.region, price.item) in self._prices:
                raise ValueError(f"The price of {price.item} in {price.region} is there twice.")
            self._prices[price.region, price.item] = price

    @staticmethod
    @cache
    def load() -> "Catalogue":
        """The prices that ship with this project."""
        return Catalogue(price for file in sorted(DATA.glob("*.csv")) for price in read(file))

    def price(self, region: str, item: str) -> Price:
        """The price of an item. Raises UnknownPriceError: a price that nobody knows is never 0."""
        if item.startswith(AUTO_MODE_FEE):
            return self._auto_mode_fee(region, item)
        price = self._prices.get((region, item))
        if price is None:
            elsewhere = [other.region for other in self._prices.values() if other.item == item]
            known = f"; it is known for {', '.join(elsewhere)}" if elsewhere else ""
            raise UnknownPriceError(f"There is no price of {item} in {region}{known}.")
        return price

    def _auto_mode_fee(self, region: str, item: str) -> Price:
        """EKS charges for a node that it manages a share of the machine's on-demand price, by the hour."""
        share = self.price(region, AUTO_MODE_SHARE)
        machine = self.price(region, f"ec2:{item.removeprefix(AUTO_MODE_FEE)}")
        return Price(
            region=region,
            item=item,
            usd=machine.usd * share.usd / 100,
            unit=machine.unit,
            date=min(share.date, machine.date),
            source=f"{share.usd} % of {machine.item}; {share.source}",
        )

    def hourly(self, region: str, instance_type: str) -> Price:
        """The on-demand price of an instance by the hour; a name that starts with `ml.` is SageMaker's."""
        service = "sagemaker" if instance_type.startswith("ml.") else "ec2"
        return self.price(region, f"{service}:{instance_type}")

    def all(self) -> tuple[Price, ...]:
        """Every price."""
        return tuple(self._prices.values())


def read(file: Path) -> Iterable[Price]:
    """The prices of one file."""
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            yield Price(
                region=row["region"],
                item=row["item"],
                usd=Decimal(row["usd"]),
                unit=row["unit"],
                date=row["date"],
                source=row["source"],
            )


def gpu_hour_prices(region: str, gpus: Mapping[str, int], catalogue: Catalogue | None = None) -> dict[str, float]:
    """Dollars that one GPU costs an hour, by instance type, from the on-demand price of the whole machine.

    gpus: instance type to the number of its GPUs. Types without a price are left out.
    """
    prices = catalogue or Catalogue.load()
    result: dict[str, float] = {}
    for instance_type, count in gpus.items():
        try:
            result[instance_type] = round(float(prices.hourly(region, instance_type).usd) / count, 6)
        except UnknownPriceError:
            continue
    return result
