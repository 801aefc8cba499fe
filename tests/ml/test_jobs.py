"""Jobs from the command line, on the real AWS server: what they get, and how their outcome is told."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ml.targets.sagemaker import storage

pytestmark = pytest.mark.ml

Platform = Any
JobFolder = Any

WRITES_A_MODEL = """
import json, os, sys
from pathlib import Path
Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps(sys.argv[1:]))
print("loss=0.5")
print("loss=0.25")
"""


def test_a_job_that_succeeds_leaves_its_model_its_metrics_and_its_tags(platform: Platform, job: JobFolder) -> None:
    spec = job(WRITES_A_MODEL, hyperparameters={"rate": 0.1}, metrics={"loss": "loss=([0-9.]+)"})
    result = platform.ml("train", spec, "--env", "local", "-y", "--set", "rate=0.2", "--set", "depth=3", "-o", "json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["status"] == "Completed"
    assert document["metrics"] == {"loss": 0.25}
    assert "loss=0.5" in result.stderr
    bucket, _, key = document["model_data"].removeprefix("s3://").partition("/")
    assert key.startswith("teams/research/jobs/research-trial-")
    body = platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        (member,) = [one for one in archive.getmembers() if one.isfile()]
        model = archive.extractfile(member)
        assert model is not None
        assert json.load(model) == ["--depth", "3", "--rate", "0.2"]
    sagemaker = platform.client("sagemaker")
    described = sagemaker.describe_training_job(TrainingJobName=document["name"])
    tags = sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags if tag["Key"] != "groundwork:audit"} == {
        "groundwork:team": "research",
        "groundwork:environment": "local",
        "groundwork:owner": "tester",
    }


def test_a_script_that_raises_ends_with_1_its_traceback_and_where_the_log_is(
    platform: Platform, job: JobFolder
) -> None:
    spec = job("print('reading')\ndef read():\n    raise ValueError('no column fare')\nread()\n")
    result = platform.ml("train", spec, "--env", "local", "-y", "--no-log")
    assert result.returncode == 1
    assert "failed after" in result.stdout
    assert 'File "train.py", line 4' in result.stdout
    assert "ValueError: no column fare" in result.stdout
    name = result.stdout.split()[0]
    assert f"Full log: ml logs {name} --env local" in result.stdout
    log = platform.ml("logs", name)
    assert log.returncode == 0
    assert log.stdout.splitlines()[0] == "reading"
    assert platform.ml("status", name).returncode == 1


def test_a_job_that_runs_out_of_time_ends_with_5(platform: Platform, job: JobFolder) -> None:
    result = platform.ml("train", job("import time; time.sleep(60)", max_runtime="1s"), "--env", "local", "-y")
    assert result.returncode == 5, result.stderr
    assert "ran out of time" in result.stdout


def test_a_job_is_followed_and_stopped_by_the_name_without_its_time(platform: Platform, job: JobFolder) -> None:
    spec = job("import time\nprint('begun', flush=True)\ntime.sleep(60)", name="endless")
    submitted = platform.ml_json("train", spec, "--env", "local", "-y", "--no-wait")
    follower = subprocess.Popen(
        [sys.executable, "-m", "ml", "logs", "-f", submitted["name"]],
        env={**os.environ, **platform.variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert follower.stdout.readline() == "begun\n"
    assert platform.ml("status", "research-endless").returncode == 7
    stopped = platform.ml("stop", "research-endless")
    assert stopped.returncode == 0
    assert f"{submitted['name']} stopped" in stopped.stdout
    assert follower.wait(30) == 4
    assert platform.ml("status", "research-endless").returncode == 4


def test_control_c_stops_the_waiting_and_not_the_job(platform: Platform, job: JobFolder) -> None:
    spec = job("import time\nprint('begun', flush=True)\ntime.sleep(60)", name="left-alone")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "ml", "train", str(spec), "--env", "local", "-y"],
        env={**os.environ, **platform.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "begun\n"
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert "goes on" in said
    assert "ml stop research-left-alone-" in said
    assert "Traceback" not in said
    assert platform.ml_json("status")["jobs"][0]["status"] == "InProgress"
    platform.ml("stop", "research-left-alone")


def test_inputs_come_from_the_teams_prefix_from_s3_and_from_this_machine(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    s3 = platform.client("s3")
    s3.put_object(Bucket="groundwork-test-data", Key="teams/research/flights/a.csv", Body=b"team")
    s3.put_object(Bucket="groundwork-test-data", Key="elsewhere/b.csv", Body=b"s3")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "c.csv").write_text("local")
    script = """
import os
from pathlib import Path
for name in "TEAM", "OTHER", "MINE":
    for path in Path(os.environ["SM_CHANNEL_" + name]).iterdir():
        print(name, path.name, path.read_text())
