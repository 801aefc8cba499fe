"""The inference server as a process: readiness, limits, errors, concurrent clients, and an orderly end."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from tests.ml.serving_server import ROOT, Server, running

pytestmark = [pytest.mark.ml, pytest.mark.timeout(120)]

ROW = b"5.1,3.5,1.4,0.2\n"
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def iris_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features, target = load_iris(return_X_y=True, as_frame=True)
    estimator = LogisticRegression(max_iter=500).fit(features, target)
    path = tmp_path_factory.mktemp("iris")
    mlflow.sklearn.save_model(
        estimator, path / "model", signature=infer_signature(features, target), pip_requirements=[]
    )
    return path


@pytest.fixture(scope="module")
def moody_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that sleeps as long as its input says, and raises when that is negative."""
    import pandas as pd

    class Moody(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            import time

            seconds = float(model_input["seconds"].max())
            if seconds < 0:
                raise ArithmeticError("a bad mood")
            time.sleep(seconds)
            return model_input["seconds"].tolist()

    path = tmp_path_factory.mktemp("moody")
    example = pd.DataFrame({"seconds": [0.5]})
    mlflow.pyfunc.save_model(
        path / "model", python_model=Moody(), signature=infer_signature(example, [0.5]), pip_requirements=[]
    )
    return path


@pytest.fixture(scope="module")
def iris(iris_dir: Path) -> Iterator[Server]:
    with running(iris_dir, "--max-body-mb", "0.01", "--body-timeout", "0.5") as server:
        yield server


def test_ping_is_503_until_the_model_is_loaded(iris_dir: Path) -> None:
    with running(iris_dir, ready=False) as server:
        first = server.call("/ping")
        assert (first.status, first.json()) == (503, {"status": "loading"})
        early = server.call("/invocations", ROW, CSV)
        assert early.status == 503
        assert early.headers["Retry-After"] == "1"
        server.wait_ready()
        assert server.call("/invocations", ROW, CSV).json() == {"predictions": [0]}


def test_answers_come_in_the_form_that_is_accepted(iris: Server) -> None:
    two = ROW + b"6.7,3.0,5.2,2.3\n"
    assert iris.call("/invocations", two, CSV).json() == {"predictions": [0, 2]}
    assert iris.call("/invocations", two, {**CSV, "Accept": "text/csv"}).body == b"0\n2\n"
    lines = iris.call("/invocations", two, {**CSV, "Accept": "application/jsonlines"})
    assert lines.body == b'{"prediction": 0}\n{"prediction": 2}\n'
    assert lines.headers["Content-Type"] == "application/jsonlines"
    rows = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]}).encode()
    assert iris.call("/invocations", rows, JSON).json() == {"predictions": [0]}


BAD = [
    # body, headers, status, what the answer's fields must be
    (b"5.1,3.5,x,0.2", CSV, 400, {"row": 1, "column": "petal length (cm)", "expected": "double (a number)"}),
    (b"5.1,3.5", CSV, 400, {"row": 1, "expected": "4 values"}),
    (b"", CSV, 400, {"error_code": "BAD_REQUEST"}),
    (b"5.1,,1.4,0.2", CSV, 400, {"row": 1, "column": "sepal width (cm)"}),
    (b"{", JSON, 400, {"error_code": "BAD_REQUEST"}),
    (b'{"instances": [[5.1, 3.5, 1.4]]}', JSON, 400, {"row": 1}),
    (b'{"instances": [[5.1, 3.5, 1.4, "0.2"]]}', JSON, 400, {"row": 1, "column": "petal width (cm)"}),
    (b"[1, 2, 3, 4]\n[1]", {"Content-Type": "application/jsonlines"}, 400, {"row": 2}),
    (ROW, {}, 415, {"error_code": "UNSUPPORTED_MEDIA_TYPE"}),
    (ROW, {"Content-Type": "text/plain"}, 415, {"error_code": "UNSUPPORTED_MEDIA_TYPE"}),
    (ROW, {**CSV, "Accept": "image/png"}, 406, {"error_code": "NOT_ACCEPTABLE"}),
    (ROW * 2000, CSV, 413, {"expected": "at most 10485 bytes"}),
]


@pytest.mark.parametrize(("body", "headers", "status", "fields"), BAD)
def test_a_bad_request_is_told_what_was_wrong(
    iris: Server, body: bytes, headers: dict[str, str], status: int, fields: dict[str, Any]
) -> None:
    reply = iris.call("/invocations", body, {**headers, "X-Request-Id": "bad-1"})
    document = reply.json()
    assert reply.status == status, document
    assert document["request_id"] == reply.headers["x-request-id"] == "bad-1"
    assert document["message"]
    assert {name: document[name] for name in fields} == fields


def test_a_body_of_unknown_length_is_limited_too(iris: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", iris.port, timeout=30)
    connection.request("POST", "/invocations", iter([ROW] * 2000), CSV, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", iris.port, timeout=30)
    connection.request("POST", "/invocations", iter([ROW] * 3), CSV, encode_chunked=True)
    assert json.loads(connection.getresponse().read()) == {"predictions": [0, 0, 0]}
    connection.close()


def test_a_body_that_does_not_come_is_not_waited_for(iris: Server) -> None:
    with socket.create_connection(("127.0.0.1", iris.port), timeout=10) as client:
        client.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\n5.1"
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_other_paths_and_methods_are_told_which_there_are(iris: Server) -> None:
    wrong_path = iris.call("/predict", ROW, CSV)
    assert (wrong_path.status, "POST /invocations" in wrong_path.json()["message"]) == (404, True)
    wrong_method = iris.call("/invocations")
    assert (wrong_method.status, wrong_method.headers["Allow"]) == (405, "POST")


def test_concurrent_clients_each_get_their_own_answer(iris: Server) -> None:
    features, _ = load_iris(return_X_y=True, as_frame=True)
    bodies = [",".join(map(str, row)).encode() for row in features.to_numpy().tolist()]
    expected = iris.call("/invocations", b"\n".join(bodies), CSV).json()["predictions"]

    def ask(index: int) -> int:
        return iris.call("/invocations", bodies[index % len(bodies)], CSV).json()["predictions"][0]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(3 * len(bodies))))
    assert answers == expected * 3


