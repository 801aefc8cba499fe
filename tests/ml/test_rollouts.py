"""Rollouts by the `ml` command on the local platform: taken back by an alarm, carried through, and rolled back."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.ml.number_model import LOADER, TRAIN

pytestmark = [pytest.mark.ml, pytest.mark.timeout(600)]

Platform = Any
JobFolder = Any

NAME = "research-rolling-out"
GUARDED = {
    "rollout": {"strategy": "canary", "wait": "5m"},
    "rollback_on": {"errors_percent": 5, "p99_ms": 60000, "periods": 1},
}


class Version:
    """One spec after another of the same job and endpoint, which answers with the version's number."""

    def __init__(self, platform: Platform, job: JobFolder, folder: Path) -> None:
        (folder / "loader.py").write_text(LOADER)
        self._platform = platform
        self._job = job

    def spec(self, number: int, **deploy: Any) -> Path:
        variables = {"NUMBER": number, **deploy.pop("variables", {})}
        wanted = {"endpoint": "rolling-out", "instance": {"count": 2}, "environment": variables, **deploy}
        return self._job(TRAIN, name="rolling-out", deploy=wanted)

    def deploy(self, number: int, *options: str, code: int = 0, **deploy: Any) -> subprocess.CompletedProcess[str]:
        result = self._platform.ml("deploy", self.spec(number, **deploy), "--env", "local", *options, timeout=400)
        assert result.returncode == code, result.stdout + result.stderr
        return result


@pytest.fixture
def version(platform: Platform, job: JobFolder, tmp_path: Path) -> Iterator[Version]:
    made = Version(platform, job, tmp_path)
    trained = platform.ml("train", made.spec(1), "--env", "local", "-y")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    yield made
    platform.ml("stop", "--endpoint", NAME, "--env", "local", timeout=300)


@contextmanager
def callers(platform: Platform) -> Iterator[list[int | None]]:
    """Ask the endpoint all the time; the answers, None for an error."""
    answers: list[int | None] = []
    done = threading.Event()
    runtime = platform.client("sagemaker-runtime")

    def ask() -> None:
        while not done.wait(0.05):
            answers.append(one(runtime))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()


def one(runtime: Any) -> int | None:
    try:
        answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Body=b"x\n1.0\n")
    except ClientError:
        return None
    return json.loads(answer["Body"].read())["predictions"][0]


def test_a_canary_with_errors_is_taken_back_by_its_alarm_and_any_version_comes_back_by_one_command(
    platform: Platform, version: Version
) -> None:
    version.deploy(1)
    with callers(platform) as answers:
        taken_back = version.deploy(2, code=9, variables={"FAILS": "1"}, **GUARDED)
    assert f"was taken back by the alarm {NAME}/errors: Threshold Crossed" in taken_back.stdout
    assert "with what it served before: research-rolling-out-" in taken_back.stdout
    assert None in answers
    assert set(answers) == {1, None}
    runtime = platform.client("sagemaker-runtime")
    assert one(runtime) == 1
    version.deploy(3, "--rollout", "all-at-once", **GUARDED)
    assert one(runtime) == 3
    # The version that the alarm took back is passed over.
    back = platform.ml("rollback", NAME, "--env", "local", timeout=300)
    assert back.returncode == 0, back.stdout + back.stderr
    assert one(runtime) == 1
    listed = platform.ml_json("rollback", NAME, "--list")
    assert listed["serves"] == 1
    assert [each["taken_back"] for each in listed["versions"]] == ["", f"{NAME}/errors", ""]


