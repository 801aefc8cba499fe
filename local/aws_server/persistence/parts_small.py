"""Services whose backend only needs some care at its edges: IAM, SSM, EC2, CloudWatch and CloudWatch Logs."""

import base64
import hashlib
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.core.base_backend import BaseBackend
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.logs.models import LogGroup, LogsBackend, LogStream
from moto.ssm.models import ParameterDict, SimpleSystemManagerBackend

from local.aws_server.persistence.parts import Changes, Whole, kind_of
from local.aws_server.persistence.pickling import dumps, loads, reducer
from local.aws_server.store import Store


class Iam(Whole):
    """Leaves out AWS's own managed policies, which moto makes anew; how often each is attached is counted again."""

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        own = {arn: p for arn, p in state["managed_policies"].items() if not isinstance(p, AWSManagedPolicy)}
        return {name: value for name, value in state.items() if name != "aws_managed_policies"} | {
            "managed_policies": own
        }

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, IAMBackend)
        policies = {policy.arn: policy for policy in backend.aws_managed_policies} | state["managed_policies"]
        backend.__dict__.update(state | {"managed_policies": policies})
        for policy in backend.aws_managed_policies:
            policy.attachment_count = 0
        for holder in (*backend.roles.values(), *backend.users.values(), *backend.groups.values()):
            for policy in holder.managed_policies.values():
                if isinstance(policy, AWSManagedPolicy):
                    policy.attachment_count += 1


def name_managed_policies(backend: BaseBackend) -> None:
    """Gives AWS's managed policies ids that are the same at every start; moto's are random."""
    if isinstance(backend, IAMBackend):
        for policy in backend.aws_managed_policies:
            digest = hashlib.sha256(policy.arn.encode()).digest()
            policy.id = "ANPA" + base64.b32encode(digest).decode()[:17]


class Ssm(Whole):
    """Keeps the default factory of a dictionary, a function that has no pickle."""

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"_resource_tags": {kind: dict(tags) for kind, tags in state["_resource_tags"].items()}}

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, SimpleSystemManagerBackend)
        tags = state.pop("_resource_tags")
        backend.__dict__.update(state)
        for kind, by_resource in tags.items():
            backend._resource_tags[kind].update(by_resource)  # moto's own attribute


def _parameter_dict(account_id: str, region: str, state: dict[str, Any], items: dict[str, Any]) -> ParameterDict:
    made = ParameterDict(account_id, region)
    made.__dict__.update(state)
    dict.update(made, items)
    return made


reducer(
    ParameterDict,
    lambda value: (_parameter_dict, (value.account_id, value.region_name, dict(value.__dict__), dict(value))),
)


class Ec2(Whole):
    """Writes the images that every region starts with, and their snapshots, once instead of at each change.

    They are nine tenths of a backend's pickle.
    """

    def __init__(self) -> None:
        self._default: dict[int, tuple[str, str, str, str]] = {}
        self._written: set[str] = set()
        self._by_key: dict[tuple[str, str, str, str], Any] = {}
        reducer(Ami, self._reduce)
        reducer(Snapshot, self._reduce)

    def note_defaults(self, backend: BaseBackend) -> None:
        """To be called for a backend that moto has just made."""
        if isinstance(backend, EC2Backend):
            self._note(backend, backend.amis, backend.snapshots)

    def _note(self, backend: EC2Backend, amis: dict[str, Any], snapshots: dict[str, Any]) -> None:
        for name, values in (("ami", amis), ("snapshot", snapshots)):
            for key, value in values.items():
                place = (backend.account_id, backend.region_name, name, key)
                self._default[id(value)] = place
                self._by_key[place] = value

    def _reduce(self, value: Any) -> Any:
        place = self._default.get(id(value))
        return (_default_image, place) if place is not None else value.__reduce_ex__(4)

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        kind = kind_of("ec2-defaults", backend)
        if kind in self._written:
            return
        mine = {
            place: value
            for place, value in self._by_key.items()
            if place[:2] == (backend.account_id, backend.region_name)
        }
        kept, self._default = self._default, {}
        try:
            changes.puts.append((kind, "", dumps(mine)))
        finally:
            self._default = kept
        self._written.add(kind)

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        backend.__dict__.update(state)

    def load_defaults(self, store: Store) -> None:
        """Reads all default images back; to be called before any EC2 root is unpickled."""
        for kind in store.kinds("ec2-defaults:"):
            _, account_id, region = kind.split(":")
            data = store.read(kind, "")
            assert data is not None
            ec2_backends[account_id][region]
            for place, value in loads(data).items():
                self._default[id(value)] = place
                self._by_key[place] = value
            self._written.add(kind)


