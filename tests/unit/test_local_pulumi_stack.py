"""How the engine is run and followed, with a stand-in engine that prints what Pulumi prints."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.errors import LocalStackError
from local.paths import Paths
from local.providers import created
from local.pulumi_stack import resource_count, run_engine, wait_for_lock
from local.recovery import adopt, recover
from local.supervisor.ports import choose_ports

pytestmark = pytest.mark.unit

ENGINE = """#!{python}
import json, signal, sys, time
signals = []
signal.signal(signal.SIGINT, lambda *_: signals.append(1))
def say(**event): print(json.dumps(event), flush=True)
def step(kind, op, name):
    say(**{{kind: {{"metadata": {{"op": op, "urn": "urn:pulumi:local::groundwork::aws:s3/bucket:Bucket::" + name,
                                 "type": "aws:s3/bucket:Bucket"}}}}}})
{body}
"""


def a_checkout(folder: Path, body: str) -> Paths:
    paths = Paths(folder)
    engine = paths.engine / "pulumi"
    engine.parent.mkdir(parents=True)
    engine.write_text(ENGINE.format(python=sys.executable, body=body))
    engine.chmod(0o755)
    (paths.local / "tools.json").write_text(json.dumps({"pulumi": str(engine)}))
    choose_ports(paths.ports_file)
    return paths


def state(paths: Paths, **latest: object) -> None:
    file = paths.pulumi_state / ".pulumi" / "stacks" / "groundwork" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))


def test_progress_names_the_resource_that_is_being_made(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, """
step("resourcePreEvent", "create", "data")
step("resOutputsEvent", "create", "data")
say(summaryEvent={"resourceChanges": {"create": 1, "same": 3}})
""")  # fmt: skip
    told: list[str] = []
    outcome = run_engine(paths, "up", told.append)
    assert outcome.summary() == "1 created, 3 unchanged"
    assert "0 resources done; creating aws:s3/bucket:Bucket data" in told
    assert "created aws:s3/bucket:Bucket data" in paths.log("pulumi-up").read_text()


def test_a_failed_resource_is_named_with_its_message_and_not_buried_under_a_traceback(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, """
say(diagnosticEvent={"severity": "info#err", "message": "Traceback (most recent call last):"})
say(diagnosticEvent={"severity": "error", "message": "S3 CreateBucket: BucketAlreadyExists",
                     "urn": "urn:pulumi:local::groundwork::groundwork:storage:Store$aws:s3/bucket:Bucket::store-data"})
sys.exit(255)
""")  # fmt: skip
    with pytest.raises(LocalStackError) as raised:
        run_engine(paths, "up", lambda _: None)
    assert "aws:s3/bucket:Bucket store-data: S3 CreateBucket: BucketAlreadyExists" in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_a_rule_of_the_policy_pack_that_is_broken_is_named_with_the_resource_and_the_way_out(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, """
say(policyEvent={"policyName": "log-retention", "enforcementLevel": "mandatory",
                 "resourceUrn": "urn:pulumi:local::groundwork::aws:cloudwatch/logGroup:LogGroup::rogue",
                 "message": "<{%reset%}>rogue never expires. Set retentionInDays.<{%reset%}>"})
