"""The load generator: one process, keep-alive connections, a closed loop a connection.

It is the same for every server that it measures and uses the standard library alone. Every connection sends its next
request when the answer to the last one is complete, so the concurrency is the number of connections. Every answer is
checked (status and body), because a fast error is no result.

    python -m bench.load --port 8080 --path /invocations --content-type text/csv --body row.csv --connections 10 \\
        --seconds 5
"""

import argparse
import asyncio
import gc
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What one run of the load generator saw.

    requests: answers completed within the measured time. errors: answers that were not the expected one, and lost
    connections. seconds: measured time, without warm-up. p50_ms, p99_ms: nearest-rank percentiles of the latency
    between the first byte sent and the last byte received.
    """

    connections: int
    requests: int
    errors: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    first_error: str = ""


class Connection(asyncio.Protocol):
    """One keep-alive connection that repeats one request until it is told to stop."""

    def __init__(self, request: bytes, expected: bytes) -> None:
        self.request = request
        self.expected = expected
        self.latencies: list[tuple[float, float]] = []
        self.errors: list[str] = []
        self.stopping = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._end = 0
        self._body_at = 0
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._buffer, self._end = b"", 0
        self._sent = time.perf_counter()
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._end and not self._parse_head():
            return
        if len(self._buffer) < self._end:
            return
        now = time.perf_counter()
        if self._buffer[9:12] == b"200" and self.expected in self._buffer[self._body_at :]:
            self.latencies.append((now, now - self._sent))
        else:
            self.errors.append(self._buffer[:300].decode(errors="replace"))
        if self.stopping:
            assert self._transport is not None
            self._transport.close()
        else:
            self._send()

    def _parse_head(self) -> bool:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return False
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        self._body_at = head_end + 4
        self._end = self._body_at + length
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopping:
            self.errors.append(f"connection lost: {exc}")
        if not self.closed.done():
            self.closed.set_result(None)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of an ascending sequence; NaN where it is empty. share: 0 to 1."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def generate(
    host: str, port: int, request: bytes, expected: bytes, connections: int, seconds: float, warmup: float
) -> LoadResult:
    """Put `connections` closed loops of load on one server.

    request: the whole HTTP request. expected: bytes that each answer's body must hold. seconds, warmup: measured time
    and the time before it that is not measured, s.
    """
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(request, expected), host, port)
        made.append(connection)
    await asyncio.sleep(warmup)
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    end = time.perf_counter()
    for connection in made:
        connection.stopping = True
    await asyncio.wait([connection.closed for connection in made], timeout=10)
    within = sorted(taken for connection in made for at, taken in connection.latencies if begin <= at <= end)
    errors = [error for connection in made for error in connection.errors]
    return LoadResult(
        connections=connections,
        requests=len(within),
        errors=len(errors),
        seconds=end - begin,
        requests_per_second=len(within) / (end - begin),
        p50_ms=1000 * percentile(within, 0.50),
        p99_ms=1000 * percentile(within, 0.99),
        first_error=errors[0] if errors else "",
    )


def http_request(host: str, port: int, path: str, content_type: str, body: bytes) -> bytes:
    """A keep-alive POST with the headers that a plain client sends."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: groundwork-bench\r\nAccept: */*\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load that the command line asks for and print its LoadResult as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/invocations")
    parser.add_argument("--content-type", default="text/csv")
    parser.add_argument("--body", type=Path, required=True, help="file with the request's body")
    parser.add_argument("--expect", default="", help="text that every answer's body must hold")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    options = parser.parse_args(argv)
    gc.disable()  # its pauses here would be measured as the server's
    request = http_request(options.host, options.port, options.path, options.content_type, options.body.read_bytes())
    result = asyncio.run(
        generate(
            options.host,
            options.port,
            request,
            options.expect.encode(),
            options.connections,
            options.seconds,
            options.warmup,
        )
    )
    print(json.dumps(asdict(result)))
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main())
