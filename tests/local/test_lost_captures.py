"""Captures that the inference server cannot write, and the alarm of `ml deploy` that says so, on the AWS server."""

from collections.abc import Iterator

import pytest

from ml.spec.model import EndpointInstance
from ml.targets.sagemaker.capture_alarm import request
from ml.targets.sagemaker.capturing import capturing_variables
from ml.targets.sagemaker.deployment import Target
from tests.local.sagemaker_server import SageMakerServer, eventually
from tests.unit.capture_writing import written
from tests.unit.ml_contract import contract

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("captures"))
    server.start()
    yield server
    server.stop()


@pytest.mark.full
def test_with_the_captures_bucket_gone_the_alarm_of_the_deployment_rings(server: SageMakerServer) -> None:
    target = Target(
        team="research",
        job="research-trial-1",
        model_data="s3://artifacts/model.tar.gz",
        endpoint="research-trial",
        instance=EndpointInstance.model_validate({}),
        image=None,
        environment={},
        capture_percent=100,
        masked=True,
    )
    cloudwatch = server.client("cloudwatch")
    made = request(contract(), target)
    cloudwatch.put_metric_alarm(**made)
    variables = capturing_variables(contract(), target)
    assert written(variables, 1, server.s3, cloudwatch) == '{"lost": 1}\n'

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[made["AlarmName"]])["MetricAlarms"]
        return alarm["StateValue"]

    eventually(state, lambda found: found == "ALARM")
