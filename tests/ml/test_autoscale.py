"""Endpoints whose machines come and go with the load or the clock, by the `ml` command on the local platform."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ml.number_model import LOADER, TRAIN
from tests.scaling_alarms import alarm_with, tracking_alarm

pytestmark = [pytest.mark.ml, pytest.mark.timeout(600)]

Platform = Any
JobFolder = Any
Deploy = Ml = Callable[..., str]
NAME = "research-tides"
MAIN = f"endpoint/{NAME}/variant/main"


@pytest.fixture
def deploy(ml: Ml, job: JobFolder, tmp_path: Path) -> Deploy:
    (tmp_path / "loader.py").write_text(LOADER)

    def spec(number: int, **wanted: Any) -> Path:
        return job(TRAIN, name="tides", deploy={"endpoint": "tides", "environment": {"NUMBER": number}, **wanted})

    def run(number: int, *options: str, **wanted: Any) -> str:
        return ml("deploy", spec(number, **wanted), *options)

    ml("train", spec(1), "-y")
    return run


def limits(platform: Platform) -> dict[str, tuple[int, int]]:
    scaling = platform.client("application-autoscaling")
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    ours = [one for one in found if one["ResourceId"].startswith(f"endpoint/{NAME}/")]
    return {one["ResourceId"].rpartition("/")[2]: (one["MinCapacity"], one["MaxCapacity"]) for one in ours}


def machines(platform: Platform) -> int:
    """Of main, once nothing changes."""
    while (found := platform.client("sagemaker").describe_endpoint(EndpointName=NAME))["EndpointStatus"] == "Updating":
        time.sleep(0.2)
    return next(one["CurrentInstanceCount"] for one in found["ProductionVariants"] if one["VariantName"] == "main")


def load(platform: Platform, word: str, value: float, until: int) -> None:
    """Minutes of such a load by main's target tracking, until there are so many machines. word: High or Low."""
    deadline = time.monotonic() + 60
    while machines(platform) != until:
        assert time.monotonic() < deadline, f"{machines(platform)} machines"
        alarm_with(platform, tracking_alarm(platform, MAIN, word), value)
        time.sleep(0.3)


def test_machines_follow_load_and_clock_and_a_new_version_keeps_those_that_are_there(
    platform: Platform, ml: Ml, deploy: Deploy
) -> None:
    scaling = platform.client("application-autoscaling")
    morning = {"at": "cron(0 8 ? * MON-FRI *)", "timezone": "Europe/Berlin", "min": 2}
    wanted = {"max": 3, "requests_per_minute": 60, "scale_in_cooldown": "1s", "schedule": [morning]}
    assert "between 1 and 3 machines" in deploy(1, autoscale=wanted)
    assert limits(platform) == {"main": (1, 3)}
    (action,) = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker", ResourceId=MAIN)["ScheduledActions"]
    assert (action["Schedule"], action["Timezone"]) == (morning["at"], "Europe/Berlin")
    assert action["ScalableTargetAction"] == {"MinCapacity": 2}

    load(platform, "High", 120, until=2)
    deploy(2, autoscale={**wanted, "schedule": []})
    assert machines(platform) == 2
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker", ResourceId=MAIN)["ScheduledActions"] == []
    deploy(2, instance={"count": 3}, autoscale=wanted)
    assert machines(platform) == 2
    load(platform, "Low", 0, until=1)

    # SageMaker changes no machine that scales: it is let go, and scales again afterwards.
    said = deploy(3, instance={"type": "ml.m5.xlarge"}, autoscale={**wanted, "max": 4})
    assert "main scaled on ml.m5.large" in said
    assert limits(platform) == {"main": (1, 4)}
    shared = {"instance": {"type": "ml.m5.xlarge"}, "variant": "challenger", "weight": 20}
    deploy(1, **shared, autoscale=wanted)
    assert limits(platform) == {"main": (1, 4), "challenger": (1, 3)}
    deploy(3, instance={"type": "ml.m5.xlarge"})
    assert limits(platform) == {"main": (1, 4)}
    deploy(3, instance={"type": "ml.m5.xlarge"}, autoscale=False)
    assert limits(platform) == {}
    deploy(3, instance={"type": "ml.m5.xlarge"}, autoscale=wanted)
    ml("stop", "--endpoint", NAME)
    assert limits(platform) == {}
    alarms = platform.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"TargetTracking-{MAIN}")["MetricAlarms"]
    assert alarms == []


@pytest.mark.full
def test_an_asynchronous_endpoint_goes_to_no_machine_and_the_first_request_brings_one(
    platform: Platform, deploy: Deploy, tmp_path: Path
) -> None:
    wanted = {"min": 0, "max": 2, "backlog_per_machine": 5, "scale_in_cooldown": "1s"}
    deploy(1, autoscale=wanted, **{"async": {}})
    assert limits(platform) == {"main": (0, 2)}
    load(platform, "Low", 0, until=0)
    (tmp_path / "rows.csv").write_text("x\n1.0\n")
    causes: list[str] = []
    deadline = time.monotonic() + 240
    # A machine on its way out may still take the first request from the queue, and answers it.
    while not any(f"alarm {NAME}/wake in state ALARM" in cause for cause in causes):
        assert time.monotonic() < deadline, causes
        asked = platform.ml_json("predict", "--async", "--endpoint", "tides", tmp_path / "rows.csv", timeout=300)
        assert asked["predictions"] == [1]
        activities = platform.client("application-autoscaling").describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=MAIN
        )["ScalingActivities"]
        causes = [one["Cause"] for one in activities if one["Description"] == "Setting desired instance count to 1."]
    deploy(1, autoscale={**wanted, "min": 1}, **{"async": {}})
    assert platform.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}/")["MetricAlarms"] == []