@pytest.mark.full
def test_a_good_canary_ends_in_service_and_a_challenger_takes_its_share(platform: Platform, version: Version) -> None:
    version.deploy(1)
    guarded = {**GUARDED, "rollout": {"strategy": "canary", "wait": "20s", "bake": "10s"}}
    with callers(platform) as answers:
        version.deploy(2, **guarded)
    assert None not in answers
    assert set(answers) == {1, 2}
    runtime = platform.client("sagemaker-runtime")
    assert one(runtime) == 2
    version.deploy(3, "--variant", "challenger", "--weight", "30", "--rollout", "all-at-once", **guarded)
    asked = [one(runtime) for _ in range(200)]
    assert set(asked) == {2, 3}
    assert 20 <= asked.count(3) <= 100
    described = platform.client("sagemaker").describe_endpoint(EndpointName=NAME)
    weights = {each["VariantName"]: each["CurrentWeight"] for each in described["ProductionVariants"]}
    assert weights == {"main": 70, "challenger": 30}
    assert platform.ml("rollback", NAME, timeout=300).returncode == 0
    assert {one(runtime) for _ in range(20)} == {2}


@pytest.mark.full
def test_a_version_taken_back_while_nobody_waited_is_noticed_and_alarms_follow_the_version_that_comes_back(
    platform: Platform, version: Version
) -> None:
    version.deploy(1, **GUARDED)
    sagemaker = platform.client("sagemaker")
    with callers(platform):
        version.deploy(2, "--no-wait", variables={"FAILS": "1"}, **GUARDED)
        until = time.monotonic() + 300
        while sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] != "InService":
            assert time.monotonic() < until
            time.sleep(0.5)
    noticed = platform.ml("status", "--endpoint", NAME, "--env", "local")
    assert f"was taken back by the alarm {NAME}/errors meanwhile" in noticed.stdout, noticed.stdout + noticed.stderr
    assert platform.ml_json("status", "--endpoint", NAME)["taken_back"] is None
    listed = platform.ml_json("rollback", NAME, "--list")
    assert [each["taken_back"] for each in listed["versions"]] == ["", f"{NAME}/errors"]
    version.deploy(3, **{**GUARDED, "rollout": {"strategy": "canary", "wait": "10s"}})
    assert platform.ml("rollback", NAME, "--env", "local", timeout=300).returncode == 0
    serves = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]
    assert serves == listed["versions"][0]["config"]
    (alarm,) = platform.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}/p99"])["MetricAlarms"]
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]}["EndpointConfigName"] == serves


@pytest.mark.full
@pytest.mark.parametrize(
    "rollout",
    [
        {"strategy": "linear", "size": "50%", "wait": "10s"},
        {"strategy": "rolling", "size": 1, "wait": "10s"},
        {"strategy": "blue-green", "bake": "10s"},
    ],
    ids=lambda rollout: rollout["strategy"],
)
def test_a_rollout_fails_no_request_where_the_version_is_good_and_is_taken_back_where_it_is_not(
    platform: Platform, version: Version, rollout: dict[str, Any]
) -> None:
    guarded = {"rollout": rollout, "rollback_on": {"errors_percent": 5, "periods": 1}}
    version.deploy(1)
    with callers(platform) as answers:
        version.deploy(2, **guarded)
    assert set(answers) == {1, 2}
    with callers(platform) as answers:
        taken_back = version.deploy(3, code=9, variables={"FAILS": "1"}, **guarded)
    assert f"was taken back by the alarm {NAME}/errors" in taken_back.stdout
    assert set(answers) == {2, None}
    assert {one(platform.client("sagemaker-runtime")) for _ in range(10)} == {2}


MEMORY = {
    "name": "MemoryUtilization",
    "namespace": "/aws/sagemaker/Endpoints",
    "statistic": "Maximum",
    "above": 100 * (800 << 20) / psutil.virtual_memory().total,
    "dimensions": {"EndpointName": "{endpoint}", "VariantName": "{variant}"},
}


