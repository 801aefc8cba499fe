"""Captures that the inference server cannot write, and the alarm of `ml deploy` that says so, on the AWS server."""

import io
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from ml.serving.capture_writer import CaptureSettings, Writer
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker.capture_alarm import request
from ml.targets.sagemaker.capturing import capturing_variables
from ml.targets.sagemaker.deployment import Target
from tests.local.sagemaker_server import SageMakerServer, eventually
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
    settings = CaptureSettings(
        uri=variables["SERVING_CAPTURE_URI"],
        interval_s=0,
        personal=(),
        columns=(),
        log_form="json",
        namespace=variables["SERVING_CAPTURE_METRICS"],
    )
    csv = ("text/csv", None, None)
    batches: queue.Queue[Any] = queue.Queue()
    batches.put([("text/csv", csv, b"1", "text/csv", csv, b"2", "one", 0.0)])
    batches.put(None)
    report = io.StringIO()
    Writer(settings, report, server.s3, cloudwatch).run(batches)
    assert report.getvalue() == '{"lost": 1}\n'

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[made["AlarmName"]])["MetricAlarms"]
        return alarm["StateValue"]

    eventually(state, lambda found: found == "ALARM")
