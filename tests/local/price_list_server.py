"""AWS's Price List API on this machine: GetProducts with filters, pages, and what goes wrong there.

The protocol is botocore's model of `pricing` (JSON 1.1, `AWSPriceListService.GetProducts`); products are shaped as
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html shows them.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 2
"""At most so many products an answer, so that a handful of them needs several."""
TERM, RATE = "JRTCKXETXF", "6YS6EN2CT7"
"""Codes of the term on demand and of its rate, the same for all products."""
VERSION, PUBLISHED = "20261118000000", "2026-11-18T00:00:00Z"


def product(
    service: str,
    sku: str,
    unit: str,
    *tiers: tuple[str, str],
    family: str = "",
    region: str = "us-east-1",
    **attributes: str,
) -> dict[str, Any]:
    """A product. tiers: where each range of use begins, and dollars for one unit of it."""
    rates = {
        f"{sku}.{TERM}.{RATE}{number}": {
            "unit": unit,
            "beginRange": begin,
            "endRange": tiers[number + 1][0] if number + 1 < len(tiers) else "Inf",
            "description": f"${usd} per {unit}",
            "appliesTo": [],
            "rateCode": f"{sku}.{TERM}.{RATE}{number}",
            "pricePerUnit": {"USD": usd},
        }
        for number, (begin, usd) in enumerate(tiers)
    }
    # The API gives ranges in no order.
    term = {
        "priceDimensions": dict(reversed(rates.items())),
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": TERM,
        "termAttributes": {},
    }
    return {
        "product": {
            **({"productFamily": family} if family else {}),
            "attributes": {"regionCode": region, "servicecode": service, "locationType": "AWS Region", **attributes},
            "sku": sku,
        },
        "serviceCode": service,
        "terms": {"OnDemand": {f"{sku}.{TERM}": term}} if tiers else {"Reserved": {}},
        "version": VERSION,
        "publicationDate": PUBLISHED,
    }


@dataclass
class PriceLists:
    """What the server holds. refusal: an error's code that it answers with; asked: service and filters of each call."""

    products: list[dict[str, Any]]
    url: str = ""
    refusal: str = ""
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def answer(self, wanted: dict[str, Any]) -> dict[str, Any]:
        filters = {each["Field"]: each["Value"] for each in wanted["Filters"]}
        assert {each["Type"] for each in wanted["Filters"]} == {"TERM_MATCH"}
        start = int(wanted.get("NextToken") or 0)
        self.asked.append((wanted["ServiceCode"], filters, wanted.get("NextToken", "")))
        matching = [
            each
            for each in self.products
            if each["serviceCode"] == wanted["ServiceCode"]
            and all(_attribute(each, name) == value for name, value in filters.items())
        ]
        more = {"NextToken": str(start + PAGE)} if start + PAGE < len(matching) else {}
        texts = [json.dumps(each) for each in matching[start : start + PAGE]]
        return {"FormatVersion": "aws_v1", "PriceList": texts, **more}


def _attribute(one: dict[str, Any], name: str) -> str | None:
    return one["product"].get(name) if name == "productFamily" else one["product"]["attributes"].get(name)


@contextmanager
def price_list_server(products: Sequence[dict[str, Any]]) -> Iterator[PriceLists]:
    """Serves until the block ends, on a port of the system's choice."""
    held = PriceLists(list(products))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
            status, body = 200, dict[str, Any]()
            if held.refusal:
                status, body = 400, {"__type": held.refusal, "Message": "no identity-based policy allows it"}
            else:
                body = held.answer(asked)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