"""
    spec = job(
        script,
        inputs={"team": "flights", "other": "s3://groundwork-test-data/elsewhere/", "mine": "./data"},
        name="inputs",
    )
    result = platform.ml("train", spec, "--env", "local", "-y")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:3] == ["TEAM a.csv team", "OTHER b.csv s3", "MINE c.csv local"]


def test_a_jobs_requirements_are_installed_for_it_and_for_no_other(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    write_wheel(tmp_path / "plumage-1.0-py3-none-any.whl", "plumage", "COLOUR = 'grey'\n")
    (tmp_path / "requirements.txt").write_text("# what the job needs\n./plumage-1.0-py3-none-any.whl\n")
    script = "import plumage\nprint('its plumage is', plumage.COLOUR)\n"
    result = platform.ml("train", job(script, requirements="requirements.txt"), "--env", "local", "-y")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "its plumage is grey" in result.stdout.splitlines()
    without = platform.ml("train", job(script), "--env", "local", "-y")
    assert without.returncode == 1
    assert "No module named 'plumage'" in without.stdout


def test_requirements_that_cannot_be_installed_say_which_and_why(
    platform: Platform, job: JobFolder, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("./gone-1.0-py3-none-any.whl\n")
    result = platform.ml("train", job("", requirements="requirements.txt"), "--env", "local", "-y", "--no-log")
    assert result.returncode == 1
    assert "pip could not install requirements.txt" in result.stdout
    assert "gone-1.0-py3-none-any.whl" in result.stdout
    assert "driver.py" not in result.stdout


def write_wheel(path: Path, name: str, code: str) -> None:
    """A wheel of one module: no index is needed to install it."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def test_unchanged_code_is_uploaded_once(platform: Platform, job: JobFolder) -> None:
    def codes() -> set[str]:
        listed = platform.client("s3").list_objects_v2(
            Bucket="groundwork-test-artifacts", Prefix="teams/research/code/"
        )
        return {entry["Key"] for entry in listed.get("Contents", [])}

    spec = job("print('once')", name="once")
    platform.ml_json("train", spec, "--env", "local", "-y")
    before = codes()
    platform.ml_json("train", spec, "--env", "local", "-y")
    assert codes() == before
    (spec.parent / "train.py").write_text("print('twice')")
    platform.ml_json("train", spec, "--env", "local", "-y")
    assert len(codes()) == len(before) + 3


def test_a_job_that_is_not_there_ends_with_6_and_names_near_ones(platform: Platform, job: JobFolder) -> None:
    platform.ml_json("train", job("", name="flights"), "--env", "local", "-y")
    result = platform.ml("status", "research-flight")
    assert result.returncode == 6
    assert "Near: research-flights" in result.stderr


def test_sagemakers_own_refusal_is_one_line(platform: Platform, job: JobFolder) -> None:
    result = platform.ml("train", job("", instance={"type": "ml.nope.xlarge"}), "--env", "local", "-y")
    assert result.returncode == 1
    assert result.stderr.startswith("ml: SageMaker refused the job: ")
    assert "Traceback" not in result.stderr


def test_a_team_that_is_not_there_names_the_nearest(platform: Platform, job: JobFolder) -> None:
    result = platform.ml("train", job("", team="reserch"), "--env", "local", "-y")
    assert result.returncode == 2
    assert "Did you mean 'research'?" in result.stderr


def test_the_sdk_session_writes_below_the_teams_prefix(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1\n")
    script = f"""
import sys, ml
session = ml.session("local", team="research")
assert "sagemaker" not in sys.modules
print(session.role)
print(session.sagemaker.default_bucket())
print(session.sagemaker.upload_data({str(tmp_path / "rows.csv")!r}, key_prefix="sdk"))
print(type(session.sagemaker).__module__)
"""
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **platform.variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, f"{result.stderr} after {time.monotonic() - started:.0f} s"
    role, bucket, uri, module = result.stdout.split()[-4:]
    assert role.endswith(":role/research-execution")
    assert bucket == "groundwork-test-artifacts"
    assert uri.startswith("s3://groundwork-test-artifacts/")
    assert module.startswith("sagemaker.core")


def test_a_large_input_goes_up_in_parts(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = platform.client("s3")
    for name, value in platform.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage, "SINGLE_PUT_BYTES", 1024)
    content = os.urandom(9 * 1024 * 1024)
    (tmp_path / "rows.bin").write_bytes(content)
    uploads = storage.Uploads(s3, "s3://groundwork-test-artifacts/teams/research", "groundwork-local")
    prefix = uploads.local_input(tmp_path).removeprefix("s3://groundwork-test-artifacts/")
    stored = s3.get_object(Bucket="groundwork-test-artifacts", Key=f"{prefix}rows.bin")
    assert stored["Body"].read() == content
    assert stored["ETag"].endswith('-2"')
