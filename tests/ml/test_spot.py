"""A managed spot job whose machines are taken away again and again, without a warning."""

import json
import random
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.local.sagemaker_server import eventually

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]

Platform = Any
JobFolder = Any

INTERRUPTIONS = 20
INTERVAL = 25
"""Steps between two checkpoints."""
LOG_GROUP = "/aws/sagemaker/TrainingJobs"

COUNTS = """
import json, sys, time
from pathlib import Path
from ml.checkpoints import Checkpoints

checkpoints = Checkpoints(wait_for_copy=True)
last = checkpoints.latest()
total = json.loads(last.path.read_text())["total"] if last else 0
step = last.step if last else 0
print(f"from {step}", flush=True)
while not Path(sys.argv[2]).exists():
    step += 1
    total += step
    time.sleep(0.01)
    print(f"step {step}", flush=True)
    if step % %INTERVAL% == 0:
        checkpoints.save(step, json.dumps({"total": total, "padding": "x" * 100_000}).encode())
print(f"end {step} {total}", flush=True)
""".replace("%INTERVAL%", str(INTERVAL))


def printed(platform: Platform, job: str) -> list[str]:
    """The job's log, over all its starts."""
    logs = platform.client("logs")
    lines: list[str] = []
    try:
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    for stream in streams:
        token: dict[str, str] = {}
        while True:
            page = logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], startFromHead=True, **token
            )
            lines += [event["message"] for event in page["events"]]
            if not page["events"]:
                break
            token = {"nextToken": page["nextForwardToken"]}
    return lines


def test_a_job_killed_twenty_times_repeats_at_most_the_interval_between_its_checkpoints(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    spec = job(
        COUNTS,
        name="spot",
        hyperparameters={"until": str(tmp_path / "enough")},
        spot={"max_wait": "15m"},
        max_runtime="10m",
    )
    name = platform.ml_json("train", spec, "--env", "local", "-y", "--no-wait")["name"]
    moments = random.Random(20261121)

    def starts() -> list[str]:
        return [line for line in printed(platform, name) if line.startswith("from ")]

    for count in range(1, INTERRUPTIONS + 1):
        eventually(starts, lambda lines, count=count: len(lines) == count)
        time.sleep(moments.uniform(0.0, 2.0))
        body = json.dumps({"TrainingJobName": name, "Warning": False}).encode()
        request = urllib.request.Request(f"{platform.url}/_groundwork/sagemaker/interrupt", body)
        assert urllib.request.urlopen(request, timeout=10).status == 200
    eventually(starts, lambda lines: len(lines) == INTERRUPTIONS + 1)
    (tmp_path / "enough").touch()
    sagemaker = platform.client("sagemaker")
    ended = eventually(
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        lambda described: described["TrainingJobStatus"] != "InProgress",
    )
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    interrupted = [one for one in ended["SecondaryStatusTransitions"] if one["Status"] == "Interrupted"]
    assert len(interrupted) == INTERRUPTIONS
    lines = printed(platform, name)
    repeated: list[int] = []
    reached = 0
    for line in lines:
        if line.startswith("from "):
            repeated.append(reached - int(line.split()[1]))
        elif line.startswith("step "):
            reached = int(line.split()[1])
    print(f"{INTERRUPTIONS} interruptions, steps repeated: {repeated[1:]}")
    assert len(repeated) == INTERRUPTIONS + 1
    assert all(0 <= steps <= INTERVAL for steps in repeated), repeated
    assert any(steps > 0 for steps in repeated)
    # The state is that of a run that was never interrupted.
    end = next(match for line in lines if (match := re.fullmatch(r"end (\d+) (\d+)", line)))
    assert int(end[2]) == int(end[1]) * (int(end[1]) + 1) // 2
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"http://127.0.0.1:{platform.mlflow_port}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(experiments, f"tags.`groundwork.job` = '{name}'")
    assert run.info.status == "FINISHED"
