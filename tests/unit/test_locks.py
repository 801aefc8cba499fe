"""Locks of a stack: who holds it, whether that process lives, and that only the dead lose theirs."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.errors import LocalStackError
from operations.locks import Lock, break_dead_locks, locks, require_unlocked
from tests.unit.doctor_fakes import environment

pytestmark = pytest.mark.unit
FOLDER = ".pulumi/locks/organization/groundwork/dev"
NO_PROCESS = 2**22 + 1
"""More than the kernel's greatest process id."""


def held(root: Path, name: str, **changes: Any) -> Path:
    """A lock as the engine writes it."""
    told = {"pid": os.getpid(), "username": "ann", "hostname": socket.gethostname()}
    told["timestamp"] = datetime.now(UTC).isoformat()
    file = root / FOLDER / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**told, **changes}))
    return file


def lock(**changes: Any) -> Lock:
    now = datetime.now(UTC).timestamp()
    told = {"path": "x", "user": "ann", "host": socket.gethostname(), "pid": os.getpid(), "since": "", "taken": now}
    return Lock(**{**told, **changes})


def test_a_process_that_lives_is_not_dead():
    assert lock().owner_is_dead() is False


def test_a_process_that_is_gone_is_dead():
    assert lock(pid=NO_PROCESS).owner_is_dead() is True


def test_a_process_that_began_after_the_lock_was_taken_has_only_got_its_number():
    taken = psutil.Process().create_time() - 3600
    assert lock(taken=taken).owner_is_dead() is True


def test_a_process_that_ended_and_that_nobody_has_waited_for_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert lock(pid=child.pid).owner_is_dead() is True
    finally:
        child.wait()


@pytest.mark.parametrize("host", ["elsewhere", "localhost", ""])
def test_of_a_process_on_another_machine_nothing_is_known(host: str, monkeypatch: pytest.MonkeyPatch):
    if host != "elsewhere":
        monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert lock(host=host, pid=NO_PROCESS).owner_is_dead() is None


def test_only_the_locks_of_the_dead_are_broken(tmp_path: Path):
    env = environment(backend=f"file://{tmp_path}?metadata=skip")
    dead, living = held(tmp_path, "a", pid=NO_PROCESS), held(tmp_path, "b")
    far, odd = held(tmp_path, "c", hostname="elsewhere", pid=NO_PROCESS), tmp_path / FOLDER / "d.json"
    odd.write_text("{")
    assert [Path(each.path).stem for each in locks(env)] == ["a", "b", "c", "d"]
    assert [Path(each.path).stem for each in break_dead_locks(env)] == ["a"]
    assert [each.exists() for each in (dead, living, far, odd)] == [False, True, True, True]


def test_a_lock_of_a_living_process_is_refused_with_its_owner(tmp_path: Path):
    env = environment(backend=f"file://{tmp_path}")
    held(tmp_path, "b")
    with pytest.raises(LocalStackError) as refused:
        require_unlocked(env)
    assert f"ann@{socket.gethostname()} (process {os.getpid()}) since 20" in str(refused.value)
    assert f"kill {os.getpid()}" in str(refused.value)


def test_a_lock_of_another_machine_is_refused_with_the_command_that_cancels(tmp_path: Path):
    env = environment(backend=f"file://{tmp_path}")
    held(tmp_path, "c", hostname="build-7")
    with pytest.raises(LocalStackError, match=r"ann@build-7") as refused:
        require_unlocked(env)
    assert "pulumi cancel --stack dev" in str(refused.value)


def test_a_backend_without_files_has_no_locks():
    assert locks(environment(backend="https://api.pulumi.com")) == ()


def test_a_backend_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError("no entry")

    monkeypatch.setattr("operations.state_store.Folder.names", refuse)
    with pytest.raises(LocalStackError, match="no entry"):
        locks(environment(backend=f"file://{tmp_path}"))


def test_a_time_with_nine_digits_of_a_second_is_read(tmp_path: Path):
    held(tmp_path, "a", timestamp="2026-11-21T10:00:00.999999999Z")
    (found,) = locks(environment(backend=f"file://{tmp_path}"))
    expected = datetime(2026, 11, 21, 10, tzinfo=UTC) + timedelta(seconds=1)
    assert found.taken == pytest.approx(expected.timestamp(), abs=0.01)
