"""What every path of the server does with HTTP: reads a body within limits, and writes an answer."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ml.serving.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

CLOSE: Headers = ((b"connection", b"close"),)


class Disconnected(Exception):  # noqa: N818 - no error of ours
    """The client went away before its body was complete."""


def header(headers: dict[bytes, bytes], name: bytes) -> str:
    """A header's value; empty where it is not there."""
    return headers.get(name, b"").decode("latin-1")


async def read_body(headers: dict[bytes, bytes], receive: Receive, limit: int, timeout_s: float) -> bytes:
    """The whole body. Raises RequestError 413 or 408, or Disconnected."""
    declared = headers.get(b"content-length")
    if declared is not None and int(declared) > limit:
        raise too_large(limit, int(declared))
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                if not message.get("more_body"):
                    return b"".join((*parts, part)) if parts else part
                parts.append(part)
    except TimeoutError:
        message = f"The body was not complete after {timeout_s:g} s."
        raise RequestError(408, "REQUEST_TIMEOUT", message, headers=CLOSE) from None


async def discard(receive: Receive) -> None:
    """Read the rest of a body that nobody wants."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def too_large(limit: int, declared: int | None = None) -> RequestError:
    """The 413 for a body of so many bytes."""
    has = f"has {declared} bytes" if declared is not None else "is too large"
    message = f"The body {has}; the most is {limit} bytes. Send fewer rows at once."
    return RequestError(413, "REQUEST_TOO_LARGE", message, expected=f"at most {limit} bytes", headers=CLOSE)


def too_many(limit: int) -> RequestError:
    """The 429 while so many requests are being answered."""
    message = f"{limit} requests are being answered already, the most that this server takes at once; try again."
    return RequestError(429, "REQUEST_LIMIT_EXCEEDED", message, headers=((b"retry-after", b"1"),))
