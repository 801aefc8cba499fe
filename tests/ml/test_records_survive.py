"""Ledger, audit log and `ml gc` on the real AWS server: killed writers, several at once, changed lines, leftovers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from components.artifact_store import artifact_bucket_policy
from ml.audit.chain import key
from ml.targets.sagemaker import endpoints
from tests.ml.conftest import ACCOUNT
from tests.ml.lifecycle import SPEC, Life, in_a_child
from tests.ml.records_server import BUCKET, MODELS, RecordsServer

pytestmark = pytest.mark.ml

ACTS = ("train", "deploy", "change", "approve", "take_down", "collect")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordsServer]:
    teams = [
        *(f"act-{act.replace('_', '-')}" for act in ACTS),
        "crowd",
        "tampered",
        "leftovers",
        "leftovers-too",
        "members",
    ]
    running = RecordsServer(tmp_path_factory.mktemp("records"), teams=teams)
    try:
        yield running
    finally:
        running.stop()


def prepared(server: RecordsServer, folder: Path, act: str, run: int) -> None:
    """What an act finds: an endpoint to change, one to take down, something to collect."""
    team = f"act-{act.replace('_', '-')}"

    name = {"change": f"{team}-kept", "take_down": f"{team}-down-{run}", "collect": f"{team}-new-{run}"}.get(act)
    if name is None or (act != "take_down" and run > 1):
        return

    def prepare() -> None:
        life = Life(folder, team, run, 0, MODELS[0])
        expires = timedelta(0) if act == "collect" else None
        endpoints.deploy(life.environment, life.contract, life.target(name, expires))
        life.in_service(name)

    answer = folder / "prepared.json"
    assert in_a_child(prepare, answer, server.variables) == 0, answer.read_text()


def run_act(server: RecordsServer, folder: Path, act: str, run: int, last: int) -> tuple[bool, list[str]]:
    """Whether the act was killed, and the writes that it made where it was not."""
    team = f"act-{act.replace('_', '-')}"

    def do() -> list[str]:
        life = Life(folder, team, run, last, MODELS[run % 2])
        getattr(life, act)()
        return life.made

    answer = folder / "made.json"
    answer.unlink(missing_ok=True)
    status = in_a_child(do, answer, server.variables)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True, []
    assert status == 0, answer.read_text()
    return False, json.loads(answer.read_text())


def after(server: RecordsServer, folder: Path, act: str) -> dict[str, Any]:
    """What verification finds before and after `ml gc -y`."""
    team = f"act-{act.replace('_', '-')}"

    def look() -> dict[str, Any]:
        life = Life(folder, team, 0, 0, MODELS[0])
        before = life.verdict().document()
        life.collect()
        found = {"before": before, "after": life.verdict().document(), "left": life.left()}
        return found | {"jobs": life.jobs(), "submitted": life.submitted()}

    answer = folder / "looked.json"
    assert in_a_child(look, answer, server.variables) == 0, answer.read_text()
    return json.loads(answer.read_text())


@pytest.mark.parametrize("act", ACTS)
def test_a_kill_after_any_single_write_leaves_records_that_are_whole_and_that_gc_finishes(
    server: RecordsServer, tmp_path: Path, act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = 0
    while True:
        run = killed + 1
        prepared(server, tmp_path, act, run)
        was_killed, made = run_act(server, tmp_path, act, run, run)
        found = after(server, tmp_path, act) if act != "collect" or not was_killed else {}
        if found:
            assert found["before"]["whole"], (act, run, found["before"])
            assert found["after"]["whole"], (act, run, found["after"])
            assert found["after"]["findings"] == [], (act, run, found["after"])
            assert found["left"] == [], (act, run)
            assert found["submitted"] == found["jobs"]
        if not was_killed:
            break
        killed += 1
    assert killed >= 3
    with capsys.disabled():
        print(f"\n{act}: killed after each of {killed} writes: {', '.join(made)}")


WRITER = """
import sys
from ml.audit import append
from ml.environment import open_environment
environment = open_environment("local")
contract = environment.for_team("crowd")
for number in range(10):
    append(environment, contract, "crowd", "promote", f"trial/{number}", {"writer": sys.argv[1]})
