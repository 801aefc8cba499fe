"""Compares the price list with AWS's, and writes what differs into its files."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from local.errors import LocalStackError
from operations.costing.price_list import Found, NotToldError, PriceList
from operations.costing.products import UNLISTED, wanted
from prices import Price
from prices.catalogue import read

COLUMNS = ("region", "item", "usd", "unit", "date", "source")
UNITS = {"ec2": "hour", "sagemaker": "hour", "rds": "hour", "grafana": "month"}
"""Units of items that the list has no row of yet, by their service."""
MOST_TIMES = 3
"""A price that became so many times as much, or as little, is more likely another product's or in another unit."""


@dataclass(frozen=True)
class Told:
    """A row with what AWS says of it. was: None where the row is new. file: where it stands."""

    was: Decimal | None
    now: Price
    file: Path

    @property
    def differs(self) -> bool:
        """Whether the price is another."""
        return self.was != self.now.usd


@dataclass(frozen=True)
class Left:
    """A row that stays as it is, and why."""

    region: str
    item: str
    reason: str


@dataclass(frozen=True)
class Refresh:
    """What a comparison came to."""

    told: tuple[Told, ...]
    left: tuple[Left, ...]

    @property
    def differing(self) -> tuple[Told, ...]:
        """Rows whose price is another, or that are new."""
        return tuple(each for each in self.told if each.differs)


def compare(
    folder: Path,
    asked: PriceList,
    regions: Iterable[str],
    added: Iterable[str],
    tell: Callable[[str], None],
    *,
    accept: bool = False,
) -> Refresh:
    """Asks for every row of these regions. A region without rows gets those of the others; no region means all.

    added: items to look for besides. accept: take prices that differ by more than MOST_TIMES too.
    Raises LocalStackError where nobody answers.
    """
    rows = [(file, price) for file in sorted(folder.glob("*.csv")) for price in read(file)]
    here = {(price.region, price.item): (file, price) for file, price in rows}
    anywhere = {price.item: (file, price) for file, price in rows}
    for item in added:
        if item not in anywhere:
            anywhere[item] = _new(folder, item)
    told: list[Told] = []
    left: list[Left] = []
    for region in list(regions) or sorted({price.region for _, price in rows}):
        for number, (item, (file, price)) in enumerate(anywhere.items()):
            tell(f"{region}: {number} of {len(anywhere)}")
            old = here.get((region, item))
            try:
                found = _found(asked, region, item)
                was = old[1].usd if old else None
                _plausible(was, found.usd, accept=accept)
            except NotToldError as error:
                left.append(Left(region, item, str(error)))
                continue
            now = replace(price, region=region, usd=found.usd, date=found.date, source=found.source)
            told.append(Told(was, now, file))
    return Refresh(tuple(told), tuple(left))


def write(refresh: Refresh) -> list[Path]:
    """Writes the rows that AWS told into their files, new ones last; all other lines stay. Raises LocalStackError."""
    files = sorted({each.file for each in refresh.told})
    for file in files:
        changed = {(each.now.region, each.now.item): each for each in refresh.told if each.file == file}
        try:
            text = _rewritten(file.read_text(encoding="utf-8") if file.exists() else f"{','.join(COLUMNS)}\n", changed)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LocalStackError(f"{file} could not be written: {error.strerror}.") from None
    return files


def _found(asked: PriceList, region: str, item: str) -> Found:
    if reason := UNLISTED.get(item):
        raise NotToldError(reason)
    product = wanted(item)
    if product is None:
        raise NotToldError("nobody has entered which product it is (operations/costing/products.py)")
    return asked.find(region, product)


def _plausible(was: Decimal | None, now: Decimal, *, accept: bool) -> None:
    if was and not accept and not was / MOST_TIMES <= now <= was * MOST_TIMES:
        raise NotToldError(f"it was {was:f} and would be {now:f}: --accept-large takes it")


def _new(folder: Path, item: str) -> tuple[Path, Price]:
    service = item.split(":")[0]
    unit = UNITS.get(service)
    if wanted(item) is None or unit is None:
        raise LocalStackError(
            f"{item!r} is no item that a price could be looked up for.",
            hint="There is ec2:TYPE, sagemaker:ml.TYPE, rds:ENGINE:CLASS:single-az or :multi-az, grafana:active-user.",
        )
    file = folder / (f"{service}.csv" if service in ("ec2", "sagemaker") else "services.csv")
    return file, Price(region="", item=item, usd=Decimal(0), unit=unit, date="", source="")


def _rewritten(text: str, changed: dict[tuple[str, str], Told]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    waiting = dict(changed)
    for line in csv.reader(io.StringIO(text)):
        told = waiting.pop((line[0], line[1]), None)
        # The same price keeps its digits: only where and when it was read is new.
        writer.writerow(_row(told, line[2]) if told else line)
    writer.writerows(_row(told, "") for told in waiting.values())
    return out.getvalue()


def _row(told: Told, usd: str) -> list[str]:
    now = told.now
    return [now.region, now.item, f"{now.usd.normalize():f}" if told.differs else usd, now.unit, now.date, now.source]
