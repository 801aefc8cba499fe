"""The journal when the disk is full: nothing is acknowledged that is not written, and nothing is forgotten."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from local.aws_server.app import AwsServer
from local.aws_server.operations import ServerSettings
from local.aws_server.persistence.journal import Journal
from local.aws_server.store import Store, StoredRecords

pytestmark = pytest.mark.unit


def test_what_a_full_disk_refused_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "state.sqlite")
    settings = ServerSettings(state_dir=tmp_path, run_dir=tmp_path, url="http://127.0.0.1:1")
    server = AwsServer(settings, StoredRecords(store), Journal(store, tmp_path / "objects"))
    server.call("s3", "CreateBucket", {"Bucket": "full-disk"})

    def full(*arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", full)
        with pytest.raises(sqlite3.OperationalError):
            server.call("s3", "PutObject", {"Bucket": "full-disk", "Key": "refused", "Body": b"x"})
    assert [key for kind in store.kinds("s3-object:") for key, _ in store.scan(kind)] == []
    server.call("s3", "PutObject", {"Bucket": "full-disk", "Key": "later", "Body": b"x" * 50_000})
    written = {key for kind in store.kinds("s3-object:") for key, _ in store.scan(kind)}
    assert written == {"refused", "later"}
    store.close()
