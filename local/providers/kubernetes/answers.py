"""Answers to the engine: differences, properties with their secrets, failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, struct_pb2

from local.providers.kubernetes.difference import Change
from local.providers.stubs import provider_pb2, status_pb2
from local.providers.values import to_struct

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's public marker of secret values
_SECRET_MEMBERS = ("data", "stringData")


def properties(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The properties of an object; the data of a Secret are marked as secret, whoever made it."""
    struct = to_struct(values)
    if values.get("kind") == "Secret":
        for name in _SECRET_MEMBERS:
            if name in struct.fields:
                marked = struct_pb2.Struct()
                marked.fields[_SIGNATURE].string_value = _SECRET
                marked.fields["value"].CopyFrom(struct.fields[name])
                struct.fields[name].struct_value.CopyFrom(marked)
    return struct


def diff_response(changed: list[Change], replaced: set[tuple[str | int, ...]], delete_first: bool = False) -> Any:
    kinds = provider_pb2.PropertyDiff.Kind
    detailed = {
        change.shown: provider_pb2.PropertyDiff(
            kind=kinds.Value(change.kind + ("_REPLACE" if change.path in replaced else "")), inputDiff=True
        )
        for change in changed
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=sorted(change.shown for change in changed if change.path in replaced),
        deleteBeforeReplace=delete_first,
        diffs=sorted({str(change.path[0]) for change in changed}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def fail(context: Any, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError


def fail_incomplete(
    context: Any, message: str, object_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
) -> NoReturn:
    """Tells the engine that the object exists, so that it is kept in the state and completed by the next `up`."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=object_id, properties=properties(state), reasons=[message], inputs=to_struct(inputs)
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)
    raise AssertionError
