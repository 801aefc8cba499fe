"""S3: a row an object, and a file a body.

A body above INLINE_BYTES is written to a file before the row that names it, and read from there when asked for, so that
objects cost no memory. A file goes when no row names it any more.
"""

import copy
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore

from local.aws_server.persistence.parts import Changes, Whole, kind_of
from local.aws_server.persistence.pickling import dumps, loads, reducer
from local.aws_server.store import Store

INLINE_BYTES = 16_384


class Body:
    """An object's body in a file, in the shape of the buffer that moto keeps it in."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self._at = 0
        self._closed = False

    def seek(self, position: int) -> int:
        self._at = position
        return position

    def read(self, size: int = -1) -> bytes:
        if self._closed:
            raise ValueError("The object was deleted.")  # as a closed file says it; moto expects that
        with (self._folder / self.name).open("rb") as stream:
            stream.seek(self._at)
            data = stream.read(size)
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._closed = True

    def again(self) -> "Body":
        """Another reader of the same file."""
        return Body(self._folder, self.name)


class S3(Whole):
    """S3's part. One instance a process: the reducers of moto's classes need it."""

    def __init__(self) -> None:
        self.folder = Path()
        self._dirty: set[tuple[int, str]] = set()
        self._touched: set[tuple[str, str]] = set()
        self._buckets: dict[str, set[str]] = {}
        self._files_of_row: dict[tuple[str, str], set[str]] = {}
        self._rows_of_file: dict[str, set[tuple[str, str]]] = {}
        self._writing: set[str] = set()
        self.garbage: list[str] = []
        reducer(FakeKey, self._reduce_key)
        reducer(FakeBucket, lambda bucket: (_bucket, (bucket.__dict__ | {"keys": None},)))
        for name in ("__setitem__", "setlist", "pop"):
            self._watch(name)
        FakeKey.__deepcopy__ = _copied  # type: ignore[attr-defined]

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        """Without the empty sets of tags that moto keeps for each object that has none."""
        tagger = copy.copy(state["tagger"])
        tagger.tags = {arn: tags for arn, tags in tagger.tags.items() if tags}
        return state | {"tagger": tagger}

    def touch(self, bucket: str, key: str) -> None:
        """Says that an object may have been changed in place: its ACL, lock, storage class."""
        self._touched.add((bucket, key))

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        assert isinstance(backend, S3Backend)
        prefix = kind_of("s3-object", backend)
        known = self._buckets.setdefault(prefix, set())
        by_store = {id(bucket.keys): bucket for bucket in backend.buckets.values()}
        dirty = {(by_store[store].name, key) for store, key in self._dirty if store in by_store}
        dirty |= {(name, key) for name, key in self._touched if name in backend.buckets}
        self._dirty = {(store, key) for store, key in self._dirty if store not in by_store}
        self._touched = set()
        for name in known - backend.buckets.keys():
            kind = f"{prefix}:{name}"
            changes.delete_prefixes.append((kind, ""))
            for row in [row for row in self._files_of_row if row[0] == kind]:
                self._note_files(row, set())
        self._buckets[prefix] = set(backend.buckets)
        try:
            self._write_objects(backend, prefix, dirty, changes)
        except OSError:
            self._touched |= dirty
            raise

    def _write_objects(self, backend: S3Backend, prefix: str, dirty: set[tuple[str, str]], changes: Changes) -> None:
        for name, key in dirty:
            kind = f"{prefix}:{name}"
            versions = backend.buckets[name].keys.getlist(key, [])
            if not versions:
                changes.deletes.append((kind, key))
                self._note_files((kind, key), set())
                continue
            self._writing = set()
            data = dumps(list(versions))
            self._note_files((kind, key), self._writing)
            changes.puts.append((kind, key, data))

    def note_root(self, backend: BaseBackend, files: set[str]) -> None:
        """Which files the root's own pickle names (the parts of unfinished multipart uploads)."""
        self._note_files((kind_of("s3-root", backend), ""), files)

    def begin_pickle(self) -> None:
        """Starts collecting the files that a pickle names."""
        self._writing = set()

    def files_written(self) -> set[str]:
        """Files named since `begin_pickle`."""
        return set(self._writing)

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, S3Backend)
        backend.__dict__.update(state)
        prefix = kind_of("s3-object", backend)
        for bucket in backend.buckets.values():
            s3_backends.bucket_accounts[bucket.name] = (bucket.partition, bucket.account_id)
            kind = f"{prefix}:{bucket.name}"
            for key, data in store.scan(kind):
                self._writing = set()
                dict.__setitem__(bucket.keys, key, loads(data))
                self._note_files((kind, key), self._writing)
        self._buckets[prefix] = set(backend.buckets)

    def remove_garbage(self) -> None:
        """Deletes the files that no row names any more; to be called after the transaction."""
        names, self.garbage = self.garbage, []
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def remove_strays(self) -> None:
        """Deletes files that a killed process wrote for a row that it never wrote; to be called after loading."""
        for file in self.folder.iterdir():
            if file.name not in self._rows_of_file:
                file.unlink()

    def _note_files(self, row: tuple[str, str], files: set[str]) -> None:
        before = self._files_of_row.pop(row, set())
        if files:
            self._files_of_row[row] = files
        for name in files - before:
            self._rows_of_file.setdefault(name, set()).add(row)
        for name in before - files:
            rows = self._rows_of_file[name]
            rows.discard(row)
            if not rows:
                del self._rows_of_file[name]
                self.garbage.append(name)

    def _reduce_key(self, key: FakeKey) -> Any:
        state = dict(key.__dict__)
        del state["lock"]
        buffer = state.pop("_value_buffer")
        if key.disposed:
            return _key, (state, b"", None)
        if isinstance(buffer, Body):
            self._writing.add(buffer.name)
            return _key, (state, b"", buffer.name)
        if key.contentsize <= INLINE_BYTES:
            return _key, (state, key.value, None)
        name = uuid.uuid4().hex
        with (self.folder / name).open("wb") as stream:
            stream.write(key.value)
        with key.lock:
            key._value_buffer.close()
            key._value_buffer = Body(self.folder, name)  # type: ignore[assignment]
        self._writing.add(name)
        return _key, (state, b"", name)

    def restore_key(self, state: dict[str, Any], value: bytes, file: str | None) -> FakeKey:
        """An object as `_reduce_key` took it apart."""
        key = FakeKey.__new__(FakeKey)
        key.__dict__.update(state)
        key.lock = threading.Lock()
        if file is not None:
            self._writing.add(file)
            key._value_buffer = Body(self.folder, file)  # type: ignore[assignment]
        else:
            key._value_buffer = tempfile.SpooledTemporaryFile(key._max_buffer_size)  # noqa: SIM115 - the object's own
            key._value_buffer.write(value)
        return key

    def _watch(self, name: str) -> None:
        original = getattr(_VersionedKeyStore, name)
        dirty = self

        def changed(store: Any, key: str, *arguments: Any) -> Any:
            dirty._dirty.add((id(store), key))
            return original(store, key, *arguments)

        setattr(_VersionedKeyStore, name, changed)


def _key(state: dict[str, Any], value: bytes, file: str | None) -> FakeKey:
    return PART.restore_key(state, value, file)


def _copied(key: FakeKey, memo: dict[int, Any]) -> FakeKey:
    """A copy that shares the body's file: moto copies every version of every object for one ListObjectVersions."""
    state = {name: value for name, value in key.__dict__.items() if name not in ("lock", "_value_buffer", "multipart")}
    made = FakeKey.__new__(FakeKey)
    made.__dict__.update(copy.deepcopy(state, memo))
    made.multipart = key.multipart
    made.lock = threading.Lock()
    if isinstance(key._value_buffer, Body):
        made._value_buffer = key._value_buffer.again()  # type: ignore[assignment]
    else:
        made._value_buffer = tempfile.SpooledTemporaryFile(key._max_buffer_size)  # noqa: SIM115 - the object's own
        made._value_buffer.write(b"" if key.disposed else key.value)
    return made


def _bucket(state: dict[str, Any]) -> FakeBucket:
    bucket = FakeBucket.__new__(FakeBucket)
    bucket.__dict__.update(state)
    bucket.keys = _VersionedKeyStore()
    return bucket


PART = S3()
