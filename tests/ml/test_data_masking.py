"""Personal columns from the expectations to the endpoint: none of their values in its log or in what it captures."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ml

Platform = Any
JobFolder = Any

LOADER = """
import logging

class Model:
    def predict(self, rows, params=None):
        if (rows["age"] < 0).any():
            logging.getLogger("library").warning("odd rows: %s", rows.to_dict("records"))
            raise ValueError(f"no age of {rows['name'].iloc[0]}: {rows['age'].iloc[0]}")
        return (rows["income"] > 10).tolist()

def _load_pyfunc(path):
    return Model()
"""
TRAIN = """
import os
import mlflow.pyfunc
import pandas as pd
from mlflow.models import infer_signature

rows = pd.read_csv(os.environ["SM_CHANNEL_TRAIN"] + "/train.csv")
mlflow.pyfunc.save_model(
    os.environ["SM_MODEL_DIR"], loader_module="loader", code_paths=["loader.py"], pip_requirements=[],
    signature=infer_signature(rows, pd.Series([True])),
)
"""
EXPECTATIONS = """
columns:
  name: {type: text, personal: true}
  age: {type: number, personal: true}
  income: {type: number}
"""
SECRETS = ("Zoltan", "Ottilie", "-77", "36.5")


def test_no_personal_value_is_in_the_log_of_an_endpoint_or_in_what_it_captures(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("name,age,income\nAda,36.0,5.0\nBob,40.0,50.0\n")
    (tmp_path / "expectations.yaml").write_text(EXPECTATIONS)
    (tmp_path / "loader.py").write_text(LOADER)
    spec = job(
        TRAIN,
        name="masked",
        inputs={"train": "./data"},
        validation={},
        deploy={"endpoint": "masked", "capture": {"percent": 100}},
    )
    trained = platform.ml("train", spec, "--env", "local", "-y", "--deploy")
    assert trained.returncode == 0, trained.stderr + trained.stdout
    sagemaker = platform.client("sagemaker")
    try:
        config = sagemaker.describe_endpoint(EndpointName="research-masked")["EndpointConfigName"]
        assert "DataCaptureConfig" not in sagemaker.describe_endpoint_config(EndpointConfigName=config)
        alarm = ["research-masked/captures/main"]
        assert platform.client("cloudwatch").describe_alarms(AlarmNames=alarm)["MetricAlarms"]
        (tmp_path / "rows.csv").write_text("name,age,income\nZoltan,36.5,50\n")
        answer = platform.ml("predict", "--endpoint", "research-masked", tmp_path / "rows.csv", "-o", "json")
        assert json.loads(answer.stdout)["predictions"] == [True]
        (tmp_path / "odd.json").write_text(json.dumps([{"name": "Ottilie", "age": -77, "income": 1.0}]))
        assert platform.ml("predict", "--endpoint", "research-masked", tmp_path / "odd.json").returncode == 1
        (tmp_path / "wrong.csv").write_text("name,age,income\nZoltan,Zoltan,50\n")
        assert platform.ml("predict", "--endpoint", "research-masked", tmp_path / "wrong.csv").returncode == 1
    finally:
        platform.ml("stop", "--endpoint", "research-masked", "--env", "local")
    log = endpoint_log(platform)
    assert "the model raised an error" in log
    assert "odd rows" in log
    assert "the value is personal" in log
    (line,) = captured(platform)
    document = json.loads(line)["captureData"]
    assert document["endpointInput"]["data"] == "name,age,income\n•••,•••,50\n"
    assert json.loads(document["endpointOutput"]["data"]) == {"predictions": [True]}
    for secret in SECRETS:
        assert secret not in log
        assert secret not in line


def endpoint_log(platform: Platform) -> str:
    logs = platform.client("logs")
    group = "/aws/sagemaker/Endpoints/research-masked"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    return "\n".join(
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    )


def captured(platform: Platform) -> list[str]:
    """The lines that the endpoint left; the last are written while it stops."""
    s3 = platform.client("s3")
    where = {"Bucket": "groundwork-test-artifacts", "Prefix": "teams/research/capture/research-masked/main/"}
    for _ in range(300):
        found = s3.list_objects_v2(**where).get("Contents", [])
        if found:
            break
        time.sleep(0.2)
    return [
        line
        for one in found
        for line in s3.get_object(Bucket=where["Bucket"], Key=one["Key"])["Body"].read().decode().splitlines()
    ]