"""


def test_four_who_write_at_once_all_get_their_lines_into_one_chain(server: RecordsServer) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number)], env=server.environment) for number in range(4)
    ]
    assert [one.wait(120) for one in writers] == [0, 0, 0, 0]
    lines = server.platform.ml_json("audit", "log", "--env", "local", "--team", "crowd", "--limit", "100")
    assert [line["number"] for line in lines] == list(range(1, 41))
    for number in range(4):
        written = [line["subject"] for line in lines if line["details"]["writer"] == str(number)]
        assert written == [f"trial/{one}" for one in range(10)]
    verdict = server.platform.ml_json("audit", "verify", "--env", "local", "--team", "crowd")
    assert verdict["whole"]
    assert verdict["lines"] == 40


@pytest.fixture(scope="module")
def recorded(server: RecordsServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job of the team `tampered`, which its ledger, its log and its tags tell of. Its name."""
    folder = tmp_path_factory.mktemp("job")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "init", "-q", str(folder)], check=True)
    (folder / "train.py").write_text("print('ok')\n")
    (folder / "rows.csv").write_text("a\n1\n")
    (folder / "job.yaml").write_text(SPEC.format("tampered") + "inputs: {train: ./rows.csv}\n")
    subprocess.run([*git, "-C", str(folder), "add", "."], check=True)
    subprocess.run([*git, "-C", str(folder), "commit", "-q", "-m", "first"], check=True)
    names = [
        server.platform.ml_json("train", folder / "job.yaml", "--env", "local", "-y", "--no-wait")["name"]
        for _ in range(3)
    ]
    return names[-1]


def test_who_trained_a_job_on_which_data_and_from_which_commit(server: RecordsServer, recorded: str) -> None:
    told = server.platform.ml_json("audit", "who", recorded, "--env", "local", "--team", "tampered")
    assert told["trained_by"] == {"arn": "arn:aws:iam::123456789012:user/platform-admin", "owner": "ada"}
    assert len(told["commit"]) == 40
    assert told["dirty"] is False
    assert told["data"]["train"]["uri"].startswith(f"s3://{BUCKET}/teams/tampered/inputs/")
    assert told["data"]["train"]["version"]
    assert told["doubts"] == []
    text = server.platform.ml("audit", "who", recorded, "--env", "local", "--team", "tampered").stdout
    assert "trained by   ada (arn:aws:iam::123456789012:user/platform-admin) at 20" in text
    assert f"from commit  {told['commit']}" in text
    missing = server.platform.ml("audit", "who", "tampered-nothing", "--env", "local", "--team", "tampered")
    assert missing.returncode == 6


def test_a_record_that_was_changed_is_a_doubt(server: RecordsServer, recorded: str) -> None:
    key = f"teams/tampered/jobs/{recorded}/record.json"
    body = server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    server.s3.put_object(Bucket=BUCKET, Key=key, Body=body.replace(b'"submitter": "ada"', b'"submitter": "eve"'))
    told = server.platform.ml_json("audit", "who", recorded, "--env", "local", "--team", "tampered")
    assert told["doubts"] == ["the run record is not the one that the audit line was written with: it was changed"]
    server.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("tamper", "tampered: line 2: is not the one that line 3 was chained to"),
        ("drop", "dropped: line 2: not there, and line 3 is"),
        ("swap", "moved: line 2: holds what was line 3"),
        ("cut", "truncated: line 3: cut off: the log ends with line 2"),
        ("cut with the ledger", "truncated: line 2: cut off: the log ends with line 1, and the tags of job"),
    ],
)
def test_a_change_of_the_log_by_whoever_may_do_anything_is_found(
    server: RecordsServer, recorded: str, change: str, says: str
) -> None:
    prefix = "teams/tampered/"
    places = {number: f"{prefix}audit/{key(number)}" for number in (1, 2, 3)}
    entries = [f"{prefix}ledger/{name.partition('/ledger/')[2]}" for name in server.keys("ledger", "tampered")]
    everything = [*places.values(), *entries]
    bodies = {name: server.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in everything}
    try:
        match change:
            case "tamper":
                server.replace(places[2], bodies[places[2]].replace(b'"owner":"ada"', b'"owner":"eve"'))
            case "drop":
                server.remove(places[2])
            case "swap":
                server.replace(places[2], bodies[places[3]])
                server.replace(places[3], bodies[places[2]])
            case "cut":
                server.remove(places[3])
            case _:
                for name in (places[2], places[3], *entries):
                    server.remove(name)
        found = server.platform.ml("audit", "verify", "--env", "local", "--team", "tampered")
        assert found.returncode == 1, found.stdout
        assert says in found.stdout
        assert "has been changed" in found.stdout
    finally:
        for name, body in bodies.items():
            server.replace(name, body)


def test_what_was_overwritten_or_deleted_is_told_by_s3s_versions(server: RecordsServer) -> None:
    name = f"teams/tampered/audit/{key(1)}"
    body = server.s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    server.s3.put_object(Bucket=BUCKET, Key=name, Body=body)
    found = server.platform.ml("audit", "verify", "--env", "local", "--team", "tampered")
    assert found.returncode == 1
    assert f"overwritten: audit/{key(1)}: S3's versions tell that it was overwritten" in found.stdout
    server.replace(name, body)


