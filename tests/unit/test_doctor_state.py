"""`groundwork doctor`: where the state lies, who holds it, what was cut off, and what encrypts its secrets."""

import gzip
import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from operations.doctor.finding import Finding, Level
from operations.doctor.state import check_secrets, check_state
from tests.unit.doctor_fakes import environment, one, refused, subject

pytestmark = pytest.mark.unit
URN = "urn:pulumi:dev::groundwork::aws:s3/bucket:Bucket::data"
STACK = ".pulumi/stacks/groundwork/dev.json"
HERE = socket.gethostname()
LOCK = ".pulumi/locks/organization/groundwork/dev/0b1c.json"


def write(folder: Path, path: str, content: bytes | dict[str, Any]) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def stack(**latest: Any) -> dict[str, Any]:
    return {"version": 3, "checkpoint": {"stack": "organization/groundwork/dev", "latest": latest}}


def state_of(folder: Path) -> list[Finding]:
    return list(check_state(subject(env=environment(backend=f"file://{folder}?metadata=skip"))))


def test_a_stack_that_nobody_works_on_is_in_order(tmp_path: Path):
    write(tmp_path, STACK, stack(resources=[{}, {}]))
    found = one(state_of(tmp_path))
    assert (found.level, found.text) == (Level.OK, "stack dev: 2 resources")


COMPRESSIONS = [("gz", gzip.compress), ("zst", zstandard.ZstdCompressor().compress)]


@pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
def test_a_compressed_state_is_read_too(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]):
    write(tmp_path, f"{STACK}.{suffix}", compress(json.dumps(stack(resources=[{}])).encode()))
    assert one(state_of(tmp_path)).text == "stack dev: 1 resources"


@pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
def test_a_compressed_state_that_is_cut_short_is_a_failure(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
):
    write(tmp_path, f"{STACK}.{suffix}", compress(json.dumps(stack(resources=[{}])).encode())[:-12])
    assert one(state_of(tmp_path)).level is Level.FAILURE


def test_a_stack_that_is_not_there_yet_is_made_by_bootstrap(tmp_path: Path):
    found = one(state_of(tmp_path))
    assert (found.level, found.mend) == (Level.FAILURE, "groundwork bootstrap dev")


def test_a_state_that_is_cut_short_is_a_failure(tmp_path: Path):
    write(tmp_path, STACK, b'{"version": 3, "checkpoint": {"lat')
    found = one(state_of(tmp_path))
    assert (found.level, found.mend) == (Level.FAILURE, "groundwork stack repair dev")


def test_what_an_engine_never_saw_the_end_of_is_named(tmp_path: Path):
    write(tmp_path, STACK, stack(pending_operations=[{"type": "creating", "resource": {"urn": URN}}]))
    pending, _ = state_of(tmp_path)
    assert pending.level is Level.WARNING
    assert "creating data" in pending.text
    assert "make up ENV=dev" in pending.mend


@pytest.mark.parametrize(
    ("host", "pid", "level", "said", "mend"),
    [
        ("elsewhere", 1, Level.FAILURE, "ann@elsewhere (process 1) holds the stack since", "pulumi cancel --stack dev"),
        (HERE, os.getpid(), Level.FAILURE, f"(process {os.getpid()}) holds the stack", "wait for it"),
        (HERE, 2**22 + 1, Level.WARNING, "and that process is gone", "make up ENV=dev: it breaks the lock"),
    ],
)
def test_a_lock_names_its_owner_and_whether_it_lives(
    tmp_path: Path, host: str, pid: int, level: Level, said: str, mend: str
):
    write(tmp_path, STACK, stack())
    now = datetime.now(UTC).isoformat()
    write(tmp_path, LOCK, {"pid": pid, "username": "ann", "hostname": host, "timestamp": now})
    lock, _ = state_of(tmp_path)
    assert lock.level is level
    assert said in lock.text
    assert mend in lock.mend


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path):
    found = one(state_of(tmp_path / "gone"))
    assert (found.level, found.mend) == (Level.FAILURE, f"mkdir -p {tmp_path}/gone")


@pytest.mark.parametrize(
    ("code", "said"), [("404", "no such bucket"), ("403", "may not read it, or it is of another account")]
)
def test_a_bucket_that_cannot_be_reached_is_a_failure(code: str, said: str):
    looked_at = subject(env=environment(backend="s3://state?region=us-east-1"), s3={"head_bucket": refused(code)})
    found = one(check_state(looked_at))
    assert found.level is Level.FAILURE
    assert said in found.text


def test_a_backend_that_nobody_wrote_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    nobody = one(check_state(subject()))
    assert (nobody.level, nobody.mend) == (Level.FAILURE, "groundwork bootstrap dev")
    (tmp_path / "credentials.json").write_text(json.dumps({"current": "https://api.pulumi.com"}))
    mine, unseen = check_state(subject())
    assert (mine.level, unseen.level) == (Level.WARNING, Level.WARNING)
    assert "https://api.pulumi.com" in mine.text


@pytest.mark.parametrize(
    ("state", "level", "mend"),
    [
        ("Enabled", Level.OK, ""),
        ("Disabled", Level.FAILURE, "kms enable-key --key-id 1"),
        ("PendingDeletion", Level.FAILURE, "kms cancel-key-deletion --key-id 1"),
    ],
)
def test_the_key_of_the_secrets_must_be_enabled(state: str, level: Level, mend: str):
    kms = {"describe_key": {"KeyMetadata": {"KeyState": state, "KeyId": "1"}}}
    env = environment(secrets_provider="awskms://alias/groundwork-state-dev?region=us-east-1")
    found = one(check_secrets(subject(env=env, kms=kms)))
    assert found.level is level
    assert mend in found.mend


def test_a_key_that_is_not_there_is_made_by_bootstrap():
    env = environment(secrets_provider="awskms://alias/groundwork-state-dev")
    found = one(check_secrets(subject(env=env, kms={"describe_key": refused("NotFoundException")})))
    assert (found.level, found.mend) == (Level.FAILURE, "groundwork bootstrap dev")
