"""A durable key-value store in one SQLite file: what was written survives kill -9 of this process.

The write-ahead log is on, and each write is one transaction that has left this process (write(2) done) when the call
returns. It is not forced to the disk (synchronous=OFF): a crash of the machine, unlike one of the process, may lose the
last moments.
"""

import pickle
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import Any


class Store:
    """Rows of (table, key) to bytes."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS rows (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def write(
        self,
        puts: Iterable[tuple[str, str, bytes]] = (),
        deletes: Iterable[tuple[str, str]] = (),
        delete_prefixes: Iterable[tuple[str, str]] = (),
    ) -> None:
        """One transaction: deletes (kind, key prefix) and (kind, key), then puts rows (kind, key, value)."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                for kind, prefix in delete_prefixes:
                    # a range, as functions of SQLite end a text at the first NUL, which separates parts of a key here
                    end = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else None
                    condition, values = ("key >= ? AND key < ?", (prefix, end)) if end else ("1", ())
                    self._connection.execute(f"DELETE FROM rows WHERE kind = ? AND {condition}", (kind, *values))  # noqa: S608
                self._connection.executemany("DELETE FROM rows WHERE kind = ? AND key = ?", list(deletes))
                self._connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", list(puts))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    def read(self, kind: str, key: str) -> bytes | None:
        """One row's value."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM rows WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return row[0] if row else None

    def scan(self, kind: str) -> list[tuple[str, bytes]]:
        """All rows of a kind, by key."""
        with self._lock:
            return self._connection.execute(
                "SELECT key, value FROM rows WHERE kind = ? ORDER BY key", (kind,)
            ).fetchall()

    def kinds(self, prefix: str) -> list[str]:
        """The kinds that start so."""
        with self._lock:
            rows = self._connection.execute("SELECT DISTINCT kind FROM rows WHERE kind >= ? ORDER BY kind", (prefix,))
            return [kind for (kind,) in rows if kind.startswith(prefix)]

    def close(self) -> None:
        """Folds the log into the file."""
        with self._lock:
            self._connection.close()


class StoredRecords:
    """Overlays' objects: read from memory, written through to the store before `put` returns."""

    def __init__(self, store: Store) -> None:
        self.lock = RLock()
        self._store = store
        self._kinds: dict[str, dict[str, Any]] = {}
        for kind in store.kinds("record:"):
            rows = {key: pickle.loads(value) for key, value in store.scan(kind)}  # noqa: S301 - our own file
            self._kinds[kind.removeprefix("record:")] = rows

    def put(self, kind: str, key: str, value: Any) -> None:
        """Adds or replaces a record. The value is copied: changing it afterwards changes nothing that is kept."""
        data = pickle.dumps(value)
        with self.lock:
            self._store.write(puts=[(f"record:{kind}", key, data)])
            self._kinds.setdefault(kind, {})[key] = pickle.loads(data)  # noqa: S301 - made two lines above

    def get(self, kind: str, key: str) -> Any:
        """The record, None when there is none. It must not be changed in place."""
        with self.lock:
            return self._kinds.get(kind, {}).get(key)

    def delete(self, kind: str, key: str) -> None:
        """Removes a record; one that is not there is no error."""
        with self.lock:
            self._store.write(deletes=[(f"record:{kind}", key)])
            self._kinds.get(kind, {}).pop(key, None)

    def items(self, kind: str, prefix: str = "") -> list[tuple[str, Any]]:
        """Records of a kind whose key starts so, by key."""
        with self.lock:
            rows = self._kinds.get(kind, {})
            return [(key, rows[key]) for key in sorted(rows) if key.startswith(prefix)]
