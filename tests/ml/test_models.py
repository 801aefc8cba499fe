"""From a trained model to an endpoint's answer: registry, deployment, predictions."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]

Platform = Any
JobFolder = Any
EXAMPLE = Path(__file__).parents[2] / "ml" / "examples" / "flight_delays"

IRIS = """
import os
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

rows, kinds = load_iris(return_X_y=True, as_frame=True)
with mlflow.start_run():
    model = LogisticRegression(max_iter=500).fit(rows, kinds)
    mlflow.log_metric("accuracy", model.score(rows, kinds))
    mlflow.sklearn.save_model(
        model, os.environ["SM_MODEL_DIR"], signature=infer_signature(rows, model.predict(rows)), pip_requirements=[]
    )
"""
ROW = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n"


@pytest.fixture(scope="module")
def iris(platform: Platform, tracking: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A spec whose job has run once, and registered its model."""
    folder = tmp_path_factory.mktemp("iris")
    (folder / "train.py").write_text(IRIS)
    spec = {"name": "iris", "team": "research", "entry_point": "train.py", "image": "training:0.1.0"}
    (folder / "job.yaml").write_text(json.dumps({**spec, "register": "iris", "deploy": {"endpoint": "iris"}}))
    result = platform.ml("train", folder / "job.yaml", "--env", "local", "-y")
    assert result.returncode == 0, result.stdout + result.stderr
    yield folder / "job.yaml"
    platform.ml("stop", "--endpoint", "research-iris")


def test_a_version_says_its_job_its_metrics_and_where_its_data_are(platform: Platform, iris: Path) -> None:
    versions = platform.ml_json("models", "iris")
    assert len(versions) == 1
    assert versions[0]["version"] == "1"
    assert versions[0]["job"].startswith("research-iris-")
    assert versions[0]["metrics"]["accuracy"] > 0.9
    assert versions[0]["model_data"].endswith(f"{versions[0]['job']}/output/model.tar.gz")


def test_a_model_that_is_not_there_ends_with_6(platform: Platform, iris: Path) -> None:
    result = platform.ml("models", "irsi")
    assert result.returncode == 6
    assert "iris" in result.stderr.rpartition("There is")[2]


