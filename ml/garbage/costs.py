"""What things cost, from the platform's price list; what it does not know is said, and never counted as nothing."""

from dataclasses import dataclass

from ml.garbage.things import Thing
from prices import HOURS_A_MONTH, Catalogue, UnknownPriceError

GB = 2**30
"""S3 counts a gigabyte as 2^30 bytes (https://aws.amazon.com/s3/faqs/)."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Dollars a month, as long as it stays. known: whether every price is. note: which is not."""

    usd_month: float
    known: bool = True
    note: str = ""

    @property
    def text(self) -> str:
        """As people read it."""
        if not self.known:
            return "unknown"
        return f"{self.usd_month:,.2f} USD a month" if self.usd_month >= 0.005 else "nothing"


def cost_of(thing: Thing, region: str) -> Cost:
    """What a thing costs a month: its machines by the hour, its bytes in S3."""
    prices = Catalogue.load()
    total, notes = 0.0, list[str]()
    for instance_type, count in thing.instances:
        try:
            total += float(prices.hourly(region, instance_type).usd) * count * HOURS_A_MONTH
        except UnknownPriceError as error:
            notes.append(str(error))
    if thing.size:
        try:
            total += float(prices.price(region, "s3:standard").usd) * thing.size / GB
        except UnknownPriceError as error:
            notes.append(str(error))
    return Cost(usd_month=total, known=not notes, note=" ".join(notes))
