"""The journal: what a request changed is written before its answer leaves, and read back at the next start."""

import importlib
import logging
import re
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote

import moto
from moto.core.base_backend import BaseBackend
from moto.iam.models import IAMBackend
from moto.s3.models import S3Backend

from local.aws_server.persistence import parts_s3, tracking
from local.aws_server.persistence.parts import Changes, Part, Whole
from local.aws_server.persistence.pickling import backend_at, dumps, loads, refer_to_backend, reference
from local.aws_server.store import Store

logger = logging.getLogger(__name__)

_READS = re.compile(
    r"(Describe|Get|List|Head|BatchGet|Lookup|Search|Simulate|Test|Validate|Filter|Query|Scan|Select)[A-Z]"
)
_ROOT = "moto"
_PACKAGE = "local.aws_server.persistence"
_PARTS = {
    "moto.s3.models": (f"{_PACKAGE}.parts_s3", "PART"),
    "moto.iam.models": (f"{_PACKAGE}.parts_small", "IAM"),
    "moto.ssm.models": (f"{_PACKAGE}.parts_small", "SSM"),
    "moto.cloudwatch.models": (f"{_PACKAGE}.parts_small", "CLOUDWATCH"),
    "moto.logs.models": (f"{_PACKAGE}.parts_small", "LOGS"),
    "moto.ec2.models": (f"{_PACKAGE}.parts_ec2", "EC2"),
}
"""The part of each of moto's modules that has one. They are imported when they are needed: EC2 alone takes a second."""


class StateError(Exception):
    """The state on disk cannot be read back."""


class Journal:
    """Keeps moto's state in a store."""

    def __init__(self, store: Store, objects: Path) -> None:
        objects.mkdir(parents=True, exist_ok=True)
        self._store = store
        self._s3 = parts_s3.PART
        self._s3.folder = objects
        self._parts: dict[str, Part] = {}
        self._written: dict[tuple[str, ...], bytes] = {}
        self._unwritten: list[Changes] = []
        self.not_durable: set[str] = set()
        tracking.on_new_backend(refer_to_backend)
        tracking.on_new_backend(lambda backend: self._part(backend).note_new(backend))
        tracking.install()

    def load(self) -> None:
        """Brings moto back to where it was; raises StateError with what to do where it cannot."""
        made_by = self._store.read("meta", "moto")
        if self._store.kinds("ec2-defaults:"):
            from local.aws_server.persistence.parts_ec2 import EC2

            EC2.load_defaults(self._store)
        for key, data in self._store.scan(_ROOT):
            where = tuple(key.split("\0"))
            try:
                backend = backend_at(*where)
                self._s3.begin_pickle()
                state = loads(data)
                if isinstance(backend, S3Backend):
                    self._s3.note_root(backend, self._s3.files_written())
                self._part(backend).restore(backend, state, self._store)
            except Exception as error:
                raise StateError(
                    f"The AWS server's state of {where[0]} cannot be read ({error!r}). It was written with moto "
                    f"{(made_by or b'?').decode()}, this is moto {moto.__version__}. Install that version again, or "
                    "start afresh with `make local-down` and `make local`."
                ) from error
            self._written[where] = blake2b(data).digest()
        self._s3.remove_strays()
        tracking.take_new()
        self._store.write(puts=[("meta", "moto", moto.__version__.encode())])

    def begin(self) -> None:
        """To be called before moto runs a request, under moto's lock."""
        tracking.begin()

    def commit(self, signing_name: str, operation: str, method: str, path: str) -> None:
        """Writes what the request changed; to be called after it, under moto's lock, before the answer is sent.

        Raises OSError or sqlite3.OperationalError when it cannot be written (a full disk): then the answer must not be
        sent. The next request that changes something tries again.
        """
        backends = {id(backend): backend for backend in tracking.take_new() if not isinstance(backend, IAMBackend)}
        if is_write(signing_name, operation, method):
            if signing_name == "s3":
                bucket, _, key = unquote(path).lstrip("/").partition("/")
                if bucket:
                    self._s3.touch(bucket, key)
            for backend in tracking.reached():
                # every request looks its access key up in IAM
                if not isinstance(backend, IAMBackend) or signing_name in ("iam", "sts", "cloudformation"):
                    backends[id(backend)] = backend
        if not backends:
            return
        changes = Changes()
        for backend in backends.values():
            self._collect(backend, changes)
        if changes:
            self._unwritten.append(changes)
        while self._unwritten:  # what a full disk refused goes first
            oldest = self._unwritten[0]
            self._store.write(oldest.puts, oldest.deletes, oldest.delete_prefixes)
            del self._unwritten[0]
        self._s3.remove_garbage()

    def _collect(self, backend: BaseBackend, changes: Changes) -> None:
        where = reference(backend)
        part = self._part(backend)
        try:
            part.changes(backend, changes)
            self._s3.begin_pickle()
            data = dumps(part.strip(dict(backend.__dict__)))
        except OSError:
            raise
        except Exception:
            if where[0] not in self.not_durable:
                self.not_durable.add(where[0])
                logger.exception("%s cannot be kept: its state will not survive a restart", where[0])
            return
        if isinstance(backend, S3Backend):
            self._s3.note_root(backend, self._s3.files_written())
        digest = blake2b(data).digest()
        if self._written.get(where) != digest:
            changes.puts.append((_ROOT, "\0".join(where), data))
            self._written[where] = digest

    def _part(self, backend: BaseBackend) -> Part:
        module = type(backend).__module__
        if module not in self._parts:
            place = _PARTS.get(module)
            self._parts[module] = getattr(importlib.import_module(place[0]), place[1]) if place else Whole()
        return self._parts[module]


def is_write(signing_name: str, operation: str, method: str) -> bool:
    """Whether a request may change something. An operation that is not known by name counts by its method."""
    if signing_name == "sts":
        return operation != "GetCallerIdentity"
    if operation:
        return not _READS.match(operation)
    return method not in ("GET", "HEAD", "OPTIONS")