def test_gc_names_prices_and_removes_what_is_nobodys_and_leaves_the_rest(server: RecordsServer, tmp_path: Path) -> None:
    sagemaker, uri = server.sagemaker, MODELS[0]
    role = json.loads(server.parameter("leftovers"))["execution_role_arn"]
    for name in ("leftovers-nobodys", "leftovers-adas", "leftovers-too-theirs", "stray"):
        tags = [{"Key": "groundwork:owner", "Value": "ada"}] if name.endswith("adas") else []
        container = {"Image": "example.com/model-server:1", "ModelDataUrl": uri}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, Tags=tags)
        variant = {
            "VariantName": "main",
            "ModelName": name,
            "InstanceType": "ml.m5.xlarge",
            "InitialInstanceCount": 2,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
    unread = "teams/leftovers/inputs/0123/rows.csv"
    server.s3.put_object(Bucket=BUCKET, Key=unread, Body=b"x" * 1000)
    server.s3.put_object(Bucket=BUCKET, Key="teams/leftovers/inputs/0123.json", Body=b"{}")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="leftovers-too-theirs", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    named = server.platform.ml_json("gc", "--env", "local", "--team", "leftovers", "--min-age", "0s")
    does = {(item["action"], item["kind"], item["name"]) for item in named["items"]}
    assert does == {
        ("remove", "endpoint", "leftovers-nobodys"),
        ("remove", "endpoint-config", "leftovers-nobodys"),
        ("remove", "model", "leftovers-nobodys"),
        ("remove", "upload", "inputs/0123"),
        *(("adopt", kind, "leftovers-adas") for kind in ("endpoint", "endpoint-config", "model")),
    }
    assert named["changed"] is False
    assert named["teamless"] == ["endpoint stray"]
    assert named["usd_month"] == pytest.approx(2 * 0.23 * 730, abs=0.01)
    assert server.platform.ml_json("gc", "--env", "local", "--team", "leftovers")["items"] == []  # all is young
    swept = server.platform.ml("gc", "--env", "local", "--team", "leftovers", "--min-age", "0s", "-y")
    assert swept.returncode == 0, swept.stderr
    assert "4 to remove: 335.80 USD a month less now." in swept.stdout
    names = {entry["EndpointName"] for entry in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]}
    assert {"leftovers-adas", "leftovers-too-theirs", "stray"} <= names
    assert {entry["ModelName"] for entry in sagemaker.list_models(NameContains="leftovers")["Models"]} == {
        "leftovers-adas",
        "leftovers-too-theirs",
    }
    assert server.keys("inputs", "leftovers") == []
    lines = server.platform.ml_json("audit", "log", "--env", "local", "--team", "leftovers", "--action", "delete")
    assert {line["details"]["kind"] for line in lines} == {"endpoint", "endpoint-config", "model", "upload"}
    assert server.platform.ml_json("audit", "verify", "--env", "local", "--team", "leftovers")["whole"]


def test_a_member_trains_deploys_verifies_and_collects_and_cannot_change_a_record(
    server: RecordsServer, tmp_path: Path
) -> None:
    policy = artifact_bucket_policy(f"arn:aws:s3:::{BUCKET}", ACCOUNT)
    server.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    try:
        member = server.member("members")
        (tmp_path / "train.py").write_text("print('ok')\n")
        (tmp_path / "job.yaml").write_text(SPEC.format("members"))

        def ml(*words: object) -> str:
            command = [sys.executable, "-m", "ml", *map(str, words), "--env", "local"]
            done = subprocess.run(command, env=member, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr + done.stdout
            return done.stdout

        ml("train", tmp_path / "job.yaml", "-y", "--no-wait")
        assert "is whole: 1 line," in ml("audit", "verify", "--team", "members")
        assert "not looked at" not in ml("audit", "verify", "--team", "members")
        assert "assumed-role/members-submit/ada" in ml("audit", "log", "--team", "members")
        ml("gc", "--team", "members", "--min-age", "0s", "-y")
        script = CHANGES.format(
            bucket=BUCKET, line=f"teams/members/audit/{key(1)}", new=f"teams/members/audit/{key(9)}"
        )
        told = subprocess.run([sys.executable, "-c", script], env=member, capture_output=True, text=True, check=False)
        assert told.stdout.split() == ["AccessDenied"] * 3, told.stderr
    finally:
        server.s3.delete_bucket_policy(Bucket=BUCKET)


CHANGES = """
import boto3, botocore
s3 = boto3.client("s3")
for call, members in (
    (s3.put_object, dict(Key="{line}", Body=b"other")),
    (s3.put_object, dict(Key="{new}", Body=b"without the condition")),
    (s3.delete_object, dict(Key="{line}")),
):
    try:
        call(Bucket="{bucket}", **members)
        print("done")
    except botocore.exceptions.ClientError as error:
        print(error.response["Error"]["Code"])
"""
