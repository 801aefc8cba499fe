"""The inference servers that are compared: how each is started, and the request that it is sent."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.environments import ROOT, BenchError, peer_python, say
from local.supervisor.ports import free_port

ROW = b"sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5.1,3.5,1.4,0.2\n"
_V2_ROW = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [[5.1, 3.5, 1.4, 0.2]]}]}
_START_TIMEOUT_S = 120
# The same for all: one thread of numerical libraries, nothing sent home.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server. body, content_type, path: the request. expected: bytes that each answer's body must hold.
    environment: beside what is the same for all."""

    name: str
    command: tuple[str, ...]
    folder: Path
    port: int
    ready_path: str
    path: str = "/invocations"
    content_type: str = "text/csv"
    body: bytes = ROW
    expected: str = "[0]"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


OURS = "Groundwork ml.serving, CSV"
MLFLOW = "mlflow models serve, CSV"
MLSERVER_CSV = "MLServer 1.7.1, MLflow runtime, CSV"
MLSERVER_V2 = "MLServer 1.7.1, scikit-learn runtime, V2 JSON"


def servers(folder: Path, mlflow_model: Path, joblib_model: Path) -> list[Server]:
    """All of them, each with one worker, ready to be started. folder: for their settings and logs."""
    mlserver = str(peer_python("serving").with_name("mlserver"))
    ours, mlflow, csv_port, v2_port = (free_port() for _ in range(4))
    return [
        Server(
            name=OURS,
            command=(sys.executable, "-m", "ml.serving", "--model-dir", str(mlflow_model), "--port", str(ours)),
            folder=ROOT,
            port=ours,
            ready_path="/ping",
        ),
        Server(
            name=MLFLOW,
            command=(
                *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(mlflow_model)),
                *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(mlflow), "--workers", "1"),
            ),
            folder=folder,
            port=mlflow,
            ready_path="/ping",
        ),
        Server(
            name=MLSERVER_CSV,
            command=(mlserver, "start", "."),
            folder=_mlserver(folder / "mlserver-csv", csv_port, "mlserver_mlflow.MLflowRuntime", mlflow_model),
            port=csv_port,
            ready_path="/v2/health/ready",
        ),
        Server(
            name=MLSERVER_V2,
            command=(mlserver, "start", "."),
            folder=_mlserver(folder / "mlserver-v2", v2_port, "mlserver_sklearn.SKLearnModel", joblib_model),
            port=v2_port,
            ready_path="/v2/health/ready",
            path="/v2/models/iris/infer",
            content_type="application/json",
            body=json.dumps(_V2_ROW).encode(),
        ),
    ]


@contextmanager
def started(server: Server, log_file: Path) -> Iterator[float]:
    """Run a server; gives the seconds from its start to its first ready answer. Raises BenchError."""
    say(f"starting {server.name} …")
    begin = time.perf_counter()
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            server.command,
            cwd=server.folder,
            env={**os.environ, **_ENVIRONMENT, **server.environment, "PATH": _path(server)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while not _is_ready(server):
                if process.poll() is not None or time.perf_counter() - begin > _START_TIMEOUT_S:
                    tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-15:])
                    raise BenchError(f"{server.name} did not become ready. Its last lines:\n{tail}")
                time.sleep(0.1)
            yield time.perf_counter() - begin
        finally:
            _stop(process)


def _path(server: Server) -> str:
    """PATH with the server's own environment first: `mlflow models serve` looks for uvicorn there."""
    return os.pathsep.join((str(Path(server.command[0]).parent), os.environ.get("PATH", "")))


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _is_ready(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{server.ready_path}", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _mlserver(folder: Path, port: int, runtime: str, model: Path) -> Path:
    """MLServer's settings. It answers in its own process (no parallel workers), which is its quickest way here."""
    folder.mkdir(parents=True)
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model_settings = {"name": "iris", "implementation": runtime, "parameters": {"uri": str(model)}}
    (folder / "model-settings.json").write_text(json.dumps(model_settings))
    return folder
