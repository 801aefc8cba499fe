"""A spec as the request that SageMaker gets."""

import re
from pathlib import Path
from typing import Any

import pytest

from ml.errors import SpecError
from ml.images import framework_image, training_image
from ml.spec import Framework, JobSpec
from ml.targets.sagemaker.storage import Uploads
from ml.targets.sagemaker.training import JOB_NAME, job_name, job_request
from tests.unit.ml_contract import ACCOUNT, KEY, REGION, REGISTRY, contract

pytestmark = pytest.mark.unit


def spec(**fields: Any) -> JobSpec:
    if "framework" not in fields:
        fields.setdefault("image", "training:0.1.0")
    return JobSpec.model_validate({"name": "trial", "team": "research", "entry_point": "train.py", **fields})


def request(**fields: Any) -> dict[str, Any]:
    return job_request(spec(**fields), contract(), "research-trial-20261121-101500-00ff")


def test_a_jobs_name_has_the_team_first_and_is_new_each_time() -> None:
    names = {job_name(spec()) for _ in range(20)}
    assert len(names) > 1  # those of one second differ by 16 random bits: of 20, two are alike once in 350 times
    for name in names:
        match = JOB_NAME.fullmatch(name)
        assert match is not None
        assert match["stem"] == "research-trial"


def test_the_longest_names_leave_room_for_a_models_name() -> None:
    longest = spec(name="n" * 22)  # and "research-" make 31 characters
    assert len(job_name(longest)) + len("-12345678") <= 63


def test_everything_about_the_platform_comes_from_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada <lovelace>")
    made = request()
    assert made["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/research-execution"
    assert made["OutputDataConfig"] == {"S3OutputPath": "s3://artifacts/teams/research/jobs", "KmsKeyId": KEY}
    assert made["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert made["AlgorithmSpecification"]["TrainingImage"] == f"{REGISTRY}/training:0.1.0"
    assert made["Environment"]["MLFLOW_TRACKING_URI"].startswith("arn:aws:sagemaker:")
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == {
        "groundwork:team": "research",
        "groundwork:environment": "dev",
        "groundwork:owner": "ada -lovelace-",
    }


def test_hyperparameters_travel_as_text_that_reads_back() -> None:
    made = request(hyperparameters={"rate": 0.1, "deep": True, "layers": [1, 2], "name": "x"})
    assert made["HyperParameters"] == {"rate": "0.1", "deep": "true", "layers": "[1, 2]", "name": "x"}


def test_the_specs_own_variables_win() -> None:
    assert request(environment={"MLFLOW_EXPERIMENT_NAME": "mine", "N": 3})["Environment"]["N"] == "3"
    assert request(environment={"MLFLOW_EXPERIMENT_NAME": "mine"})["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "mine"


def test_a_job_may_ask_for_no_more_time_than_the_platform_allows() -> None:
    assert request(max_runtime="30m")["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}
    assert request()["StoppingCondition"] == {"MaxRuntimeInSeconds": 7200}
    with pytest.raises(SpecError, match=r"the platform allows 7200 s \(2 hours\)"):
        request(max_runtime="3h")


def test_a_spot_job_waits_and_keeps_checkpoints_of_its_own() -> None:
    made = request(spot={"max_wait": "1h"})
    assert made["EnableManagedSpotTraining"] is True
    assert made["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 3600}
    assert made["CheckpointConfig"] == {
        "S3Uri": "s3://artifacts/teams/research/checkpoints/research-trial-20261121-101500-00ff"
    }
    assert "CheckpointConfig" not in request(spot={"max_wait": "1h", "checkpoint": False})


@pytest.mark.parametrize(
    ("instance", "keyed"),
    [
        ("ml.m5.xlarge", True),
        ("ml.c5n.xlarge", True),
        ("ml.p3.2xlarge", True),
        ("ml.m5d.xlarge", False),
        ("ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", False),
        ("ml.p4d.24xlarge", False),
        ("ml.p5.48xlarge", False),
        ("ml.trn1.2xlarge", False),
    ],
)
def test_only_disks_that_are_volumes_get_a_key(instance: str, keyed: bool) -> None:
    assert ("VolumeKmsKeyId" in request(instance={"type": instance})["ResourceConfig"]) is keyed


def test_the_start_command_fits_what_the_api_takes() -> None:
    algorithm = request()["AlgorithmSpecification"]
    assert all(len(word) <= 256 for word in algorithm["ContainerEntrypoint"] + algorithm["ContainerArguments"])


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("trainign:1", "did you mean training?"),
        ("training", "write training:TAG"),
        ("other:1", "it has serving, training"),
    ],
)
def test_an_image_that_the_platform_lacks_names_what_it_has(image: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        training_image(spec(image=image), contract())


def test_an_image_uri_is_taken_as_it_is() -> None:
    assert training_image(spec(image="public.ecr.aws/x/y:1"), contract()) == "public.ecr.aws/x/y:1"


@pytest.mark.parametrize(
    ("name", "version", "instance", "uri"),
    [
        ("sklearn", "1.4-2", "ml.m5.large", "141502667606.{}/sagemaker-scikit-learn:1.4-2-cpu-py3"),
        ("xgboost", "1.7-1", "ml.m5.large", "141502667606.{}/sagemaker-xgboost:1.7-1"),
        ("pytorch", "2.8", "ml.g5.xlarge", "763104351884.{}/pytorch-training:2.8-gpu-py312"),
        ("tensorflow", "2.19", "ml.m5.large", "763104351884.{}/tensorflow-training:2.19-cpu-py312"),
    ],
)
def test_a_framework_is_the_container_that_the_sdk_names(name: Any, version: str, instance: str, uri: str) -> None:
    # The expected values are what sagemaker.core.image_uris.retrieve of sagemaker 3.27 answers.
    made = framework_image(Framework(name=name, version=version), REGION, instance)
    assert made == uri.format(f"dkr.ecr.{REGION}.amazonaws.com")


def test_an_unknown_framework_version_names_the_newest_ones() -> None:
    with pytest.raises(SpecError, match=r"newest: .*1\.4-2"):
        framework_image(Framework(name="sklearn", version="9"), REGION, "ml.m5.large")


class RecordingS3:
    """Keeps what is put; heads answer from it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def head_object(self, **call: Any) -> None:
        from botocore.exceptions import ClientError

        if call["Key"] not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")

    def put_object(self, **call: Any) -> None:
        self.objects[call["Key"]] = call["Body"]


def test_an_input_is_uploaded_once_and_what_marks_it_whole_comes_last(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "b.csv").write_text("2")
    s3 = RecordingS3()
    uploads = Uploads(s3, "s3://artifacts/teams/research", None)
    uri = uploads.local_input(tmp_path)
    keys = list(s3.objects)
    folder = uri.removeprefix("s3://artifacts/")
    assert keys == [f"{folder}a.csv", f"{folder}b.csv", f"{folder.rstrip('/')}.json"]
    s3.objects[f"{folder}a.csv"] = b"untouched"
    assert uploads.local_input(tmp_path) == uri
    assert s3.objects[f"{folder}a.csv"] == b"untouched"
