"""The driver under the container contract, in a base folder of its own."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ml.packaging.source import pack_source

pytestmark = pytest.mark.unit


class Container:
    """A base folder with a packed script in its `code` channel."""

    def __init__(self, base: Path):
        self.base = base

    def run(self, script: str, name: str = "train.py", **options: Any) -> subprocess.CompletedProcess[str]:
        source = self.base / "written"
        source.mkdir()
        (source / name).write_text(script)
        (source / "helper.py").write_text("VALUE = 7\n")
        package = pack_source(source)
        code = self.base / "input" / "data" / "code"
        code.mkdir(parents=True)
        (code / "source.tar.gz").write_bytes(package.archive)
        (code / "driver.py").write_bytes(package.driver)
        (code / "groundwork.zip").write_bytes(package.helpers)
        config = self.base / "input" / "config"
        config.mkdir()
        (config / "hyperparameters.json").write_text(json.dumps(options.get("hyperparameters", {})))
        (config / "inputdataconfig.json").write_text(json.dumps({"code": {}, "flight-data": {}}))
        (config / "resourceconfig.json").write_text(
            json.dumps({"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]})
        )
        (self.base / "output").mkdir()
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("SM_", "GROUNDWORK_"))}
        return subprocess.run(
            [sys.executable, str(code / "driver.py")],
            env={
                **variables,
                "SAGEMAKER_BASE_DIR": str(self.base),
                "GROUNDWORK_ENTRY_POINT": name,
                **options.get("variables", {}),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_a_script_finds_its_arguments_modules_and_variables(container: Container) -> None:
    script = """
import json, os, sys
import helper
names = "SM_MODEL_DIR SM_CHANNEL_FLIGHT_DATA SM_HP_RATE SM_HPS SM_HOSTS SM_CURRENT_HOST_RANK SM_CHANNELS".split()
print(json.dumps([sys.argv, helper.VALUE, __name__, {name: os.environ[name] for name in names}]))
"""
    result = container.run(script, hyperparameters={"rate": "0.5", "layers": "[1, 2]"})
    assert result.returncode == 0, result.stderr
    arguments, helper, name, variables = json.loads(result.stdout)
    assert arguments == ["train.py", "--layers", "[1, 2]", "--rate", "0.5"]
    assert (helper, name) == (7, "__main__")
    base = container.base
    assert variables["SM_MODEL_DIR"] == str(base / "model")
    assert (base / "model").is_dir()
    assert variables["SM_CHANNEL_FLIGHT_DATA"] == str(base / "input" / "data" / "flight-data")
    assert variables["SM_HP_RATE"] == "0.5"
    assert json.loads(variables["SM_HPS"]) == {"rate": 0.5, "layers": [1, 2]}
    assert (json.loads(variables["SM_HOSTS"]), variables["SM_CURRENT_HOST_RANK"]) == (["algo-1", "algo-2"], "1")


def test_what_the_platform_has_set_already_stays(container: Container) -> None:
    result = container.run(
        "import os; print(os.environ['SM_NUM_GPUS'])",
        variables={"SM_NUM_GPUS": "4", "SM_MODEL_DIR": str(container.base / "m")},
    )
    assert result.stdout == "4\n"


def test_a_script_that_raises_fails_with_its_own_traceback(container: Container) -> None:
    result = container.run("def read():\n    raise ValueError('no column fare')\n\nread()\n")
    assert result.returncode == 1
    assert container.failure == result.stderr
    lines = container.failure.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'train.py", line 4' in lines[1]
    assert lines[-1] == "ValueError: no column fare"
    assert "driver.py" not in container.failure
    assert "runpy" not in container.failure


def test_a_long_failure_keeps_its_end(container: Container) -> None:
    container.run("raise ValueError('x' * 5000 + ' the end')")
    assert len(container.failure) == 1000
    assert container.failure.endswith(" the end\n")


@pytest.mark.parametrize(
    ("ending", "status", "words"),
    [
        ("sys.exit(3)", 3, "exit code 3"),
        ("sys.exit('out of data')", 1, "out of data"),
        ("sys.exit()", 0, ""),
        ("", 0, ""),
    ],
)
def test_a_scripts_exit_is_the_jobs(ending: str, status: int, words: str, container: Container) -> None:
    assert container.run(f"import sys\n{ending}").returncode == status
    if words:
        assert words in container.failure


def test_a_shell_script_runs_too(container: Container) -> None:
    result = container.run('echo "$SM_CURRENT_HOST $1 $2"; exit 4', name="train.sh", hyperparameters={"a": "b c"})
    assert (result.returncode, result.stdout) == (4, "algo-2 --a b c\n")


def test_a_model_that_cannot_be_registered_fails_the_job_and_says_why(container: Container) -> None:
    result = container.run(
        "", variables={"GROUNDWORK_REGISTER_MODEL": "m", "GROUNDWORK_REGISTER_TAGS": "{}", "SM_CURRENT_HOST_RANK": "0"}
    )
    assert result.returncode == 1
    assert "left no MLflow model" in container.failure


def test_the_driver_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    container = Container(tmp_path)
    result = container.run(
        "import sys; print(sorted(name for name in sys.modules if name in {'yaml', 'boto3', 'ml', 'numpy'}))"
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, True),
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_RUN_ID": ""}, False),
        ({}, False),
    ],
)
def test_a_job_runs_although_its_run_cannot_be_recorded(
    container: Container, variables: dict[str, str], said: bool
) -> None:
    channel = container.base / "input" / "data" / "record"
    channel.mkdir(parents=True)
    record = {"job": "j", "region": "eu-west-1", "experiment": "e", "request": {"AlgorithmSpecification": {}}}
    (channel / "record.json").write_text(json.dumps(record))
    result = container.run("print('ran')", variables={"SM_CURRENT_HOST_RANK": "0", **variables})
    assert (result.returncode, result.stdout) == (0, "ran\n")
    assert ("No MLflow run: 127.0.0.1:9" in result.stderr) is said


def test_a_script_finds_the_checkpoints_module_without_our_package_and_a_folder_for_tensorboard(
    container: Container,
) -> None:
    script = """
