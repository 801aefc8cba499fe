"""An endpoint of development that scales to zero, by the `ml` command on the local platform."""

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
Ml = Callable[..., str]
NAME = "research-naps"
ASLEEP = 11


def scale_in(platform: Platform) -> None:
    low = tracking_alarm(platform, f"inference-component/{NAME}", "Low")
    deadline = time.monotonic() + 60
    # A look at the alarm may find it otherwise meanwhile; and copies answer until they are gone.
    while copies(platform) != 0:
        assert time.monotonic() < deadline, "it did not scale in"
        alarm_with(platform, low, 0.0)
        time.sleep(0.5)


def copies(platform: Platform) -> int:
    found = platform.client("sagemaker").describe_inference_component(InferenceComponentName=NAME)
    return found["RuntimeConfig"]["CurrentCopyCount"]


def test_an_endpoint_scales_to_zero_says_so_and_wakes_up(
    platform: Platform, job: JobFolder, tmp_path: Path, ml: Ml
) -> None:
    (tmp_path / "loader.py").write_text(LOADER)
    rows = tmp_path / "rows.csv"
    rows.write_text("x\n1.0\n")

    def spec(number: int) -> Path:
        deploy = {"endpoint": "naps", "environment": {"NUMBER": number}, "scale": {"max": 2}}
        return job(TRAIN, name="napping", deploy=deploy)

    ml("train", spec(1), "-y")
    deployed = ml("deploy", spec(1))
    assert "research-naps is in service with research-napping-" in deployed
    assert "After 15 minutes without a request it scales in" in deployed
    assert "Serving already" in ml("deploy", spec(1))
    assert ml("predict", "--endpoint", "naps", rows).strip() == "1"
    assert "Copies of its model: 1 (InService)." in ml("status", NAME)

    scale_in(platform)
    ask = ("predict", "--endpoint", NAME, rows)
    assert "has scaled to zero, and this call wakes it up" in ml(*ask, code=ASLEEP)
    assert "Copies of its model: 0 (InService). The next call fails and wakes it up" in ml("status", NAME)
    swept = ml("gc", "--team", "research", "--unused-after", "1s", "--min-age", "1s").splitlines()
    assert not [line for line in swept if "nothing uses it" in line and "-nap" in line]
    alarm_with(platform, f"{NAME}/wake", 1.0)
    assert ml(*ask, "--wait").startswith("1\n")

    ml("deploy", spec(2))
    assert ml(*ask).strip() == "2"
    assert "scales by copies of a model" in ml("rollback", NAME, "--to", "1", code=1)
    assert "gone" in ml("stop", "--endpoint", NAME)
    left = platform.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"inference-component/{NAME}"]
    )
    assert left["ScalableTargets"] == []
    assert platform.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}/")["MetricAlarms"] == []
