"""Refuses what a page in a web browser may send to this server without its user's knowledge.

The server trusts every process that reaches the loopback address, as moto does. A browser reaches it too, on behalf of
any page: by a name that the page's owner lets point to 127.0.0.1 (DNS rebinding, seen by the Host header), or by a
request from another origin (seen by Origin and Sec-Fetch-Site, which no SDK sends).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from local.aws_server.operations import RawResponse

OWN_NAMES = ("127.0.0.1", "localhost", "::1")
"""Names under localhost (`bucket.localhost`) are loopback for every browser, too (RFC 6761)."""


def refusal(environ: Mapping[str, Any]) -> RawResponse | None:
    """The answer to a request that no client of this machine makes; None for all others."""
    host, origin = environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN")
    if host and not _is_own(f"//{host}"):
        return _forbidden(f"This server answers for 127.0.0.1 and localhost, not for {host}.")
    if origin and not _is_own(origin):
        return _forbidden(f"This server answers no page of {origin}.")
    if environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        return _forbidden("This server answers no page of another site.")
    return None


def _is_own(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return name in OWN_NAMES or name.endswith(".localhost")


def _forbidden(message: str) -> RawResponse:
    return RawResponse(403, {"Content-Type": "text/plain; charset=utf-8"}, f"{message}\n".encode())
