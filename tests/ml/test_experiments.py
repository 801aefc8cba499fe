"""What a job leaves in the tracking server without its script's doing, and what the commands make of it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.local.sagemaker_server import eventually

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]

Platform = Any
JobFolder = Any

SILENT = """
import os, sys
from pathlib import Path
assert "mlflow" not in sys.modules
for step in range(3):
    print(f"loss={1 / (step + 1)}")
Path(os.environ["GROUNDWORK_TENSORBOARD_DIR"], "events.out.tfevents.1.x").write_bytes(b"log")
"""


def runs_of(platform: Platform, job: str) -> list[Any]:
    """The runs of a job, by the genuine MLflow client."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"http://127.0.0.1:{platform.mlflow_port}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`groundwork.job` = '{job}'"))


def test_a_script_without_mlflow_has_a_run_with_all_that_made_it(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("1\n")
    spec = job(
        SILENT,
        name="silent",
        hyperparameters={"rate": 0.1, "deep": True},
        metrics={"loss": "loss=([0-9.]+)"},
        inputs={"rows": "./rows"},
    )
    result = platform.ml("train", spec, "--env", "local", "-y", "-o", "json")
    assert result.returncode == 0, result.stderr
    name = json.loads(result.stdout)["name"]
    assert "MLflow" not in result.stderr
    (run,) = runs_of(platform, name)
    assert (run.info.status, run.info.run_name) == ("FINISHED", name)
    assert run.data.params == {"rate": "0.1", "deep": "true"}
    assert run.data.metrics["loss"] == pytest.approx(1 / 3)
    assert run.data.metrics["system/disk_available_megabytes"] > 0
    assert 0 <= run.data.metrics["system/cpu_utilization_percentage"] <= 100
    tags = run.data.tags
    assert tags["groundwork.team"] == "research"
    assert tags["mlflow.user"] == "tester"
    assert tags["groundwork.image"].endswith("/training:0.1.0")
    assert len(tags["groundwork.environment"]) == len(tags["groundwork.code"]) == len(tags["groundwork.record"]) == 64
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "rows"
    assert tags["groundwork.data.rows"].endswith(dataset.dataset.digest)
    bucket, _, prefix = run.info.artifact_uri.removeprefix("s3://").partition("/")
    s3 = platform.client("s3")
    listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]}
    assert {key.removeprefix(f"{prefix}/") for key in listed} == {
        "record.json",
        "environment/requirements.txt",
        "tensorboard/events.out.tfevents.1.x",
    }
    lock = s3.get_object(Bucket=bucket, Key=f"{prefix}/environment/requirements.txt")["Body"].read().decode()
    assert lock.startswith("# Python 3.")
    assert "\nmlflow==3.17.2\n" in lock


def test_a_script_that_uses_mlflow_goes_on_in_the_jobs_run(platform: Platform, job: JobFolder) -> None:
    script = """
import mlflow
with mlflow.start_run():
    mlflow.log_param("rate", "its own")
    mlflow.log_metric("loss", 0.5, step=7)
print("loss=0.4 accuracy=0.9")
with mlflow.start_run():
    pass
"""
    spec = job(
        script,
        name="fluent",
        hyperparameters={"rate": 0.1, "depth": 3},
        metrics={"loss": "loss=([0-9.]+)", "accuracy": "accuracy=([0-9.]+)"},
    )
    result = platform.ml("train", spec, "--env", "local", "-y", "-o", "json")
    assert result.returncode == 0, result.stderr
    (run,) = runs_of(platform, json.loads(result.stdout)["name"])
    assert run.data.params == {"rate": "its own", "depth": "3"}
    assert (run.data.metrics["loss"], run.data.metrics["accuracy"]) == (0.5, 0.9)


@pytest.mark.parametrize(("ending", "status"), [("raise ValueError('x')", "FAILED"), ("sys.exit(0)", "FINISHED")])
def test_a_runs_status_is_the_scripts(platform: Platform, job: JobFolder, ending: str, status: str) -> None:
    result = platform.ml("train", job(f"import sys\n{ending}", name="ending"), "--env", "local", "-y", "-o", "json")
    (run,) = runs_of(platform, json.loads(result.stdout)["name"])
    assert run.info.status == status


