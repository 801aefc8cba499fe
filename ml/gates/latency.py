"""How quickly the platform's own serving process answers with a model: requests of one row, one after another."""

import http.client
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ml.gates.report import GateError, Result
from ml.spec.gates import Latency

START_S = 120.0
WARM_UP = 20


def judge(budget: Latency, model_dir: Path, features: Any) -> Result:
    """Start the server with the model, ask it about rows of the held-out data, and compare the 95th percentile.

    Raises GateError where the server does not start or refuses a row.
    """
    bodies = _bodies(features, budget.requests)
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "ml.serving", "--model-dir", str(model_dir), "--port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            _until_ready(process, port, log)
            took = _ask(port, bodies)
        finally:
            process.terminate()
            try:
                process.wait(35)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    values = {
        "requests": len(took),
        **{f"p{share}_ms": _percentile(took, share) * 1000 for share in (50, 95, 99)},
        "budget_p95_ms": budget.p95_ms,
    }
    p95 = values["p95_ms"]
    over = p95 - budget.p95_ms
    text = f"95 of 100 requests of one row within {p95:.3g} ms: "
    text += f"at most {budget.p95_ms:g}." if over <= 0 else f"{over:.3g} ms over the budget, {budget.p95_ms:g}."
    return Result(gate="latency", passed=over <= 0, text=text, values=values)


def _bodies(features: Any, count: int) -> list[bytes]:
    rows = features.head(min(len(features), count))
    records: list[Any] = json.loads(rows.to_json(orient="records"))
    return [json.dumps({"dataframe_records": [records[at % len(records)]]}).encode() for at in range(count)]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _until_ready(process: "subprocess.Popen[bytes]", port: int, log: Any) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            tail = log.read().decode(errors="replace")[-800:]
            raise GateError(f"The serving process ended with {process.returncode}: {tail}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise GateError(f"The serving process was not ready after {START_S:g} s.")


def _ask(port: int, bodies: list[bytes]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    assert connection.sock is not None
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took: list[float] = []
    for body in [*bodies[:WARM_UP], *bodies]:
        begin = time.perf_counter()
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        took.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise GateError(f"The serving process refused a held-out row: {said.decode(errors='replace')[:400]}")
    connection.close()
    return took[min(WARM_UP, len(bodies)) :]


def _percentile(values: list[float], share: int) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(math.ceil(len(values) * share / 100) - 1, 0)]