sys.exit(255)
""")  # fmt: skip
    with pytest.raises(LocalStackError, match=r"log-retention \(rogue\): rogue never expires. Set retentionInDays."):
        run_engine(paths, "up", lambda _: None)


def test_what_an_engine_says_that_is_no_event_is_shown(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, 'print("error: the passphrase is wrong"); sys.exit(1)')
    with pytest.raises(LocalStackError, match="error: the passphrase is wrong"):
        run_engine(paths, "up", lambda _: None)


def test_an_engine_without_disk_space_is_said_plainly(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, 'print("error: write local.json: no space left on device"); sys.exit(1)')
    with pytest.raises(LocalStackError, match=r"^The disk that holds"):
        run_engine(paths, "up", lambda _: None)


URN = "urn:pulumi:local::groundwork::aws:s3/bucket:Bucket::"


def test_what_a_killed_run_made_is_taken_into_the_state_and_the_rest_struck_off() -> None:
    pending = [{"type": "creating", "resource": {"urn": f"{URN}{name}"}} for name in ("data", "logs", "new", "other")]
    deployment = {
        "pending_operations": [*pending, {"type": "deleting", "resource": {"urn": f"{URN}old"}}],
        "resources": [{"urn": f"{URN}logs", "id": "logs-1"}, {"urn": f"{URN}new", "id": "old"}, {"urn": f"{URN}old"}],
    }
    noted = {f"{URN}data": "data-1", f"{URN}logs": "logs-1", f"{URN}new": "new", f"{URN}old": "x"}
    assert adopt(deployment, noted) == 2
    assert deployment == {
        "resources": [
            # Noted when it was made the first time; its replacement had not come so far.
            {"urn": f"{URN}logs", "id": "logs-1"},
            {"urn": f"{URN}new", "id": "old", "delete": True},
            {"urn": f"{URN}old"},
            {"urn": f"{URN}data", "id": "data-1", "outputs": {"id": "data-1"}},
            {"urn": f"{URN}new", "id": "new", "outputs": {"id": "new"}},
        ]
    }


def test_a_note_of_which_a_kill_left_half_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / created.FILE).write_text('{"urn": "a", "id": "1"}\n{"urn": "b", "id": "2"}\n{"urn": "c')
    assert created.noted(tmp_path) == {"a": "1", "b": "2"}
    created.forget(tmp_path)
    assert created.noted(tmp_path) == {}


def test_a_failure_after_a_killed_run_says_how_to_start_afresh(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, """
if sys.argv[1:3] == ["stack", "export"]: print('{"deployment": {}}')
if sys.argv[1] == "up": print("error: it exists"); sys.exit(1)
""")  # fmt: skip
    state(paths, pending_operations=[{"type": "creating", "resource": {"urn": f"{URN}data"}}])
    recover(paths, lambda _: None)
    with pytest.raises(LocalStackError, match=r"(?s)killed in the middle.*down --wipe"):
        run_engine(paths, "up", lambda _: None)


def test_a_state_without_pending_operations_needs_no_recovery(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, "sys.exit(1)")
    state(paths, resources=[])
    assert recover(paths, lambda _: None) == ""


def test_a_killed_engine_is_told_from_one_that_failed(tmp_path: Path) -> None:
    paths = a_checkout(tmp_path, "import os; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(LocalStackError, match=r"(?s)was killed by SIGKILL.*Run the same command again"):
        run_engine(paths, "up", lambda _: None)


def test_the_stack_itself_is_no_resource(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert resource_count(paths) == 0
    state(paths, resources=[{"type": "pulumi:pulumi:Stack"}, {"type": "aws:s3/bucket:Bucket"}])
    assert resource_count(paths) == 1


def test_an_interruption_lets_the_engine_end_in_order_and_reaches_it_once(tmp_path: Path) -> None:
    a_checkout(tmp_path, """
step("resourcePreEvent", "create", "data")
open("started", "w").close()
while not signals: time.sleep(0.01)
time.sleep(0.5)
open("ended-in-order", "w").write(str(len(signals)))
sys.exit(255)
""")  # fmt: skip
    program = (
        "import sys; from pathlib import Path; from local.paths import Paths\n"
        "from local.pulumi_stack import run_engine\n"
        "try: run_engine(Paths(Path(sys.argv[1])), 'up', print)\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )
    checkout = Path(__file__).parents[2]
    # A process group of its own, as a shell gives one; Ctrl-C in a terminal goes to the whole group.
    command = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=checkout, process_group=0)
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(command.pid, signal.SIGINT)
    assert command.wait(60) == 130
    assert (tmp_path / "ended-in-order").read_text() == "1"


def lock(paths: Paths, pid: int, taken: datetime) -> Path:
    file = paths.pulumi_state / ".pulumi" / "locks" / "organization" / "groundwork" / "local" / "x.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"pid": pid, "username": "me", "hostname": socket.gethostname(), "timestamp": taken.isoformat()}
    file.write_text(json.dumps(content))
    return file


def test_the_lock_of_an_engine_that_is_gone_is_taken_away(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    file = lock(Paths(tmp_path), gone.pid, datetime.now(UTC))
    wait_for_lock(Paths(tmp_path), pytest.fail)
    assert not file.exists()


def test_a_lock_whose_process_id_belongs_to_a_younger_process_is_taken_away(tmp_path: Path) -> None:
    file = lock(Paths(tmp_path), os.getpid(), datetime.now(UTC) - timedelta(days=2))
    wait_for_lock(Paths(tmp_path), pytest.fail)
    assert not file.exists()


def test_an_engine_that_an_earlier_command_left_running_is_waited_for(tmp_path: Path) -> None:
    busy = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    file = lock(Paths(tmp_path), busy.pid, datetime.now(UTC) + timedelta(seconds=1))
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        busy.poll()

    wait_for_lock(Paths(tmp_path), tell)
    assert f"process {busy.pid}" in told[0]
    assert busy.poll() == 0
    assert not file.exists()
