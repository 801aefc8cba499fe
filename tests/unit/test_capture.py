"""What an endpoint is asked and answers, kept by SageMaker or, where columns are personal, by the container."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.errors import MlError
from ml.spec.model import Deployment, EndpointInstance
from ml.targets.sagemaker.capture_alarm import watch_captures
from ml.targets.sagemaker.capturing import (
    capture_config,
    capturing_variables,
    may_hold_personal_columns,
    refuse_what_cannot_be_masked,
)
from ml.targets.sagemaker.deployment import Target, config_name
from tests.unit.capture_writing import written
from tests.unit.memory_s3 import environment
from tests.unit.ml_contract import KEY, contract

pytestmark = pytest.mark.unit


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "team": "research",
        "job": "research-trial-20261121-101500-00ff",
        "model_data": "s3://artifacts/model.tar.gz",
        "endpoint": "research-trial",
        "instance": EndpointInstance.model_validate({}),
        "image": None,
        "environment": {},
    }
    return Target(**{**values, **changes})


def test_sagemaker_captures_for_a_model_without_personal_columns() -> None:
    made = target(capture_percent=20)
    config = capture_config(contract(), made)["DataCaptureConfig"]
    assert (config["InitialSamplingPercentage"], config["KmsKeyId"]) == (20, KEY)
    assert config["DestinationS3Uri"] == "s3://artifacts/teams/research/capture"
    assert capturing_variables(contract(), made) == {}


def test_the_container_captures_where_columns_are_personal_and_sagemaker_does_not() -> None:
    made = target(capture_percent=0.5, masked=True)
    assert capture_config(contract(), made) == {}
    assert capturing_variables(contract(), made) == {
        "SERVING_CAPTURE_URI": "s3://artifacts/teams/research/capture/research-trial/main",
        "SERVING_CAPTURE_PERCENT": "0.5",
        "SERVING_CAPTURE_METRICS": "groundwork/research",
    }


def test_an_alarm_says_that_the_containers_captures_are_lost() -> None:
    told: list[dict[str, Any]] = []

    class CloudWatch:
        def put_metric_alarm(self, **call: Any) -> None:
            told.append(call)

    class NoBucket:
        def put_object(self, **call: Any) -> None:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": call["Bucket"]}}, "PutObject")

    class Metrics:
        def put_metric_data(self, **call: Any) -> None:
            told.append(call)

    made = target(capture_percent=0.5, masked=True)
    watch_captures(environment({"cloudwatch": CloudWatch()}), contract(), made)
    watch_captures(environment({}), contract(), target(capture_percent=5))
    (alarm,) = told
    written(capturing_variables(contract(), made), 2, NoBucket(), Metrics())
    (datum,) = told[1]["MetricData"]
    assert (datum["Value"], datum["MetricName"], told[1]["Namespace"]) == (2, alarm["MetricName"], alarm["Namespace"])
    assert datum["Dimensions"] == alarm["Dimensions"]
    assert alarm["AlarmName"] == "research-trial/captures/main"


def test_nobody_captures_unless_the_spec_says_so() -> None:
    assert (capture_config(contract(), target()), capturing_variables(contract(), target())) == ({}, {})
    assert Deployment.model_validate({"endpoint": "e"}).capture is None
    captured = Deployment.model_validate({"endpoint": "e", "capture": {}}).capture
    assert captured is not None
    assert captured.percent == 100


def test_a_configuration_that_captures_is_another_one() -> None:
    names = {config_name(target(**changes), "m") for changes in ({}, {"capture_percent": 5}, {"capture_percent": 6})}
    assert len(names) == 3


def test_a_server_that_cannot_mask_is_refused() -> None:
    for changes in ({"image": "other:1"}, {"package": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1"}):
        with pytest.raises(MlError, match="may have personal columns"):
            refuse_what_cannot_be_masked(target(capture_percent=5, masked=True, **changes))
        refuse_what_cannot_be_masked(target(capture_percent=5, **changes))


class Jobs:
    """A training job with a validation that found these columns personal; without, one that had none."""

    def __init__(self, personal: list[str] | None):
        self.personal = personal

    def describe_training_job(self, TrainingJobName: str) -> Any:  # noqa: N803
        if TrainingJobName != "there":
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "not found"}}, "DescribeTrainingJob")
        source = {"S3DataSource": {"S3Uri": "s3://b/v/"}}
        channels = [{"ChannelName": "data-validation", "DataSource": source}] if self.personal is not None else []
        return {"InputDataConfig": channels}

    def get_object(self, **_: Any) -> Any:
        return {"Body": io.BytesIO(json.dumps({"personal": self.personal}).encode())}


@pytest.mark.parametrize(
    ("personal", "job", "may"),
    [(["name"], "there", True), ([], "there", False), (None, "there", False), (None, "elsewhere", True)],
)
def test_who_captures_depends_on_the_data_that_the_model_was_trained_on(
    personal: list[str] | None, job: str, may: bool
) -> None:
    services = Jobs(personal)
    assert may_hold_personal_columns(environment({"sagemaker": services, "s3": services}), job) is may
