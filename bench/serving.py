"""The inference server beside `mlflow models serve` and MLServer: one CSV row a request, one worker, loopback."""

import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.environments import ROOT, BenchError, say
from bench.models import save_iris
from bench.report import Goal, Report
from bench.servers import MLSERVER_CSV, MLSERVER_V2, OURS, Server, servers, started

CONNECTIONS = (1, 10)
GOAL_RATIO = 1.45


def run(rounds: int, seconds: float) -> Report:
    """Measure all servers in turn, `rounds` times, for `seconds` each at each concurrency; medians are reported.

    Raises BenchError where a server does not start or gives a wrong answer.
    """
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name, ExitStack() as running:
        folder = Path(name)
        say("training the model …")
        compared = servers(folder, *save_iris(folder))
        start_seconds = {
            server.name: running.enter_context(started(server, folder / f"server-{place}.log"))
            for place, server in enumerate(compared)
        }
        results: dict[str, dict[int, list[dict[str, Any]]]] = {
            server.name: {connections: [] for connections in CONNECTIONS} for server in compared
        }
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds} …")
            for connections in CONNECTIONS:
                # Another order each round: what disturbs the machine for a while disturbs another server.
                for server in compared[number % len(compared) :] + compared[: number % len(compared)]:
                    results[server.name][connections].append(measured(server, connections, seconds, folder))
    return _report(compared, results, start_seconds, rounds, seconds)


def measured(server: Server, connections: int, seconds: float, folder: Path, warmup_s: float = 0.5) -> dict[str, Any]:
    """One run of the load generator, as its LoadResult. Raises BenchError where an answer was wrong."""
    body = folder / "body"
    body.write_bytes(server.body)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.load", "--port", str(server.port), "--path", server.path),
            *("--content-type", server.content_type, "--body", str(body), "--expect", server.expected),
            *("--connections", str(connections), "--seconds", str(seconds), "--warmup", str(warmup_s)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise BenchError(f"The load generator failed on {server.name}:\n{done.stderr.strip()}")
    result = json.loads(done.stdout)
    if result["errors"]:
        raise BenchError(f"{server.name} gave {result['errors']} wrong answers, the first: {result['first_error']}")
    return result


def _report(
    compared: list[Server],
    results: dict[str, dict[int, list[dict[str, Any]]]],
    start_seconds: dict[str, float],
    rounds: int,
    seconds: float,
) -> Report:
    def median(name: str, connections: int, field: str) -> float:
        return statistics.median(result[field] for result in results[name][connections])

    rate = "requests_per_second"
    rows = [
        [
            server.name if connections == CONNECTIONS[0] else "",
            str(connections),
            f"{median(server.name, connections, rate):,.0f}",
            f"{median(server.name, connections, 'p50_ms'):.2f}",
            f"{median(server.name, connections, 'p99_ms'):.2f}",
            f"{median(OURS, connections, rate) / median(server.name, connections, rate):.2f}",
            f"{start_seconds[server.name]:.1f}" if connections == CONNECTIONS[0] else "",
        ]
        for server in compared
        for connections in CONNECTIONS
    ]
    best = max((MLSERVER_CSV, MLSERVER_V2), key=lambda name: median(name, 10, rate))
    ratio = median(OURS, 10, rate) / median(best, 10, rate)
    ours_p99, its_p99 = median(OURS, 10, "p99_ms"), median(best, 10, "p99_ms")
    goals = [
        Goal(
            text=f"at concurrency 10, {GOAL_RATIO:g} times the requests a second of MLServer's quicker way",
            measured=f"{ratio:.2f} times",
            met=ratio >= GOAL_RATIO,
        ),
        Goal(
            text="and a lower p99 than it",
            measured=f"{ours_p99:.2f} ms against {its_p99:.2f} ms",
            met=ours_p99 < its_p99,
        ),
    ]
    return Report(
        name="serving",
        title="Inference server: logistic regression on iris, one row a request, one worker, loopback, keep-alive",
        columns=("", "concurrency", "requests/s", "p50 ms", "p99 ms", "ours is × faster", "ready after s"),
        rows=rows,
        goals=goals,
        notes=[f"medians of {rounds} interleaved rounds of {seconds:g} s; the client is one process, the same for all"],
        detail={"rounds": results, "start_seconds": start_seconds, "quicker_mlserver": best},
    )
