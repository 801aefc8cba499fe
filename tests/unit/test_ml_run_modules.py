"""The modules that go with the driver into a job: signatures, metrics from output, load, and facts of a run."""

import datetime
import hashlib
import http.server
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from ml.driver import groundwork_facts, groundwork_http, groundwork_machine, groundwork_output
from ml.packaging.helpers import helper_archive

pytestmark = pytest.mark.unit

http_module: Any = groundwork_http
MOMENT = "20261121T101500Z"


@pytest.mark.parametrize("token", [None, "a session's token"])
@pytest.mark.parametrize(
    ("method", "url", "service"),
    [
        ("POST", "https://eu-west-1.experiments.sagemaker.aws/api/2.0/mlflow/runs/create", "sagemaker-mlflow"),
        ("GET", "https://h.example/api/2.0/mlflow/experiments/get-by-name?experiment_name=a%2Fb%20c", "sagemaker"),
        ("PUT", "https://bucket.s3.eu-west-1.amazonaws.com/teams/a%20b/%C3%A4%3D1.txt", "s3"),
    ],
)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str, url: str, service: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"a": 1}'
    digest = hashlib.sha256(body).hexdigest()
    headers = {"Content-Type": "application/json", "x-mlflow-sm-tracking-server-arn": "arn:aws:sagemaker:x"}
    keys = http_module.Credentials("AKIDEXAMPLE", "secret/key", token)
    ours = http_module.signed(method, url, headers, digest, keys, "eu-west-1", service, MOMENT)

    moment = datetime.datetime.strptime(MOMENT, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))
    given = AWSRequest(method, url, {**headers, "X-Amz-Content-SHA256": digest}, body)
    theirs = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        BotocoreCredentials("AKIDEXAMPLE", "secret/key", token), service, "eu-west-1"
    )
    theirs.add_auth(given)
    assert given.headers["X-Amz-Date"] == MOMENT
    assert ours["Authorization"] == given.headers["Authorization"]