CURVE = """
import argparse, os
from tensorboard.summary import Writer
from tensorboard.summary._output import DirectoryOutput

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
rate = parser.parse_args().rate
writer = Writer(DirectoryOutput(os.environ["GROUNDWORK_TENSORBOARD_DIR"]))
for step in range(5):
    writer.add_scalar("loss", rate / (step + 1), step)
    print(f"loss={rate / (step + 1)}")
writer.close()
"""


@pytest.fixture(scope="module")
def curve(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec whose script writes TensorBoard logs, with an input below the team's prefix."""
    folder = tmp_path_factory.mktemp("curve")
    platform.client("s3").put_object(Bucket="groundwork-test-data", Key="teams/research/curve/a.csv", Body=b"1")
    spec = {"name": "curve", "team": "research", "entry_point": "train.py", "image": "training:0.1.0"}
    more = {"hyperparameters": {"rate": 0.1}, "metrics": {"loss": "loss=([0-9.]+)"}, "inputs": {"rows": "curve"}}
    (folder / "train.py").write_text(CURVE)
    (folder / "job.yaml").write_text(json.dumps({**spec, **more}))
    return folder / "job.yaml"


@pytest.fixture(scope="module")
def first(platform: Platform, curve: Path) -> str:
    """Its first run."""
    return platform.ml_json("train", curve, "--env", "local", "-y")["name"]


def test_compare_shows_what_differs_and_nothing_else(platform: Platform, curve: Path, first: str) -> None:
    (curve.parent / "train.py").write_text(CURVE + "print('done')\n")
    second = platform.ml_json("train", curve, "--env", "local", "-y", "--set", "rate=0.2")["name"]
    (curve.parent / "train.py").write_text(CURVE)
    found = platform.ml_json("compare", first, second, "--env", "local", "--diff")
    differences = found["differences"]
    assert differences["metrics"] == {"loss": [pytest.approx(0.02), pytest.approx(0.04)]}
    assert differences["parameters"] == {"rate": ["0.1", "0.2"]}
    assert list(differences["files"]) == ["train.py"]
    assert "digest" in differences["code"]
    assert differences["data"] == differences["image"] == differences["packages"] == {}
    assert not found["alike"]
    assert "+print('done')" in found["diff"][0]
    text = platform.ml("compare", first, second, "--env", "local").stdout
    assert "0.04 (+100.00%)" in text
    assert "PACKAGES" not in text


def test_tensorboard_shows_the_scalars_of_a_run(platform: Platform, first: str) -> None:
    board = subprocess.Popen(
        [sys.executable, "-m", "ml", "board", first, "--env", "local", "--port", "0"],
        env={**os.environ, **platform.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert board.stdout is not None
        line = board.stdout.readline()
        assert line.startswith("TensorBoard: http"), board.communicate(timeout=10)
        url = line.split()[1].rstrip("/")
        scalars = eventually(
            lambda: ask(f"{url}/data/plugin/scalars/scalars?tag=loss&run={first}"), lambda answer: bool(answer)
        )
        assert [(step, value) for _, step, value in scalars] == [
            (step, pytest.approx(0.1 / (step + 1))) for step in range(5)
        ]
    finally:
        board.send_signal(signal.SIGINT)
    said = board.communicate(timeout=30)[1]
    assert board.returncode == 0
    assert "Traceback" not in said


def ask(url: str) -> Any:
    """The JSON document of an address; nothing while TensorBoard does not know it yet."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError:
        return None


def test_runs_without_logs_have_no_board_and_the_message_says_where_to_write_them(
    platform: Platform, job: JobFolder
) -> None:
    name = platform.ml_json("train", job("", name="boardless"), "--env", "local", "-y")["name"]
    result = platform.ml("board", name, "--env", "local")
    assert result.returncode == 6
    assert "GROUNDWORK_TENSORBOARD_DIR" in result.stderr


def test_a_run_is_reproduced_from_its_record_although_its_files_have_changed(
    platform: Platform, curve: Path, first: str
) -> None:
    (curve.parent / "train.py").write_text("raise SystemExit('another script')\n")
    result = platform.ml("reproduce", first, "--env", "local", "-y", "-o", "json")
    (curve.parent / "train.py").write_text(CURVE)
    assert result.returncode == 0, result.stderr + result.stdout
    document = json.loads(result.stdout)
    assert document["equal"]
    assert document["metrics"][0]["now"] == pytest.approx(0.02)
    assert {one["about"]: one["same"] for one in document["ingredients"]} == {
        "code": True,
        "data, rows": True,
        "image": None,
    }
    (run,) = runs_of(platform, document["again"])
    assert run.data.tags["groundwork.reproduces"] == first
    assert platform.ml_json("compare", first, document["again"], "--env", "local")["alike"]


def test_a_run_whose_metrics_are_others_does_not_reproduce(platform: Platform, job: JobFolder) -> None:
    spec = job(
        "import time\nprint(f'loss={time.time() % 1000} other=1')\n",
        name="clock",
        metrics={"loss": "loss=([0-9.]+)", "other": "other=([0-9.]+)"},
    )
    first = platform.ml_json("train", spec, "--env", "local", "-y")["name"]
    result = platform.ml("reproduce", first, "--env", "local", "-y")
    assert result.returncode == 1
    assert "does not reproduce" in result.stdout
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:3]] == ["OTHER", "equal"]


def test_a_run_whose_data_have_changed_is_not_run_again_unless_told(
    platform: Platform, curve: Path, first: str
) -> None:
    s3 = platform.client("s3")
    s3.put_object(Bucket="groundwork-test-data", Key="teams/research/curve/a.csv", Body=b"2")
    try:
        refused = platform.ml("reproduce", first, "--env", "local", "-y")
        assert refused.returncode == 2
        assert "OTHER      data, rows" in refused.stderr
        forced = platform.ml("reproduce", first, "--env", "local", "-y", "--force", "-o", "json")
        assert forced.returncode == 0, forced.stderr
        found = platform.ml_json("compare", first, json.loads(forced.stdout)["again"], "--env", "local")
        assert list(found["differences"]["data"]) == ["rows"]
    finally:
        s3.put_object(Bucket="groundwork-test-data", Key="teams/research/curve/a.csv", Body=b"1")


def test_a_job_that_is_stopped_inside_a_library_has_its_run_ended(platform: Platform, job: JobFolder) -> None:
    # The main thread is inside C code until long after the test: only another thread can end the run.
    script = "import hashlib\nprint('begun', flush=True)\nhashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"
    name = platform.ml_json("train", job(script, name="inside"), "--env", "local", "-y", "--no-wait")["name"]
    eventually(lambda: platform.ml("logs", name, "--env", "local").stdout, lambda log: "begun" in log)
    assert platform.ml("stop", name, "--env", "local").returncode == 0
    (run,) = runs_of(platform, name)
    assert run.info.status == "KILLED"


def test_a_shell_scripts_metrics_are_found_and_what_it_calls_is_in_the_same_run(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    (tmp_path / "run.sh").write_text(
        'echo "loss=0.5"; echo "$MLFLOW_RUN_ID"\n'
        "python -c 'import sys; from ml.checkpoints import Checkpoints; print(\"loss=0.25\")'\n"
    )
    spec = job("", name="shell", entry_point="run.sh", metrics={"loss": "loss=([0-9.]+)"})
    result = platform.ml("train", spec, "--env", "local", "-y")
    assert result.returncode == 0, result.stderr
    (run,) = runs_of(platform, result.stdout.splitlines()[3].split()[0])
    assert result.stdout.splitlines()[:3] == ["loss=0.5", run.info.run_id, "loss=0.25"]
    assert run.data.metrics["loss"] == 0.25


def test_a_model_leads_to_the_run_that_made_it(platform: Platform, job: JobFolder) -> None:
    script = "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'MLmodel').write_text('flavors: {}')\n"
    spec = job(script + "print('loss=0.5')\n", name="tiny", register="tiny", metrics={"loss": "loss=([0-9.]+)"})
    name = platform.ml_json("train", spec, "--env", "local", "-y")["name"]
    (version,) = platform.ml_json("models", "tiny", "--env", "local")
    (run,) = runs_of(platform, name)
    assert version["run_id"] == run.info.run_id
    assert version["metrics"]["loss"] == 0.5
    found = platform.ml_json("compare", "tiny/1", name, "--env", "local")
    assert [one["name"] for one in found["runs"]] == [name, name]
    assert found["alike"]
