"""An A/B test on the local platform, from the challenger's deployment to the decision, and who is behind an answer."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]

Platform = Any
SCRIPT = """
import argparse, os
import mlflow, pandas
from mlflow.models import infer_signature
from sklearn.dummy import DummyClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--says", type=int)
rows = pandas.DataFrame({"x": [0.0, 1.0]})
model = DummyClassifier(strategy="constant", constant=parser.parse_args().says).fit(rows, [0, 1])
mlflow.sklearn.save_model(
    model, os.environ["SM_MODEL_DIR"], signature=infer_signature(rows, model.predict(rows)), pip_requirements=[]
)
"""
ENDPOINT = "research-duel"
PATIENCE_S = 180


@pytest.fixture(scope="module")
def jobs(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two jobs, of which the first model is always wrong, as main and challenger of one endpoint."""
    folder = tmp_path_factory.mktemp("duel")
    (folder / "train.py").write_text(SCRIPT)
    spec = {"name": "duel", "team": "research", "entry_point": "train.py", "image": "training:0.1.0"}
    spec |= {"deploy": {"endpoint": "duel", "capture": {"percent": 100}}}
    (folder / "job.yaml").write_text(json.dumps(spec))
    made: list[str] = []
    for says in (0, 1):
        trained = platform.ml_json("train", folder / "job.yaml", "--env", "local", "-y", "--set", f"says={says}")
        made.append(trained["name"])
    as_challenger = ("--variant", "challenger", "--weight", "50", "--rollout", "all-at-once")
    for job, options in zip(made, ((), as_challenger), strict=True):
        deployed = platform.ml("deploy", folder / "job.yaml", "--job", job, *options)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    yield made
    platform.ml("stop", "--endpoint", ENDPOINT)


def test_a_test_ends_for_the_better_model_and_an_answers_lineage_leads_to_its_run(
    platform: Platform, jobs: list[str], tmp_path: Path
) -> None:
    runtime = platform.client("sagemaker-runtime")
    for number in range(80):
        runtime.invoke_endpoint(
            EndpointName=ENDPOINT, ContentType="text/csv", Body=b"x\n0.5\n", InferenceId=f"order-{number}"
        )
    (tmp_path / "truth.csv").write_text("id,value\n" + "".join(f"order-{number},1\n" for number in range(80)))
    (tmp_path / "rows.csv").write_text("x\n0.5\n")
    asked = platform.ml_json("predict", "--endpoint", "duel", tmp_path / "rows.csv", "--inference-id", "mine")
    (request,) = asked["requests"]
    assert request["inference_id"] == "mine"

    told: dict[str, Any] = {}
    until = time.monotonic() + PATIENCE_S
    while told.get("decision") != "better" and time.monotonic() < until:
        command = ("experiment", "duel", "--metric", "correct", "--truth", tmp_path / "truth.csv", "--guard", "errors")
        result = platform.ml(*command, "-o", "json")
        assert result.returncode in (0, 7), result.stdout + result.stderr
        told = json.loads(result.stdout)
    assert (told["decision"], told["split"]["broken"]) == ("better", False)
    assert [told["metric"][side]["value"] for side in ("main", "challenger")] == [0, 1]
    assert told["variants"]["challenger"]["job"] == jobs[1]
    assert jobs[1] in told["next"][0]

    known = platform.ml("lineage", "mine", "--endpoint", "duel", "-o", "json")
    while known.returncode == 6 and time.monotonic() < until:
        assert "captures 100 %" in known.stderr
        known = platform.ml("lineage", "mine", "--endpoint", "duel", "-o", "json")
    assert known.returncode == 0, known.stdout + known.stderr
    lineage = json.loads(known.stdout)
    job = jobs[request["variant"] == "challenger"]
    assert (lineage["request"]["variant"], lineage["served_by"]["job"]) == (request["variant"], job)
    assert "@sha256:" in lineage["served_by"]["image"]
    assert lineage["trained"]["trained_by"]["owner"] == "tester"
    lines = {line["number"]: line for line in platform.ml_json("audit", "log", "--limit", 200)}
    assert lines[lineage["trained"]["told_by"]["line"]]["subject"] == job
    assert lines[lineage["served_by"]["told_by"]["line"]]["details"]["config"] == lineage["served_by"]["config"]