@pytest.mark.parametrize(
    ("uri", "address", "header"),
    [
        (
            "arn:aws:sagemaker:eu-west-1:1:mlflow-tracking-server/x",
            "https://eu-west-1.experiments.sagemaker.aws",
            "x-mlflow-sm-tracking-server-arn",
        ),
        (
            "arn:aws:sagemaker:eu-west-1:1:mlflow-app/x",
            "https://mlflow.sagemaker.eu-west-1.app.aws",
            "x-sm-mlflow-app-arn",
        ),
        ("https://mlflow.example/", "https://mlflow.example", None),
    ],
)
def test_an_arn_leads_where_sagemakers_own_plugin_goes(uri: str, address: str, header: str | None) -> None:
    from sagemaker_mlflow.mlflow_sagemaker_helpers import SageMakerMLflowHostMetadataProvider

    tracking = http_module.Tracking(uri, lambda: None)
    assert tracking.url == address
    if header is not None:
        assert tracking._headers[header] == uri
        plugin = SageMakerMLflowHostMetadataProvider()
        plugin.set_arn(uri)
        assert plugin.construct_tracking_server_url() == address


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with what the test says, and keeps what it was asked."""

    statuses: list[int]
    asked: list[tuple[str, dict[str, str], bytes]]

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.path, dict(self.headers), body))
        status = self.statuses.pop(0) if self.statuses else 200
        answer = json.dumps(
            {"error_code": "SOME", "message": "words", "AccessKeyId": "K", "SecretAccessKey": "S"}
        ).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET  # noqa: N815


@pytest.fixture
def server() -> Iterator[tuple[str, type[Answers]]]:
    handler = type("Own", (Answers,), {"statuses": [], "asked": []})
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", handler
    finally:
        running.shutdown()
        running.server_close()


def test_a_server_without_time_is_asked_again_and_a_mistake_is_not(
    server: tuple[str, type[Answers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groundwork_http, "PAUSES_S", (0.0, 0.0))
    url, handler = server
    tracking = http_module.Tracking(url, None)
    handler.statuses = [503, 429]
    assert tracking.call("GET", "runs/get", {"run_id": "a b"})["message"] == "words"
    assert [path for path, _, _ in handler.asked] == ["/api/2.0/mlflow/runs/get?run_id=a%20b"] * 3
    handler.statuses = [404]
    with pytest.raises(groundwork_http.HttpError, match="HTTP 404: words") as error:
        tracking.call("POST", "runs/create", {})
    assert (error.value.status, error.value.code) == (404, "SOME")


def test_artifacts_that_the_server_keeps_go_to_the_server(server: tuple[str, type[Answers]]) -> None:
    url, handler = server
    tracking = http_module.Tracking(url, None)
    http_module.Artifacts("mlflow-artifacts:/1/abc/artifacts", tracking, None, "eu-west-1").put("a/b c.txt", b"x")
    path, headers, body = handler.asked[0]
    assert path == "/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/a/b%20c.txt"
    assert (headers["Content-Type"], body) == ("application/octet-stream", b"x")


def test_credentials_come_from_the_containers_provider_with_its_token(
    server: tuple[str, type[Answers]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, handler = server
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    (tmp_path / "token").write_text("bearer\n")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    found = http_module.ContainerCredentials()()
    assert (found.access_key, found.secret_key) == ("K", "S")
    assert handler.asked[0][1]["Authorization"] == "bearer"


def test_metrics_are_found_in_whole_lines_only_with_a_step_each() -> None:
    watch: Any = groundwork_output.MetricWatch([{"Name": "loss", "Regex": "loss=([0-9.]+)"}])
    watch.feed("out", "loss=0.5\nlos")
    watch.feed("err", "noise\n")
    watch.feed("out", "s=0.2")
    assert [(name, value, step) for name, value, _, step in watch.take()] == [("loss", 0.5, 0)]
    watch.feed("out", "5\nloss=.\n")
    assert [(name, value, step) for name, value, _, step in watch.take()] == [("loss", 0.25, 1)]


def test_a_watched_stream_writes_what_it_is_given(capfd: pytest.CaptureFixture[str]) -> None:
    watch: Any = groundwork_output.MetricWatch([{"Name": "n", "Regex": "n=([0-9]+)"}])
    raw = io.BytesIO()
    stream: Any = groundwork_output.watched(io.TextIOWrapper(raw, encoding="utf-8", write_through=True), watch)
    raw.name = "<stdout>"  # pyright: ignore[reportAttributeAccessIssue] - as the stream of a process has
    print("ä n=7", file=stream)
    assert raw.getvalue() == "ä n=7\n".encode()
    assert watch.take()[0][:2] == ("n", 7.0)


def test_gpus_are_read_as_nvidia_smi_prints_them() -> None:
    text = "0, 87, 40536, 81559, 312.45, 700.00\n1, [N/A], 512, 24564, [N/A], [N/A]\n"
    metrics = groundwork_machine.gpu_metrics(text)
    assert metrics["system/gpu_0_utilization_percentage"] == 87
    assert metrics["system/gpu_0_memory_usage_percentage"] == pytest.approx(49.7, abs=0.05)
    assert metrics["system/gpu_0_power_usage_percentage"] == pytest.approx(44.6, abs=0.05)
    assert {name for name in metrics if "gpu_1" in name} == {
        "system/gpu_1_memory_usage_megabytes",
        "system/gpu_1_memory_usage_percentage",
    }


def test_the_machines_load_has_the_names_of_mlflows_system_metrics() -> None:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    theirs: set[str] = set()
    for monitor in (CPUMonitor(), DiskMonitor(), NetworkMonitor()):
        monitor.collect_metrics()
        theirs |= {f"system/{name}" for name in monitor.metrics}
    machine: Any = groundwork_machine.Machine()
    sum(range(2_000_000))
    assert {name for name in machine.reading() if "gpu" not in name} == theirs


def test_the_environment_is_locked_by_what_can_be_imported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, name in (
        ("a", "Some_Thing-1.0.dist-info"),
        ("b", "some_thing-2.0.dist-info"),
        ("b", "other-3.egg-info"),
    ):
        (tmp_path / folder / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b"), "/nowhere"])
    lines = groundwork_facts.environment_lock().splitlines()
    assert lines[0].startswith("# Python 3.")
    assert lines[1:] == ["other==3", "some-thing==1.0"]


def test_a_channels_version_is_the_one_of_an_upload_of_the_same_files(tmp_path: Path) -> None:
    from ml.packaging.inputs import read_input

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.csv").write_text("2")
    (tmp_path / "a.csv").write_text("1")
    assert groundwork_facts.channel_version(str(tmp_path)) == read_input(tmp_path).digest
    assert groundwork_facts.channel_version(str(tmp_path / "nothing")) is None


def test_the_archive_of_modules_is_the_same_each_time_is_of_python_38_and_imports_nothing_else_of_ours() -> None:
    import ast
    import zipfile

    first = helper_archive()
    helper_archive.cache_clear()
    assert helper_archive() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        names = set(archive.namelist())
        for name in names:
            for node in ast.walk(ast.parse(archive.read(name), feature_version=(3, 8))):
                modules = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                for module in modules:
                    top = module.split(".")[0]
                    known = top in sys.stdlib_module_names or f"{top}.py" in names or top == "botocore"
                    assert known, f"{name} imports {module}"
    assert {"groundwork_run.py", "ml/checkpoints.py"} <= names
