"""What goes wrong while an endpoint serves: dead, leaking and slow models, and captures that nobody takes."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_load import Load
from tests.local.sagemaker_server import EACH_10_S, SageMakerServer, alive, eventually, metric_total

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("faults"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def serve(server: SageMakerServer, name: str, instances: int = 1, **environment: str) -> None:
    variant = {"VariantName": "main", "ModelName": server.model(name, TAG=name, **environment)}
    server.config(name, {**variant, "InitialInstanceCount": instances}, MetricsConfig=EACH_10_S)
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert server.settled(name)["EndpointStatus"] == "InService"


@pytest.mark.parametrize("instances", [1, 3])
def test_killed_processes_are_replaced_under_load_and_no_request_fails(server: SageMakerServer, instances: int) -> None:
    name = f"killed-{instances}"
    serve(server, name, instances)
    killed: set[int] = set()
    with Load(server, name, callers=4) as load:
        for _ in range(4):
            load.wait_for(15)
            killed.add(pid := server.invoke(name)["pid"])
            os.kill(pid, signal.SIGKILL)
        load.wait_for(30)
    assert not load.failures
    assert not any(alive(pid) for pid in killed)
    assert server.settled(name)["EndpointStatus"] == "InService"
    eventually(lambda: {server.invoke(name)["pid"] for _ in range(30)}, lambda pids: len(pids) == instances)


def test_a_request_that_kills_its_server_kills_no_more_than_two(server: SageMakerServer) -> None:
    serve(server, "poisoned", 3)
    before = {server.invoke("poisoned")["pid"] for _ in range(60)}
    with pytest.raises(ClientError, match="ModelError"):
        server.invoke("poisoned", "die")
    assert len([pid for pid in before if alive(pid)]) == 1


def test_a_model_that_leaks_until_it_dies_is_started_again_and_serves_on(server: SageMakerServer) -> None:
    serve(server, "leaks", 2, LEAK_MB="16", MEMORY_MB="512")
    first = {server.invoke("leaks")["pid"] for _ in range(10)}
    with Load(server, "leaks", callers=2) as load:
        eventually(lambda: [pid for pid in first if alive(pid)], lambda left: not left)
        load.wait_for(10)
    # Both processes may run full at the same time: a request goes to a second process and to no third.
    assert load.failures.total() * 10 < load.answers.total()


def answered(server: SageMakerServer, name: str) -> bool:
    """Whether a request gets an answer and not the model's error."""
    try:
        server.invoke(name)
    except ClientError as error:
        if error.response["OriginalStatusCode"] == 500:
            return False
        raise
    return True


@pytest.mark.full
def test_the_share_of_errors_that_a_model_has_is_what_callers_see_and_metrics_say(server: SageMakerServer) -> None:
    serve(server, "one", FAIL_EVERY="100")
    serve(server, "half", FAIL_EVERY="2")
    for name, failures in (("one", 2), ("half", 100)):
        seen = [answered(server, name) for _ in range(200)].count(False)
        assert seen == failures
        eventually(lambda name=name: metric_total(server, "Invocations", name, "main"), lambda count: count == 200)
        assert metric_total(server, "Invocation5XXErrors", name, "main") == failures


def test_a_slow_request_holds_no_other_up(server: SageMakerServer) -> None:
    serve(server, "slow", 2)
    held = server.folder / "held"
    held.touch()
    waiting = threading.Thread(target=server.invoke, args=("slow", f"hold {held}"))
    waiting.start()
    eventually(lambda: (server.folder / "held.slow").exists(), bool)
    with Load(server, "slow") as load:
        load.wait_for(50)
    held.unlink()
    waiting.join()
    assert not load.failures


def test_where_the_captures_bucket_is_gone_serving_goes_on_and_a_log_and_a_metric_say_so(
    server: SageMakerServer,
) -> None:
    server.s3.create_bucket(Bucket="short-lived")
    server.config(
        "captures",
        {"VariantName": "main", "ModelName": server.model("captures", TAG="captures")},
        DataCaptureConfig={
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://short-lived/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    server.sagemaker.create_endpoint(EndpointName="captures", EndpointConfigName="captures")
    server.settled("captures")
    server.s3.delete_bucket(Bucket="short-lived")
    with Load(server, "captures", callers=1) as load:
        load.wait_for(20)
    assert not load.failures
    asked = load.total
    eventually(
        lambda: metric_total(server, "DataCaptureErrors", "captures", "main", "Groundwork/LocalSageMaker"),
        lambda lost: lost == asked,
    )
    events = server.logs.get_log_events(
        logGroupName="/aws/sagemaker/Endpoints/captures", logStreamName="main/data-capture"
    )["events"]
    assert "could not be written to s3://short-lived/captured/captures/main: NoSuchBucket" in events[0]["message"]
