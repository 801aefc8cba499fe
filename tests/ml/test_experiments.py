"""What a job leaves in the tracking server without its script's doing, and what the commands make of it."""

import json
from pathlib import Path
from typing import Any

import pytest

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
