"""`ml plan`, the question that `ml train` asks, `--max-cost`, and what a job says that the spend guard has stopped."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ml.errors import ExitCode

# The import mode of this suite puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
from conftest import ROOT, JobFolder, Platform

pytestmark = pytest.mark.ml


def findings(plan: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["about"]: (one["level"], one["text"]) for one in plan["findings"]}


def test_a_plan_looks_at_everything_and_sends_nothing(platform: Platform, job: JobFolder, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    spec = job("print('hello')", name="planned", max_cost=0.5, inputs={"train": "./rows.csv"})
    plan = platform.ml_json("plan", spec, "--env", "local")
    assert plan["can_run"]
    assert plan["cost"]["hourly_usd"] == 0.23
    assert (plan["cost"]["max_cost_usd"], plan["cost"]["bounded_by"]) == (0.5, "max_cost")
    seen = findings(plan)
    assert seen["account"][1].startswith("123456789012, as arn:aws:iam::")
    assert seen["role"] == ("ok", "arn:aws:iam::123456789012:role/research-execution")
    assert seen["quota"] == ("ok", "ml.m5.xlarge for training job usage: 8, of which 1 are asked for")
    assert seen["code"][1].endswith("to be uploaded")
    assert not plan["cached"]
    assert platform.ml("status", "research-planned", "--env", "local").returncode == ExitCode.NOT_FOUND
    platform.ml_json("train", spec, "--env", "local", "-y")
    again = platform.ml_json("plan", spec, "--env", "local")
    assert again["cached"]
    assert findings(again)["input train"][1].endswith("uploaded already")


def test_a_plan_that_cannot_run_ends_with_3_and_says_why(platform: Platform, job: JobFolder) -> None:
    spec = job("", inputs={"train": "nothing-there"}, instance={"count": 9})
    result = platform.ml("plan", spec, "--env", "local")
    assert result.returncode == ExitCode.ENVIRONMENT
    assert "✗ input train" in result.stdout
    assert "ml.m5.xlarge for training job usage: 8, and the job asks for 9" in result.stderr


def test_a_limit_in_dollars_is_a_limit_of_sagemakers(platform: Platform, job: JobFolder) -> None:
    spec = job("print('hello')", name="bounded")
    state = platform.ml_json("train", spec, "--env", "local", "-y", "--max-cost", "0.05")
    described = platform.client("sagemaker").describe_training_job(TrainingJobName=state["name"])
    # 0.05 dollars last 782 s at 0.23 an hour; 120 s of them are a stopped script's.
    assert described["StoppingCondition"] == {"MaxRuntimeInSeconds": 662}
    tags = platform.client("sagemaker").list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    assert {"Key": "groundwork:max-cost-usd", "Value": "0.05"} in tags


def test_a_limit_that_cannot_be_kept_is_refused_before_anything_is_sent(platform: Platform, job: JobFolder) -> None:
    spec = job("", name="unkept", instance={"type": "ml.c6i.xlarge"})
    result = platform.ml("train", spec, "--env", "local", "-y", "--max-cost", "1")
    assert result.returncode == ExitCode.USAGE
    assert "There is no price of sagemaker:ml.c6i.xlarge in us-east-1" in result.stderr
    result = platform.ml("train", spec, "--env", "local", "-y", "--max-cost", "0.001")
    assert result.returncode == ExitCode.USAGE
    assert platform.ml("status", "research-unkept", "--env", "local").returncode == ExitCode.NOT_FOUND


def test_validate_against_an_environment_says_the_price(platform: Platform, job: JobFolder) -> None:
    result = platform.ml("validate", job(""), "--env", "local")
    assert result.returncode == 0, result.stderr
    assert "is valid in local" in result.stdout
    assert "0.23 USD an hour" in result.stdout
    refused = platform.ml("validate", job("", image="trainng:1"), "--env", "local")
    assert refused.returncode == ExitCode.USAGE
    assert "did you mean training?" in refused.stderr


def test_nobody_to_ask_is_an_error_with_the_command(platform: Platform, job: JobFolder) -> None:
    spec = job("", name="unasked")
    result = platform.ml("train", spec, "--env", "local", stdin=subprocess.DEVNULL)
    assert result.returncode == ExitCode.USAGE
    assert f"ml train {spec} --env local -y" in result.stderr


@pytest.mark.parametrize(("answer", "code", "runs"), [(b"y\n", 0, True), (b"\n", 0, False)])
def test_in_a_terminal_the_plan_is_shown_and_somebody_asked(
    platform: Platform, job: JobFolder, answer: bytes, code: int, runs: bool
) -> None:
    name = "asked" if runs else "declined"
    spec = job("print('it runs')", name=name)
    master, slave = pty.openpty()
    os.write(master, answer)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "ml", "train", str(spec), "--env", "local"],
            cwd=ROOT,
            env={**os.environ, **platform.variables},
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert result.returncode == code, result.stderr
    assert f"research-{name} in local would be:" in result.stderr
    assert "Run it? [y/N]" in result.stderr
    assert ("it runs" in result.stdout) == runs
    assert ("Nothing was sent." in result.stderr) != runs
    status = platform.ml("status", f"research-{name}", "--env", "local")
    assert (status.returncode == 0) == runs


def test_a_job_that_the_platform_has_stopped_says_why(platform: Platform, job: JobFolder) -> None:
    submitted = platform.ml_json(
        "train", job("import time; time.sleep(60)", name="stopped"), "--env", "local", "-y", "--no-wait"
    )
    sagemaker = platform.client("sagemaker")
    until = time.monotonic() + 60
    while sagemaker.describe_training_job(TrainingJobName=submitted["name"])["SecondaryStatus"] != "Training":
        assert time.monotonic() < until
        time.sleep(0.1)
    # What the spend guard does (tests/local/test_spend_guard.py runs the guard itself).
    because = "budget of team research for 2026-11 is 400.00 USD - 399.99 USD spent"
    tag = {"Key": "groundwork:stopped-because", "Value": because}
    sagemaker.add_tags(ResourceArn=submitted["arn"], Tags=[tag])
    sagemaker.stop_training_job(TrainingJobName=submitted["name"])
    followed = platform.ml("logs", "-f", submitted["name"], "--env", "local")
    assert followed.returncode == ExitCode.STOPPED
    assert because in followed.stderr
    status = platform.ml("status", submitted["name"], "--env", "local")
    assert status.returncode == ExitCode.STOPPED
    assert f"was stopped after {status.stdout.partition('after ')[2].partition(':')[0]}: {because}" in status.stdout
    document = platform.ml("status", submitted["name"], "--env", "local", "-o", "json")
    assert because in document.stdout