def test_metrics_count_what_happened(iris_dir: Path) -> None:
    with running(iris_dir) as server:
        for _ in range(3):
            server.call("/invocations", ROW * 2, CSV)
        server.call("/invocations", b"x", CSV)
        text = server.call("/metrics").body.decode()
    for line in (
        'serving_invocations_total{status="200"} 3.0',
        'serving_invocations_total{status="400"} 1.0',
        "serving_predicted_rows_total 6.0",
        "serving_invocation_seconds_count 3.0",
        "serving_ready 1.0",
        "serving_in_flight 0.0",
    ):
        assert line in text.splitlines()


def test_an_error_of_the_model_is_a_500_whose_id_the_log_has(moody_dir: Path) -> None:
    with running(moody_dir) as server:
        reply = server.call("/invocations", b"-1\n", CSV)
        document = reply.json()
        assert reply.status == 500
        assert "ArithmeticError: a bad mood" in document["message"]
        logged = json.loads(server.wait_logged(document["request_id"])[0])
        assert "bad mood" in logged["traceback"]
        assert server.call("/invocations", b"0\n", CSV).json() == {"predictions": [0.0]}


def test_more_requests_than_allowed_get_429_and_pings_are_answered_meanwhile(moody_dir: Path) -> None:
    with running(moody_dir, "--max-concurrency", "2") as server, ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(server.call, "/invocations", b"3\n", CSV) for _ in range(2)]
        server.wait_in_flight(2)
        refused = server.call("/invocations", b"0\n", CSV)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        assert "2 requests" in refused.json()["message"]
        assert server.call("/ping").status == 200
        assert not any(future.done() for future in slow)
        assert [future.result().status for future in slow] == [200, 200]
        assert server.call("/invocations", b"0\n", CSV).status == 200


def keep_asking(server: Server, body: bytes, answered: list[int], failed: list[str]) -> None:
    """One keep-alive client that goes on until it is told to connect elsewhere."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    while True:
        try:
            connection.request("POST", "/invocations", body, CSV)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            failed.append(repr(error))
            return
        answered.append(response.status)
        if response.headers.get("Connection") == "close":
            return


@pytest.mark.parametrize(("kind", "body"), [("iris", ROW), ("moody", b"0.05\n")])
def test_stopping_under_load_loses_no_request(kind: str, body: bytes, request: pytest.FixtureRequest) -> None:
    answered: list[int] = []
    failed: list[str] = []
    with running(request.getfixturevalue(f"{kind}_dir")) as server:
        clients = [threading.Thread(target=keep_asking, args=(server, body, answered, failed)) for _ in range(8)]
        for client in clients:
            client.start()
        while len(answered) <= 16 and not failed:
            time.sleep(0.05)
        assert server.stop() == 0, server.log()
        for client in clients:
            client.join(60)
    assert failed == []
    assert set(answered) == {200}
    assert len(answered) > 16


def test_readiness_drops_before_the_door_closes(iris_dir: Path) -> None:
    with running(iris_dir, "--drain-delay", "3") as server:
        server.process.send_signal(signal.SIGTERM)
        while (ping := server.call("/ping")).status == 200:
            time.sleep(0.05)
        assert (ping.status, ping.json()) == (503, {"status": "draining"})
        assert server.call("/invocations", ROW, CSV).status == 200
        assert server.process.wait(60) == 0
        with pytest.raises(ConnectionRefusedError):
            server.call("/ping")


def test_stopping_takes_no_longer_than_allowed(moody_dir: Path) -> None:
    with running(moody_dir, "--drain-timeout", "1") as server:
        client = threading.Thread(target=keep_asking, args=(server, b"30\n", [], []), daemon=True)
        client.start()
        server.wait_in_flight(1)
        begin = time.monotonic()
        assert server.stop() == 1
        # Long before the model would have answered.
        assert time.monotonic() - begin < 20
        assert server.wait_logged('"lost": 1')


def test_a_stop_while_loading_does_not_wait_for_the_model(iris_dir: Path) -> None:
    with running(iris_dir, ready=False) as server:
        assert server.stop() == 0


def start_fails(*options: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ml.serving", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(environment or {})},
        check=False,
    )


def test_a_model_that_does_not_load_ends_the_process_with_one_message(tmp_path: Path) -> None:
    ended = start_fails("--model-dir", str(tmp_path), "--port", "0")
    assert ended.returncode == 1
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    assert errors == [
        f"error: {tmp_path} holds no MLflow model (no MLmodel file in it or one folder below): it is empty. "
        "Save the model there with mlflow.<flavour>.save_model."
    ]
    assert "Traceback" not in ended.stderr


def test_a_taken_port_and_a_wrong_option_are_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = start_fails("--model-dir", str(tmp_path), environment={"SAGEMAKER_BIND_TO_PORT": port})
    assert ended.returncode == 1
    assert f"error: 127.0.0.1:{port} is in use by another process" in ended.stderr
    assert start_fails("--port", "http").returncode == 2


def test_help_shows_an_example() -> None:
    ended = start_fails("--help")
    assert ended.returncode == 0
    assert re.search(r"python -m ml\.serving --model-dir \S+ --port 8080", ended.stdout)
