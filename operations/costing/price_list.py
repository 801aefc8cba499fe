"""Reads prices from AWS's Price List API.

Each answer is a list of JSON texts, one a product with its terms; terms on demand have price dimensions, one a range of
use (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from local.errors import LocalStackError
from operations.calls import PATIENCE, code_of, is_denied
from operations.costing.products import Sheet, Wanted, is_of

HOME = "us-east-1"
"""The API answers in few regions, of all of them (https://docs.aws.amazon.com/general/latest/gr/billing.html)."""
RIGHT = "pricing:GetProducts"
SHOWN = 3


class NotToldError(LookupError):
    """The list has no price of an item that could be taken. The message says why."""


@dataclass(frozen=True)
class Found:
    """A price as the list has it. usd: dollars for one of our units. date: of publication (ISO)."""

    usd: Decimal
    date: str
    source: str


class PriceList:
    """AWS's price list, asked as a profile of the AWS configuration, or as whoever this shell is.

    Products are asked for once a region and sheet.
    """

    def __init__(self, profile: str | None = None):
        import boto3

        try:
            session = boto3.Session(profile_name=profile)
            self._client: Any = cast(Any, session).client("pricing", region_name=HOME, config=PATIENCE)
        except ProfileNotFound as error:
            raise LocalStackError(
                f"{error}.", hint="`aws configure list-profiles` shows those that there are."
            ) from None
        self._who = f"the profile {profile!r}" if profile else "whoever this shell is"
        self._sheets: dict[tuple[str, Sheet], list[dict[str, Any]]] = {}

    def find(self, region: str, wanted: Wanted) -> Found:
        """The on-demand price of a product in a region; of a graded one that of the first use that costs something.

        Raises NotToldError where none, or no single one, can be taken, and LocalStackError where nobody answers.
        """
        products = self._products(region, wanted.sheet)
        for usage in wanted.usage or ("",):
            matching = [each for each in products if not usage or is_of(_attribute(each, "usagetype"), usage)]
            prices = {(price, unit): product for product in matching for price, unit in _first_paid(product)}
            if len({price for price, _ in prices}) > 1:
                several = ", ".join(sorted(_attribute(each, "usagetype") for each in prices.values())[:SHOWN])
                raise NotToldError(f"the list has several prices of it ({several})")
            if prices:
                (price, unit), product = next(iter(prices.items()))
                if wanted.units and unit.lower() not in wanted.units:
                    raise NotToldError(
                        f"the list counts it in {unit!r}, and not in {' or '.join(sorted(wanted.units))}"
                    )
                return Found(price * wanted.times, str(product.get("publicationDate") or "")[:10], _source(product))
            if matching:
                raise NotToldError("the list has it without a price on demand")
        raise NotToldError(f"the list has no such product ({' or '.join(wanted.usage) or wanted.sheet.service})")

    def _products(self, region: str, sheet: Sheet) -> list[dict[str, Any]]:
        if (region, sheet) not in self._sheets:
            self._sheets[region, sheet] = list(self._asked(region, sheet))
        return self._sheets[region, sheet]

    def _asked(self, region: str, sheet: Sheet) -> Iterator[dict[str, Any]]:
        attributes = {"regionCode": region, **dict(sheet.attributes)}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
        pages = self._client.get_paginator("get_products").paginate(ServiceCode=sheet.service, Filters=filters)
        try:
            for page in pages:
                for text in page["PriceList"]:
                    yield json.loads(text)
        except ClientError as error:
            raise self._failure(error) from None
        except BotoCoreError as error:
            raise LocalStackError(
                f"AWS's price list could not be asked as {self._who}: {error}",
                hint=f"It takes an AWS identity that may {RIGHT}: name one with --profile. No price was changed.",
            ) from None

    def _failure(self, error: ClientError) -> LocalStackError:
        if is_denied(error):
            return LocalStackError(
                f"AWS's price list refuses {self._who}: {error}",
                hint=f"Allow {RIGHT} (on *: it has no resources), or name another --profile. No price was changed.",
            )
        return LocalStackError(
            f"AWS's price list answered {code_of(error)}: {error}", hint="Run it again later. No price was changed."
        )


def _first_paid(product: Mapping[str, Any]) -> Iterator[tuple[Decimal, str]]:
    """Dollars and unit of the lowest use that costs something, of each on-demand term: a free tier stands before it."""
    terms: Mapping[str, Mapping[str, Any]] = _part(_part(product, "terms"), "OnDemand")
    for term in terms.values():
        dimensions: Iterable[Mapping[str, Any]] = _part(term, "priceDimensions").values()
        for each in sorted(dimensions, key=lambda one: _number(one.get("beginRange"))):
            usd = _number(_part(each, "pricePerUnit").get("USD"))
            if usd > 0:
                yield usd, str(each.get("unit") or "")
                break


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return cast(Mapping[str, Any], found) if isinstance(found, Mapping) else {}


def _number(text: object) -> Decimal:
    try:
        return Decimal(str(text or "0"))
    except InvalidOperation:
        return Decimal(0)


def _attribute(product: Mapping[str, Any], name: str) -> str:
    return str(_part(_part(product, "product"), "attributes").get(name) or "")


def _source(product: Mapping[str, Any]) -> str:
    sku, version = _part(product, "product").get("sku"), product.get("version")
    usage = _attribute(product, "usagetype")
    return f"AWS Price List API: {product.get('serviceCode')} SKU {sku}, {usage}, offer version {version}"