@pytest.mark.full
@pytest.mark.parametrize(
    ("fault", "rollback_on", "alarm", "share"),
    [
        ({"FAIL_EVERY": "100"}, {"errors_percent": 0.5}, "errors", 0.01),
        ({"FAIL_EVERY": "2"}, {"errors_percent": 5}, "errors", 0.5),
        ({"SLOW_S": "0.3"}, {"p99_ms": 250}, "p99", 0),
        ({"LEAK_MB": "6"}, {"metrics": [MEMORY]}, "metric/MemoryUtilization", 0),
    ],
    ids=["fails once in a hundred", "fails half of the time", "is slow", "leaks"],
)
def test_a_canary_that_is_not_well_is_taken_back_and_fails_no_more_than_its_share(
    platform: Platform,
    version: Version,
    fault: dict[str, str],
    rollback_on: dict[str, Any],
    alarm: str,
    share: float,
) -> None:
    guarded = {"rollout": {"strategy": "canary", "wait": "10m"}, "rollback_on": {**rollback_on, "periods": 1}}
    version.deploy(1)
    with callers(platform) as answers:
        taken_back = version.deploy(2, code=9, variables=fault, **guarded)
    assert f"was taken back by the alarm {NAME}/{alarm}" in taken_back.stdout
    assert 2 in answers
    # The canary is one machine of two, and has one request of two.
    assert answers.count(None) <= len(answers) / 2 * share + 1
    assert bool(answers.count(None)) is bool(share)
    assert {one(platform.client("sagemaker-runtime")) for _ in range(10)} == {1}


def servers() -> list[psutil.Process]:
    """The processes of the inference server that this endpoint's machines are."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "ml.serving" in process.cmdline() and process.environ().get("SM_ENDPOINT_NAME") == NAME:
                found.append(process)
    return found


@pytest.mark.full
@pytest.mark.parametrize("machines", [1, 2])
def test_an_inference_server_that_is_killed_under_load_is_replaced_and_fails_no_request(
    platform: Platform, version: Version, machines: int
) -> None:
    version.deploy(1, instance={"count": machines})
    killed: list[psutil.Process] = []
    with callers(platform) as answers:
        for _ in range(3):
            asked = len(answers)
            while len(answers) < asked + 20 or not servers():
                time.sleep(0.05)
            killed.append(servers()[0])
            killed[-1].kill()
        asked = len(answers)
        while len(answers) < asked + 20:
            time.sleep(0.05)
    assert set(answers) == {1}
    assert len({process.pid for process in killed}) == 3
    assert len(servers()) >= 1
    assert not {process.pid for process in servers()} & {process.pid for process in killed}


@pytest.mark.full
def test_a_version_that_cannot_be_loaded_gets_no_request_and_its_deployment_fails(
    platform: Platform, version: Version
) -> None:
    version.deploy(1)
    with callers(platform) as answers:
        failed = version.deploy(2, code=1, variables={"CRASH": "1"}, **GUARDED)
    assert "a model that cannot be loaded" in failed.stdout + failed.stderr
    assert set(answers) == {1}


@pytest.mark.full
def test_a_shadow_gets_copies_and_its_errors_reach_nobody(platform: Platform, version: Version) -> None:
    version.deploy(1, instance={"count": 1})
    version.deploy(
        2, "--variant", "shadow", "--rollout", "all-at-once", instance={"count": 1}, variables={"FAILS": "1"}
    )
    runtime, cloudwatch = platform.client("sagemaker-runtime"), platform.client("cloudwatch")
    assert {one(runtime) for _ in range(20)} == {1}
    shadow = [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": "shadow"}]
    period = {"StartTime": time.time() - 600, "EndTime": time.time() + 600, "Period": 3600, "Statistics": ["Sum"]}
    until, failed = time.monotonic() + 120, 0.0
    while failed < 20 and time.monotonic() < until:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker", MetricName="Invocation5XXErrors", Dimensions=shadow, **period
        )["Datapoints"]
        failed = sum(point["Sum"] for point in points)
        time.sleep(0.5)
    assert failed == 20
    version.deploy(3, "--rollout", "all-at-once", instance={"count": 1})
    described = platform.client("sagemaker").describe_endpoint(EndpointName=NAME)
    assert "ShadowProductionVariants" not in described
    assert {one(runtime) for _ in range(5)} == {3}