def test_a_model_is_deployed_and_answers_and_deploying_again_changes_nothing(
    platform: Platform, iris: Path, tmp_path: Path
) -> None:
    deployed = platform.ml("deploy", iris, "--env", "local", "-o", "json")
    assert deployed.returncode == 0, deployed.stderr
    document = json.loads(deployed.stdout)
    assert (document["status"], document["name"], document["serves"]) == ("InService", "research-iris", True)
    (tmp_path / "rows.csv").write_text(ROW + "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    assert platform.ml("predict", "--endpoint", "iris", tmp_path / "rows.csv").stdout.split() == ["0", "2"]
    again = platform.ml("deploy", iris, "--env", "local")
    assert "Serving already" in again.stderr
    (version,) = platform.ml_json("models", "iris")
    assert version["endpoints"] == ["research-iris"]
    by_model = platform.ml("deploy", iris, "--model", "iris/1")
    assert by_model.returncode == 0
    assert "Serving already" in by_model.stderr
    assert platform.ml("status", "--endpoint", "research-iris").returncode == 0


def test_rows_that_the_model_refuses_end_with_1_and_its_own_words(
    platform: Platform, iris: Path, tmp_path: Path
) -> None:
    platform.ml("deploy", iris, "--env", "local")
    (tmp_path / "rows.csv").write_text("sepal length (cm)\n5.1\n")
    result = platform.ml("predict", "--endpoint", "research-iris", tmp_path / "rows.csv")
    assert result.returncode == 1
    assert "petal width (cm)" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_answers_what_lies_in_s3_without_an_endpoint(platform: Platform, iris: Path) -> None:
    s3 = platform.client("s3")
    body = "id,5.1,3.5,1.4,0.2\nother,6.3,3.3,6.0,2.5\n"
    s3.put_object(Bucket="groundwork-test-data", Key="teams/research/flowers/a.csv", Body=body)
    join = ("--join", "--input-filter", "$[1:]", "--output-filter", "$[0,-1]")
    done = platform.ml_json("transform", iris, "--input", "flowers", *join, "--env", "local")
    assert (done["status"], done["exit_code"]) == ("Completed", 0)
    bucket, _, prefix = done["output"].removeprefix("s3://").partition("/")
    answers = s3.get_object(Bucket=bucket, Key=f"{prefix}/a.csv.out")["Body"].read().decode()
    assert answers == "id,0\nother,2\n"
    assert "MaxConcurrentTransforms=1" in platform.ml("logs", done["name"]).stdout
    listed = platform.ml_json("status", "--team", "research")["transforms"]
    assert (done["name"], "Completed") in [(one["name"], one["status"]) for one in listed]
    log = platform.ml("audit", "log", "--team", "research", "--subject", done["name"])
    assert log.stdout.count("transform") >= 2, log.stdout + log.stderr


@pytest.mark.full
def test_rows_go_through_the_queue_of_an_asynchronous_endpoint(platform: Platform, iris: Path, tmp_path: Path) -> None:
    spec = json.loads(iris.read_text())
    (tmp_path / "train.py").write_text(IRIS)
    (tmp_path / "job.yaml").write_text(json.dumps({**spec, "deploy": {"endpoint": "queued", "async": {}}}))
    deployed = platform.ml_json("deploy", tmp_path / "job.yaml", "--env", "local")
    assert (deployed["status"], deployed["serves"]) == ("InService", True)
    (tmp_path / "rows.csv").write_text(ROW + "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n")
    asked = ("predict", "--async", "--endpoint", "queued")
    answered = platform.ml_json(*asked, tmp_path / "rows.csv", "--env", "local")
    assert answered["predictions"] == [0, 2]
    assert answered["requests"][0]["output"].startswith(
        "s3://groundwork-test-artifacts/teams/research/async/research-queued/answers/"
    )
    (tmp_path / "bad.csv").write_text("sepal length (cm)\n5.1\n")
    failed = platform.ml(*asked, tmp_path / "bad.csv", "--env", "local")
    assert failed.returncode == 1
    assert "petal width (cm)" in failed.stderr
    at_once = platform.ml("predict", "--endpoint", "research-queued", tmp_path / "rows.csv", "--env", "local")
    assert (at_once.returncode, "InvokeEndpointAsync" in at_once.stderr) == (1, True)
    assert platform.ml("stop", "--endpoint", "research-queued").returncode == 0


def test_an_endpoint_that_is_not_there_ends_with_6(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[[1]]")
    result = platform.ml("predict", "--endpoint", "nowhere", tmp_path / "rows.json", "--env", "local")
    assert result.returncode == 6


def test_the_flight_example_beats_the_base_rate_on_months_that_it_has_not_seen(platform: Platform) -> None:
    result = platform.ml("train", EXAMPLE / "job.yaml", "--env", "local", "-y", "--deploy", "-o", "json", timeout=300)
    assert result.returncode == 0, result.stderr
    job = platform.ml_json("status", "research-flight-delays")
    metrics = job["metrics"]
    assert metrics["test_roc_auc"] > 0.68
    assert metrics["test_accuracy"] > metrics["test_base_rate_accuracy"]
    answer = platform.ml_json("predict", "--endpoint", "research-flight-delays", EXAMPLE / "rows.csv")
    with (EXAMPLE / "rows.csv").open() as file:
        assert len(answer["predictions"]) == len(list(csv.DictReader(file)))
    assert all(0 < late < 1 and abs(on_time + late - 1) < 1e-9 for on_time, late in answer["predictions"])
    assert platform.ml("stop", "--endpoint", "research-flight-delays").returncode == 0
    assert platform.ml("status", "--endpoint", "research-flight-delays").returncode == 6
