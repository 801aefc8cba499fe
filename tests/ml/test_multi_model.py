"""Several models behind one endpoint, by the `ml` command on the local platform."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.guide import blocks
from tests.ml.records_server import RecordsServer
from tests.ml.test_pages import DOCS, run

pytestmark = [pytest.mark.ml, pytest.mark.timeout(600)]

Platform = Any
JobFolder = Any
Ml = Callable[..., str]
NAME = "research-shops"
BUCKET, PREFIX = "groundwork-test-artifacts", f"teams/research/multi-model/{NAME}/"
TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--number")
folder = pathlib.Path(os.environ["SM_MODEL_DIR"])
(folder / "code").mkdir()
(folder / "number.txt").write_text(parser.parse_args().number)
(folder / "code" / "number_loader.py").write_text('''
class Model:
    def __init__(self, number): self.number = number
    def predict(self, rows, params=None): return [self.number] * len(rows)

def _load_pyfunc(path):
    return Model(int(open(path).read()))
''')
(folder / "MLmodel").write_text('''
flavors:
  python_function: {loader_module: number_loader, data: number.txt, code: code, python_version: 3.11.0}
''')
"""


def keys(platform: Platform) -> list[str]:
    """What lies below the endpoint's prefix, less digests."""
    found = platform.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)
    return [one["Key"].removeprefix(PREFIX).rsplit("-", 1)[0] for one in found.get("Contents", [])]


def test_models_come_are_replaced_and_go_while_their_endpoint_stays_as_the_page_on_serving_says(
    platform: Platform, job: JobFolder, tmp_path: Path, ml: Ml
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n1.0\n")
    section = (DOCS / "serving.md").read_text().partition("\n## Many models")[2].partition("\n## ")[0]
    shown, typed = blocks(section)
    said = yaml.safe_load(shown.text)["deploy"]
    sagemaker = platform.client("sagemaker")
    left = PREFIX.replace(NAME, "research-gone") + "berlin/left.tar.gz"
    platform.client("s3").put_object(Bucket=BUCKET, Key=left, Body=b"")

    def spec(number: int = 0, **models: str) -> Path:
        deploy = said | {"models": models or said["models"]}
        return job(TRAIN, name="sales", hyperparameters={"number": number}, deploy=deploy)

    def trained(number: int) -> str:
        return str(platform.ml_json("train", spec(number), "-y", "--no-wait", "--env", "local")["name"])

    def ask(model: str) -> str:
        return ml("predict", "--endpoint", NAME, "--model", model, rows).strip()

    one, two = trained(1), trained(2)
    for name in (one, two):
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 200}
        )
    spec(berlin=one, paris=two, rome=one)
    printed = run(platform, typed, tmp_path).splitlines()
    assert f"{NAME} is in service with 3 models (berlin, paris, rome)." in printed
    assert "1" in printed
    assert [line.split()[:2] for line in printed[-3:]] == [["berlin", one], ["paris", two], ["rome", one]]

    hosted = platform.ml_json("status", NAME, "--env", "local")["hosted"]
    answer = platform.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=NAME, TargetModel=hosted["paris"]["target_model"], ContentType="text/csv", Body=rows.read_bytes()
    )
    assert json.loads(answer["Body"].read()) == {"predictions": [2]}

    before = sagemaker.describe_endpoint(EndpointName=NAME)["LastModifiedTime"]
    assert "paris will answer no longer" in ml("deploy", spec(berlin=two, rome=one))
    assert (ask("berlin"), ask("rome")) == ("2", "1")
    assert sagemaker.describe_endpoint(EndpointName=NAME)["LastModifiedTime"] == before
    assert keys(platform) == [f"berlin/{two}", f"rome/{one}"]

    assert "gone" in ml("stop", "--endpoint", NAME)
    assert keys(platform) == []
    swept = ml("gc", "--team", "research", "--min-age", "1s")
    platform.client("s3").delete_object(Bucket=BUCKET, Key=left)
    assert [line.split()[:3] for line in swept.splitlines() if line.endswith("its endpoint is gone")] == [
        ["remove", "endpoint-models", "research-gone"]
    ]


@pytest.mark.full
def test_a_member_of_the_team_has_the_rights_that_it_takes(tmp_path: Path, job: JobFolder) -> None:
    server = RecordsServer(tmp_path / "server", teams=["shops"])
    try:
        member = server.member("shops")

        def ml(*words: object, code: int = 0) -> str:
            command = [sys.executable, "-m", "ml", *map(str, words), "--env", "local"]
            done = subprocess.run(command, env=member, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == code, done.stderr + done.stdout
            return done.stdout + done.stderr

        def spec(**models: str) -> Path:
            deploy = {"endpoint": "all", "models": models} if models else None
            return job(TRAIN, team="shops", name="sales", hyperparameters={"number": 7}, deploy=deploy)

        rows = tmp_path / "rows.csv"
        rows.write_text("x\n1.0\n")
        ml("train", spec(), "-y")
        (trained,) = server.sagemaker.list_training_jobs()["TrainingJobSummaries"]
        name = trained["TrainingJobName"]
        ml("deploy", spec(berlin=name, paris=name))
        assert ml("predict", "--endpoint", "shops-all", "--model", "paris", rows).strip() == "7"
        assert "paris will answer no longer" in ml("deploy", spec(berlin=name))
        assert f"berlin  {name}" in ml("status", "shops-all")
        assert "several models" in ml("rollback", "shops-all", code=1)
        assert "say --model NAME" in ml("predict", "--endpoint", "shops-all", rows, code=1)
        ml("stop", "--endpoint", "shops-all")
        assert server.keys("multi-model", "shops") == []
    finally:
        server.stop()