import os, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
from ml.checkpoints import Checkpoints
print("groundwork.zip" in sys.modules["ml.checkpoints"].__file__, Checkpoints().folder)
print(os.listdir(os.environ["GROUNDWORK_TENSORBOARD_DIR"]))
"""
    result = container.run(script)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"True {container.base / 'checkpoints'}\n[]\n"


class FailingTracker(http.server.BaseHTTPRequestHandler):
    """A tracking server that makes runs and then has no time any more."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_: Any) -> None: ...

    def do_POST(self) -> None:
        operation = self.path.split("/mlflow/")[-1].split("?")[0]
        self.asked.append(operation)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        known = {
            "experiments/get-by-name": {"experiment": {"experiment_id": "1"}},
            "runs/create": {"run": {"info": {"run_id": "abc", "artifact_uri": "mlflow-artifacts:/1/abc/artifacts"}}},
        }
        body = json.dumps(known.get(operation, {"message": "no time"})).encode()
        self.send_response(200 if operation in known else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST  # noqa: N815


def test_a_tracking_server_that_breaks_while_the_job_runs_neither_fails_nor_holds_it(container: Container) -> None:
    channel = container.base / "input" / "data" / "record"
    channel.mkdir(parents=True)
    record = {
        **{"job": "j", "team": "t", "environment": "e", "region": "eu-west-1", "experiment": "e", "submitter": "ada"},
        **{"request": {"AlgorithmSpecification": {}}, "spec": {}, "code": {"digest": "d"}, "image": {"uri": "i"}},
    }
    (channel / "record.json").write_text(json.dumps(record))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FailingTracker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        result = container.run(
            "import os; print(os.environ['MLFLOW_RUN_ID'])",
            variables={"SM_CURRENT_HOST_RANK": "0", "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.server_port}"},
        )
    finally:
        server.shutdown()
        server.server_close()
    assert (result.returncode, result.stdout) == (0, "abc\n")
    assert result.stderr.count("The MLflow run misses something: HTTP 503: no time") == 2
    assert FailingTracker.asked[-1] == "runs/update"
    assert "runs/get" not in FailingTracker.asked