EC2 = Ec2()


def _default_image(account_id: str, region: str, name: str, key: str) -> Any:
    return EC2._by_key[account_id, region, name, key]  # its own module


class CloudWatch(Whole):
    """Metric data by appending: a row holds what one request put."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"metric_data": [], "paged_metric_data": {}}

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        assert isinstance(backend, CloudWatchBackend)
        fresh: list[Any] = []
        for datum in reversed(backend.metric_data):
            if "groundwork_kept" in datum.__dict__:
                break
            fresh.append(datum)
        if not fresh:
            return
        fresh.reverse()
        kind = kind_of("metric-data", backend)
        row = self._next.get(kind, 0)
        for datum in fresh:
            datum.__dict__["groundwork_kept"] = True
        changes.puts.append((kind, f"{row:012d}", dumps(fresh)))
        self._next[kind] = row + 1

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, CloudWatchBackend)
        backend.__dict__.update(state)
        kind = kind_of("metric-data", backend)
        backend.metric_data = []
        for key, data in store.scan(kind):
            backend.metric_data += loads(data)
            self._next[kind] = int(key) + 1


class Logs(Whole):
    """A row a stream, and a row for the events that one request put."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, tuple[int, int]]] = {}
        reducer(LogGroup, lambda group: (_log_group, (group.__dict__ | {"streams": {}},)))

    def changes(self, backend: BaseBackend, changes: Changes) -> None:
        assert isinstance(backend, LogsBackend)
        streams, events = kind_of("log-stream", backend), kind_of("log-events", backend)
        kept = self._kept.setdefault(streams, {})
        seen: set[str] = set()
        for group in backend.groups.values():
            for stream in group.streams.values():
                key = f"{group.name}\0{stream.log_stream_name}"
                seen.add(key)
                now = (len(stream.events), stream.upload_sequence_token)
                if kept.get(key) == now:
                    continue
                start = kept.get(key, (0, 0))[0]
                if now[0] < start:
                    changes.delete_prefixes.append((events, f"{key}\0"))
                    start = 0
                changes.puts.append((streams, key, dumps(stream.__dict__ | {"events": [], "log_group": None})))
                if now[0] > start:
                    changes.puts.append((events, f"{key}\0{start:012d}", dumps(stream.events[start:])))
                kept[key] = now
        for key in kept.keys() - seen:
            del kept[key]
            changes.deletes.append((streams, key))
            changes.delete_prefixes.append((events, f"{key}\0"))

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, LogsBackend)
        backend.__dict__.update(state)
        streams, events = kind_of("log-stream", backend), kind_of("log-events", backend)
        by_stream: dict[str, list[Any]] = {}
        for key, data in store.scan(events):
            by_stream.setdefault(key.rpartition("\0")[0], []).extend(loads(data))
        kept = self._kept.setdefault(streams, {})
        for key, data in store.scan(streams):
            group = backend.groups[key.split("\0")[0]]
            stream = LogStream.__new__(LogStream)
            stream.__dict__.update(loads(data) | {"log_group": group, "events": by_stream.get(key, [])})
            group.streams[stream.log_stream_name] = stream
            kept[key] = (len(stream.events), stream.upload_sequence_token)


def _log_group(state: dict[str, Any]) -> LogGroup:
    group = LogGroup.__new__(LogGroup)
    group.__dict__.update(state)
    return group
