"""The stack's state: its backend, what encrypts its secrets, locks, and operations that were cut off."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from operations.calls import PATIENCE, code_of, is_denied
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Subject
from operations.engine_steps import name_of
from operations.environments import BACKEND_URL, FILE
from operations.locks import Lock, locks_in
from operations.state_store import Store, bucket_of, checkpoint, folder_of

CHECK = "state"


def check_state(subject: Subject) -> Iterator[Finding]:
    """The backend and the stack in it."""
    backend, chosen = _backend(subject)
    yield from chosen
    if not backend:
        return
    scheme = urlsplit(backend).scheme
    if scheme == "s3":
        bucket = bucket_of(backend, subject.session)
        if (problem := _bucket_problem(subject, bucket.client, bucket.name)) is not None:
            yield problem
            return
        yield from _bucket_settings(subject, bucket.client, bucket.name)
        yield from check_stack(subject, bucket, backend)
    elif scheme == "file":
        folder = folder_of(backend)
        if not os.access(folder.root, os.W_OK):
            yield failure(CHECK, backend, "there is no such folder that can be written to", f"mkdir -p {folder.root}")
            return
        yield from check_stack(subject, folder, backend)
    else:
        yield warning(CHECK, backend, "locks and unfinished operations of such a backend are not looked at here")


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """The KMS key that encrypts the state's secrets."""
    provider = subject.env.secrets_provider or ""
    if not provider.startswith("awskms://"):
        return
    parts = urlsplit(provider)
    key = f"{parts.netloc}{parts.path}"
    region = parse_qs(parts.query).get("region", [subject.env.region])[0]
    try:
        told = subject.session.client("kms", region_name=region, config=PATIENCE).describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as error:
        if code_of(error) != "NotFoundException":
            raise
        yield failure("secrets", provider, "there is no such key", f"groundwork bootstrap {subject.env.name}")
        return
    if told["KeyState"] != "Enabled":
        mend = subject.aws(f"kms enable-key --key-id {told['KeyId']}")
        if told["KeyState"] == "PendingDeletion":
            mend = f"{subject.aws('kms cancel-key-deletion --key-id ' + told['KeyId'])}, and enable it"
        yield failure("secrets", provider, f"the key is {told['KeyState']}: no secret of the state can be read", mend)
    else:
        yield ok("secrets", provider, "the key is enabled")


def check_stack(subject: Subject, store: Store, backend: str) -> Iterator[Finding]:
    """The stack, its locks, and operations that an engine never saw the end of."""
    name = subject.env.name
    try:
        state = checkpoint(store, name)
    except ValueError as error:
        yield failure(CHECK, backend, f"the stack's file cannot be read: {error}", f"groundwork stack repair {name}")
        return
    if state is None:
        mend = "make local" if subject.env.is_local else f"groundwork bootstrap {name}"
        yield failure(CHECK, backend, f"there is no stack {name} in it yet", mend)
        return
    for lock in locks_in(store, name):
        yield _locked(lock, backend, name)
    pending: list[Any] = state.get("pending_operations") or []
    if pending:
        shown = ", ".join(f"{one['type']} {name_of(one['resource']['urn'])}" for one in pending[:5])
        more = f" and {len(pending) - 5} more" if len(pending) > 5 else ""
        text = f"an engine was cut off in the middle of {shown}{more}: what came of it is not known"
        yield warning(CHECK, backend, text, f"make up ENV={name}: it finds out what became of each")
    resources: list[Any] = state.get("resources") or []
    yield ok(CHECK, backend, f"stack {name}: {len(resources)} resources")


def _backend(subject: Subject) -> tuple[str, list[Finding]]:
    """The address of the backend, and where nobody has chosen one."""
    env = subject.env
    if env.backend:
        return env.backend, []
    if said := os.environ.get(BACKEND_URL):
        return said, []
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        current = str(json.loads((home / "credentials.json").read_text()).get("current") or "")
    except (OSError, ValueError):
        current = ""
    mend = f"groundwork bootstrap {env.name}"
    if not current:
        text = f"no backend is named for {env.name}, and nobody has logged in to one"
        return "", [failure(CHECK, FILE, text, mend)]
    text = f"no backend is named for {env.name}: who runs `up` uses the one that they are logged in to ({current})"
    return current, [warning(CHECK, FILE, text, f"{mend}, or write it down: {FILE}")]


def _bucket_problem(subject: Subject, client: Any, name: str) -> Finding | None:
    where = f"s3://{name}"
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        code = code_of(error)
        if code in ("404", "NoSuchBucket"):
            return failure(CHECK, where, "there is no such bucket", f"groundwork bootstrap {subject.env.name}")
        if code in ("403", "AccessDenied"):
            text = f"the caller may not read it, or it is of another account than {subject.identity.account}"
            return failure(
                CHECK, where, text, f"give {subject.identity.arn} s3:ListBucket, GetObject and PutObject on it"
            )
        raise
    return None


def _bucket_settings(subject: Subject, client: Any, name: str) -> Iterator[Finding]:
    where = f"s3://{name}"
    try:
        versioned = client.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
    except ClientError as error:
        if not is_denied(error):
            raise
        yield warning(CHECK, where, "whether it keeps old versions is not known: the caller may not ask")
        return
    if versioned:
        yield ok(CHECK, where, "it keeps old versions")
    else:
        text = "it keeps no old versions: a state that is cut short cannot be brought back"
        yield warning(CHECK, where, text, f"groundwork bootstrap {subject.env.name}")


def _locked(lock: Lock, backend: str, stack: str) -> Finding:
    held = f"{lock.user}@{lock.host} (process {lock.pid}) holds the stack since {lock.since}"
    if lock.owner_is_dead():
        return warning(CHECK, backend, f"{held}, and that process is gone", f"make up ENV={stack}: it breaks the lock")
    mend = f"wait for it; if it is dead: pulumi cancel --stack {stack}"
    return failure(CHECK, backend, held, mend)
