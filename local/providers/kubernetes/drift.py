"""What became of a program's inputs on the server: the part of a live object that the program speaks of."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any


def refreshed_inputs(inputs: Mapping[str, Any], recorded: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as they would have to read to describe the live object.

    recorded: the live object as it was when it was last read or applied. Where nothing has changed since, the program's
    own words stay: a server stores `1000m` as `1`, and that is no drift. What others added is none either.
    live: with its managedFields, which tell by which keys the entries of a list are known.
    """
    result = _project(inputs, recorded, live, _ownership(live))
    if inputs.get("kind") == "Secret" and isinstance(inputs.get("stringData"), Mapping):
        result["stringData"] = _string_data(inputs["stringData"], recorded.get("data") or {}, live.get("data") or {})
    return result


def _project(wanted: Any, recorded: Any, live: Any, fields: Mapping[str, Any]) -> Any:
    if recorded == live:
        return wanted
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        before = recorded if isinstance(recorded, Mapping) else {}
        result: dict[str, Any] = {}
        for key, value in wanted.items():
            if key in live:
                result[key] = _project(value, before.get(key), live[key], fields.get(f"f:{key}") or {})
            elif key not in before:
                # Never shown by the server (a write-only field, an empty map): its absence says nothing.
                result[key] = value
        return result
    if isinstance(wanted, list) and isinstance(live, list):
        before = recorded if isinstance(recorded, list) else []
        return _project_list(wanted, before, live, fields)
    return live


def _project_list(wanted: list[Any], recorded: list[Any], live: list[Any], fields: Mapping[str, Any]) -> list[Any]:
    keyed = {key: value for key, value in fields.items() if key.startswith("k:")}
    if keyed:
        names = tuple(json.loads(next(iter(keyed)).removeprefix("k:")))
        live_by_key = {_identity(entry, names): entry for entry in live}
        before_by_key = {_identity(entry, names): entry for entry in recorded}
        children = {_identity(json.loads(key.removeprefix("k:")), names): value for key, value in keyed.items()}
        # A key that the program left to its default (a port's protocol) is the one entry that agrees with the rest.
        result: list[Any] = []
        for entry in wanted:
            identity = _matching(entry, names, live_by_key)
            if identity is not None:
                child = children.get(identity) or {}
                result.append(_project(entry, before_by_key.get(identity), live_by_key[identity], child))
        return result
    if any(key.startswith("v:") for key in fields):
        return [entry for entry in wanted if entry in live]
    if len(wanted) == len(live):
        pairs = zip(wanted, recorded if len(recorded) == len(live) else [None] * len(live), live, strict=True)
        return [_project(*pair, {}) for pair in pairs]
    return list(live)


def _identity(entry: Any, names: tuple[str, ...]) -> str:
    return json.dumps([entry.get(name) for name in names] if isinstance(entry, Mapping) else entry)


def _matching(entry: Any, names: tuple[str, ...], live: Mapping[str, Any]) -> str | None:
    exact = _identity(entry, names)
    if exact in live or not isinstance(entry, Mapping):
        return exact if exact in live else None
    given = {name: entry[name] for name in names if name in entry}
    for identity, candidate in live.items():
        if given and all(candidate.get(name) == value for name, value in given.items()):
            return identity
    return None


def _ownership(live: Mapping[str, Any]) -> dict[str, Any]:
    union: dict[str, Any] = {}
    for manager in live.get("metadata", {}).get("managedFields") or []:
        _merge(union, manager.get("fieldsV1") or {})
    return union


def _merge(into: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        _merge(into.setdefault(key, {}), value)


def _string_data(wanted: Mapping[str, str], recorded: Mapping[str, str], live: Mapping[str, str]) -> dict[str, str]:
    # The server keeps stringData as base64 under data.
    result = {}
    for key, value in wanted.items():
        if live.get(key) == recorded.get(key):
            result[key] = value
        elif key in live:
            result[key] = base64.b64decode(live[key]).decode(errors="replace")
    return result


def imported_inputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """An existing object as inputs: without status and without what the server alone sets."""
    metadata = live.get("metadata", {})
    kept = ("name", "namespace", "labels", "annotations", "finalizers")
    result: dict[str, Any] = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    result["metadata"] = {key: metadata[key] for key in kept if metadata.get(key)}
    return result
