"""Data that are not as expected never reach a model: the gate of `ml train`, on the real AWS server."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ml

Platform = Any
JobFolder = Any

TRAINS = """
import os
from pathlib import Path
rows = Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text().splitlines()
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(str(len(rows)))
print("trained on", len(rows) - 1, "rows")
"""
EXPECTATIONS = """
columns:
  age: {type: integer, range: [18, 99]}
  name: {type: text, personal: true, pattern: "[A-Z][a-z]+"}
  bought: {type: integer, values: [0, 1], shares: {"0": 0.5, "1": 0.5}, drift: 0.2}
leakage: {between: [train, test], key: [name]}
"""
GOOD = "age,name,bought\n" + "".join(
    f"{20 + i},{name},{i % 2}\n" for i, name in enumerate(["Ada", "Bob", "Cid", "Dot"])
)
TEST = "age,name,bought\n30,Eve,0\n31,Fay,1\n"


@pytest.fixture
def checked(job: JobFolder, tmp_path: Path) -> Path:
    """A job with data that are as expected."""
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "test").mkdir()
    (tmp_path / "data" / "train" / "train.csv").write_text(GOOD)
    (tmp_path / "data" / "test" / "test.csv").write_text(TEST)
    (tmp_path / "expectations.yaml").write_text(EXPECTATIONS)
    return job(
        TRAINS,
        inputs={"train": "./data/train", "test": "./data/test"},
        exclude=["data"],
        validation={"expectations": "expectations.yaml"},
    )


def s3_json(platform: Platform, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.load(platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"])


def test_a_job_trains_on_data_that_passed_and_its_record_names_their_versions(
    platform: Platform, checked: Path
) -> None:
    result = platform.ml("train", checked, "--env", "local", "-y", "-o", "json")
    assert result.returncode == 0, result.stderr
    name = json.loads(result.stdout)["name"]
    assert "The data are as expected" in result.stderr
    assert "Data validation: the files of test, train are those that were checked." in result.stderr
    assert "trained on 4 rows" in result.stderr
    described = platform.client("sagemaker").describe_training_job(TrainingJobName=name)
    (channel,) = [one for one in described["InputDataConfig"] if one["ChannelName"] == "data-validation"]
    found = s3_json(platform, channel["DataSource"]["S3DataSource"]["S3Uri"] + "result.json")
    assert found["passed"] is True
    record = s3_json(platform, f"s3://groundwork-test-artifacts/teams/research/jobs/{name}/record.json")
    assert {channel: one["version"] for channel, one in record["inputs"].items()} == {
        channel: one["digest"] for channel, one in found["channels"].items()
    }
    tags = platform.client("sagemaker").list_tags(
        ResourceArn=platform.client("sagemaker").describe_processing_job(ProcessingJobName=f"{name}-data")[
            "ProcessingJobArn"
        ]
    )["Tags"]
    assert {"Key": "groundwork:training-job", "Value": name} in tags
    report = platform.ml_json("data", "report", name, "--env", "local", "--out", checked.with_name("report.html"))
    assert (report["passed"], report["uri"]) == (True, channel["DataSource"]["S3DataSource"]["S3Uri"])
    assert f"Data of {name}-data" in checked.with_name("report.html").read_text()
    # The same data have passed: the job is sent at once, and still compares.
    again = platform.ml("train", checked, "--env", "local", "-y")
    assert again.returncode == 0, again.stderr
    assert f"The data are as expected: {name}-data has checked the same data." in again.stderr
    assert "Data validation: the files of test, train are those that were checked." in again.stdout + again.stderr


def test_no_job_is_started_on_poisoned_data_and_what_is_wrong_is_said(
    platform: Platform, checked: Path, tmp_path: Path
) -> None:
    poisoned = "age,name,bought\n" + "".join(f"{400 + i},secret{i},1\n" for i in range(6)) + "30,Eve,1\n"
    (tmp_path / "data" / "train" / "train.csv").write_text(poisoned)
    before = jobs(platform)
    result = platform.ml("train", checked, "--env", "local", "-y")
    assert result.returncode == 1
    assert "No job was started" in result.stderr
    assert "train.age: range: 6 of 7 (85.7%) outside, such as 400, 401" in result.stderr
    assert "train.bought: drift: divergence" in result.stderr
    assert "test: leakage: 1 of 2 (50%) in both" in result.stderr
    assert "ml data report" in result.stderr
    assert "secret" not in result.stderr
    assert jobs(platform) == before


def test_data_that_were_changed_after_the_check_stop_the_job_before_its_script(
    platform: Platform, checked: Path, tmp_path: Path
) -> None:
    """Whatever the client does: here one that has the check pass and then writes other data to the same place."""
    s3 = platform.client("s3")
    for part in ("train", "test"):
        text = (tmp_path / "data" / part / f"{part}.csv").read_text()
        s3.put_object(
            Bucket="groundwork-test-data", Key=f"teams/research/swapped/{part}/{part}.csv", Body=text.encode()
        )
    spec = checked.read_text().replace("./data/", "swapped/")
    checked.write_text(spec)
    result = platform.ml("train", checked, "--env", "local", "-y", "-o", "json")
    assert result.returncode == 0, result.stderr
    sagemaker = platform.client("sagemaker")
    request = request_of(sagemaker.describe_training_job(TrainingJobName=json.loads(result.stdout)["name"]))
    s3.put_object(
        Bucket="groundwork-test-data",
        Key="teams/research/swapped/train/train.csv",
        Body=GOOD.replace("20", "21").encode(),
    )
    s3.put_object(Bucket="groundwork-test-data", Key="teams/research/swapped/train/.more.csv", Body=b"x")
    assert "changed" in failure(platform, {**request, "TrainingJobName": "research-swapped-data"})
    # Nor does it help to bring another result, or one that says that nothing was wrong.
    forged = s3_json(platform, result_uri(request))
    forged["channels"]["train"]["files"] = {}
    s3.put_object(
        Bucket="groundwork-test-artifacts", Key="teams/research/forged/result.json", Body=json.dumps(forged).encode()
    )
    for channel in request["InputDataConfig"]:
        if channel["ChannelName"] == "data-validation":
            channel["DataSource"]["S3DataSource"]["S3Uri"] = "s3://groundwork-test-artifacts/teams/research/forged/"
    assert "another one than the job was submitted with" in failure(
        platform, {**request, "TrainingJobName": "research-forged-result"}
    )


def test_an_image_that_cannot_check_says_what_it_lacks(platform: Platform, checked: Path, tmp_path: Path) -> None:
    (tmp_path / "expectations.yaml").write_text(EXPECTATIONS.replace("test]", "holdout]"))
    result = platform.ml("train", checked, "--env", "local", "-y")
    assert result.returncode == 2
    assert "leakage.between: 'holdout' is none of the inputs that are checked (train, test)" in result.stderr


def jobs(platform: Platform) -> list[str]:
    answer = platform.client("sagemaker").list_training_jobs(MaxResults=100)
    return [one["TrainingJobName"] for one in answer["TrainingJobSummaries"]]


def result_uri(request: dict[str, Any]) -> str:
    (channel,) = [one for one in request["InputDataConfig"] if one["ChannelName"] == "data-validation"]
    return channel["DataSource"]["S3DataSource"]["S3Uri"] + "result.json"


def request_of(described: dict[str, Any]) -> dict[str, Any]:
    """A job as whoever submits the same again would ask for it."""
    members = (
        "AlgorithmSpecification RoleArn InputDataConfig OutputDataConfig ResourceConfig StoppingCondition Environment"
    )
    request = {name: described[name] for name in members.split()}
    request["AlgorithmSpecification"].pop("MetricDefinitions", None)
    return request


def failure(platform: Platform, request: dict[str, Any]) -> str:
    sagemaker = platform.client("sagemaker")
    sagemaker.create_training_job(**request)
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    with pytest.raises(Exception, match="terminal failure"):
        waiter.wait(TrainingJobName=request["TrainingJobName"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    described = sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"])
    assert described["TrainingJobStatus"] == "Failed"
    return described["FailureReason"]
