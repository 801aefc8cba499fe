"""Services whose backend only needs some care at its edges: IAM, SSM, CloudWatch and CloudWatch Logs."""

import base64
import hashlib
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.core.base_backend import BaseBackend
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.logs.models import LogGroup, LogsBackend, LogStream
from moto.ssm.models import ParameterDict, SimpleSystemManagerBackend

from local.aws_server.persistence.parts import Changes, Whole, kind_of
from local.aws_server.persistence.pickling import dumps, loads, reducer
from local.aws_server.store import Store


class Iam(Whole):
    """Leaves out AWS's own managed policies, which moto makes anew; how often each is attached is counted again."""

    def note_new(self, backend: BaseBackend) -> None:
        """Gives AWS's managed policies ids that are the same at every start; moto's are random."""
        assert isinstance(backend, IAMBackend)
        for policy in backend.aws_managed_policies:
            digest = hashlib.sha256(policy.arn.encode()).digest()
            policy.id = "ANPA" + base64.b32encode(digest).decode()[:17]

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


class CloudWatch(Whole):
    """Metric data are kept elsewhere (metric_data/store.py); what an earlier version kept here is handed over."""

    def strip(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"metric_data": [], "paged_metric_data": {}}

    def restore(self, backend: BaseBackend, state: dict[str, Any], store: Store) -> None:
        assert isinstance(backend, CloudWatchBackend)
        backend.__dict__.update(state)
        kind = kind_of("metric-data", backend)
        backend.metric_data = [datum for _, data in store.scan(kind) for datum in loads(data)]
        store.write(delete_prefixes=[(kind, "")])


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


IAM, SSM, CLOUDWATCH, LOGS = Iam(), Ssm(), CloudWatch(), Logs()


def default_image(account_id: str, region: str, name: str, key: str) -> Any:
    """An image or snapshot that a region starts with; pickles name this function."""
    from local.aws_server.persistence.parts_ec2 import EC2

    return EC2.default(account_id, region, name, key)


_default_image = default_image
"""The name in states that were written before."""
