"""What validation, masking, capture of every request and metrics cost the inference server."""

import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from bench.environments import ROOT, say
from bench.intervals import CONFIDENCE, Median, median_of
from bench.models import save_iris
from bench.report import Goal, Report
from bench.servers import Server, started
from bench.serving import measured
from local.supervisor.ports import free_port

CONNECTIONS = (1, 10)
DECIDING = 10
"""The concurrency of the goals: measured in every round, the other in every eighth."""
WARMUP_S = 0.25
_SETTLE_S = 0.3
"""After a round, until what was captured in it has been encoded: that is no cost of the next."""
MOST_COST = 0.10
ROW = b"5.1,3.5,1.4,0.2\n"
ON = "with validation, masking, capture of all, metrics"
OFF = "without"


class _Bucket(BaseHTTPRequestHandler):
    """Takes files as S3 does, and counts their lines."""

    protocol_version = "HTTP/1.1"
    lines = 0

    def do_PUT(self) -> None:
        # S3 is another machine: what it does must not be a cost of the server's.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _Bucket.lines += body.count(b"captureData")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def _bucket() -> Iterator[dict[str, str]]:
    """The environment that has a server capture to a stand-in for S3."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Bucket) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{serving.server_port}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "SERVING_CAPTURE_URI": "s3://bench/capture/e/main",
        }
        serving.shutdown()


def run(rounds: int, seconds: float) -> Report:
    """Measure both in turn, `rounds` times, for `seconds` each. Raises BenchError.

    Many short rounds, each in the other order than the last: what disturbs the machine lasts longer than a round, so
    that the two sides of one are disturbed alike, and the interval narrows with their number.
    """
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name, ExitStack() as running:
        folder = Path(name)
        say("training the model …")
        plain, _ = save_iris(folder)
        personal = folder / "personal"
        shutil.copytree(plain, personal)
        (personal / "groundwork-data.json").write_text(json.dumps({"personal": ["sepal length (cm)"]}))
        environment = running.enter_context(_bucket())
        both = [_server(ON, "ml.serving", personal, environment), _server(OFF, "bench.bare_server", plain, {})]
        processes: dict[str, psutil.Process] = {}
        for place, server in enumerate(both):
            running.enter_context(started(server, folder / f"server-{place}.log"))
            processes[server.name] = _listening(server.port)
        results: dict[str, dict[int, list[dict[str, Any]]]] = {
            server.name: {connections: [] for connections in CONNECTIONS} for server in both
        }
        for number in range(1, rounds + 1):
            if number % 8 == 1:
                say(f"round {number} of {rounds} …")
            for connections in CONNECTIONS if number % 8 == 1 else (DECIDING,):
                for server in both if number % 2 else both[::-1]:
                    before = _cpu_seconds(processes[server.name])
                    result = measured(server, connections, seconds, folder, WARMUP_S)
                    time.sleep(_SETTLE_S)
                    own, beside = (
                        now - then for now, then in zip(_cpu_seconds(processes[server.name]), before, strict=True)
                    )
                    # The load generator's warm-up is in the processor time, not in the count: the share is the same.
                    answered = result["requests"] * (seconds + WARMUP_S) / seconds
                    result |= {"own_us": 1e6 * own / answered, "beside_us": 1e6 * beside / answered}
                    results[server.name][connections].append(result)
    return _report(results, rounds, seconds)


def _server(name: str, module: str, model: Path, environment: dict[str, str]) -> Server:
    port = free_port()
    return Server(
        name=name,
        command=(sys.executable, "-m", module, "--model-dir", str(model), "--port", str(port)),
        folder=ROOT,
        port=port,
        ready_path="/ping",
        body=ROW,
        environment=environment,
    )


def _listening(port: int) -> psutil.Process:
    return next(
        child
        for child in psutil.Process().children(recursive=True)
        if any(each.laddr.port == port and each.status == psutil.CONN_LISTEN for each in child.net_connections())
    )


def _cpu_seconds(process: psutil.Process) -> tuple[float, float]:
    """Processor time of the server, and of the process that writes beside it."""
    own = process.cpu_times()
    children = [child.cpu_times() for child in process.children()]
    return own.user + own.system, sum(each.user + each.system for each in children)


def _goal(text: str, cost: Median, word: str) -> Goal:
    """What was measured of a cost, and whether all of its interval is within the goal."""
    said = f"{cost.value:.1%} {word} ({cost.low:.1%} to {cost.high:.1%})"
    sure = cost.confidence >= CONFIDENCE
    decided = sure and (cost.high <= MOST_COST or cost.low > MOST_COST)
    return Goal(text=text, measured=said if decided else f"undecided, {said}", met=decided and cost.high <= MOST_COST)


def _more(ratio: Median) -> str:
    return f"{ratio.value - 1:+.1%} ({ratio.low - 1:+.1%} to {ratio.high - 1:+.1%})"


def _report(results: dict[str, dict[int, list[dict[str, Any]]]], rounds: int, seconds: float) -> Report:
    def median(name: str, connections: int, field: str) -> float:
        return statistics.median(result[field] for result in results[name][connections])

    def ratio(connections: int, *fields: str) -> Median:
        """Of the rounds' own ratios: what disturbs a round disturbs both of its sides."""
        pairs = zip(results[ON][connections], results[OFF][connections], strict=True)
        return median_of(
            [sum(on[field] for field in fields) / sum(off[field] for field in fields) for on, off in pairs]
        )

    rows = [
        [
            name if connections == CONNECTIONS[0] else "",
            str(connections),
            f"{median(name, connections, 'requests_per_second'):,.0f}",
            f"{median(name, connections, 'p50_ms'):.2f}",
            f"{median(name, connections, 'p99_ms'):.2f}",
            f"{median(name, connections, 'own_us'):.0f}",
            f"{median(name, connections, 'beside_us'):.0f}",
        ]
        for name in (ON, OFF)
        for connections in CONNECTIONS
    ]
    rate, p99 = ratio(DECIDING, "requests_per_second"), ratio(DECIDING, "p99_ms")
    # Fewer requests a second in percent of those without: the interval turns round.
    fewer = replace(rate, value=1 - rate.value, low=1 - rate.high, high=1 - rate.low)
    longer = replace(p99, value=p99.value - 1, low=p99.low - 1, high=p99.high - 1)
    goals = [
        _goal(f"at concurrency {DECIDING}, at most {MOST_COST:.0%} fewer requests a second", fewer, "fewer"),
        _goal(f"and a p99 that is at most {MOST_COST:.0%} longer", longer, "longer"),
    ]
    processor = [
        f"at concurrency {connections}: {_more(ratio(connections, 'own_us'))} in the server, "
        f"{_more(ratio(connections, 'own_us', 'beside_us'))} with the process that writes captures beside it"
        for connections in CONNECTIONS
    ]
    return Report(
        name="serving-overhead",
        title="Inference server: the cost of validation, masking, capture and metrics (logistic regression, one row)",
        columns=("", "concurrency", "requests/s", "p50 ms", "p99 ms", "own µs a request", "µs beside it"),
        rows=rows,
        goals=goals,
        notes=[
            f"medians of {rounds} interleaved rounds of {seconds:g} s (concurrency 1: {math.ceil(rounds / 8)}); costs: "
            f"medians of the rounds' own ratios, with the interval that holds the true one in {rate.confidence:.0%} of "
            "such runs",
            f"a goal is decided by an interval of {CONFIDENCE:.0%} or more on one side of it; else take more --rounds",
            *(f"processor time a request {line}" for line in processor),
            f"{_Bucket.lines:,} captured lines came to the stand-in for S3; µs are processor time",
        ],
        detail={"rounds": results, "lines": _Bucket.lines},
    )
