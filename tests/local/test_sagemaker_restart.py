"""What the data plane does when its server is killed, stopped and started again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.sagemaker_server import SageMakerServer, alive, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("restart"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def training(server: SageMakerServer, name: str, script: str) -> int:
    """Submits a job whose script first prints its parent's and its own process id, and waits for it: both ids."""
    server.submit(name, f"echo pid $PPID $$; {script}")

    def ids() -> list[str]:
        try:
            return [line for line in server.printed(name) if line.startswith("pid")]
        except server.logs.exceptions.ResourceNotFoundException:
            return []

    return int(eventually(ids, bool)[0].split()[1])


def test_a_job_outlives_a_killed_server(server: SageMakerServer, tmp_path: Path) -> None:
    go = tmp_path / "go"
    training(server, "outlives", f"while [ ! -e {go} ]; do sleep 0.05; done; echo loss=1; echo m > /opt/ml/model/m")
    server.stop(signal.SIGKILL)
    server.start()
    assert server.sagemaker.describe_training_job(TrainingJobName="outlives")["SecondaryStatus"] == "Training"
    go.touch()
    job = server.ended("outlives")
    assert job["TrainingJobStatus"] == "Completed"
    assert server.unpacked("out/outlives/output/model.tar.gz") == {"m": "m\n"}
    assert [line for line in server.printed("outlives") if not line.startswith("pid")] == ["loss=1"]


def test_a_job_that_ends_while_no_server_runs_is_finished_by_the_next(server: SageMakerServer, tmp_path: Path) -> None:
    go = tmp_path / "go"
    shim = training(server, "finished", f"while [ ! -e {go} ]; do sleep 0.05; done; echo last; exit 4")
    server.stop(signal.SIGKILL)
    go.touch()
    eventually(lambda: alive(shim), lambda running: not running)
    server.start()
    job = server.ended("finished")
    assert job["FailureReason"] == "AlgorithmError: , exit code: 4"
    assert server.printed("finished")[-1] == "last"


def test_a_job_that_was_lost_with_its_server_says_so(server: SageMakerServer) -> None:
    shim = training(server, "lost", "sleep 1000")
    server.stop(signal.SIGKILL)
    os.kill(shim, signal.SIGKILL)
    eventually(lambda: alive(shim), lambda running: not running)
    server.start()
    job = server.ended("lost")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: The local AWS server died while the job was training")


def test_a_clean_stop_ends_jobs_and_says_so(server: SageMakerServer) -> None:
    shim = training(server, "ended", "sleep 1000")
    server.stop()
    assert not alive(shim)
    server.start()
    assert server.ended("ended")["FailureReason"] == (
        "InternalServerError: The local AWS server was stopped while the job ran."
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_endpoints_come_back_with_their_server(server: SageMakerServer, how: signal.Signals) -> None:
    name = f"e-{how.name}"
    server.config(name, {"VariantName": "All", "ModelName": server.model(name, TAG="back")})
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    server.settled(name)
    pid = server.invoke(name)["pid"]
    server.stop(how)
    eventually(lambda: alive(pid), lambda running: not running)
    server.start()
    # The first call waits for the model server instead of failing.
    assert server.invoke(name)["tag"] == "back"
    assert server.settled(name)["EndpointStatus"] == "InService"
