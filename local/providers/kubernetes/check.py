"""Completes a program's inputs: apiVersion, kind and, where none is given, a name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from local.providers.kubernetes.objects import AUTONAMED, is_annotated, name_of, type_of, version_and_kind
from local.providers.values import UNKNOWN

_SUFFIX_LENGTH = 8


def checked(
    urn: str, news: Mapping[str, Any], olds: Mapping[str, Any], seed: bytes
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The inputs as they will be kept, and failures as (property, reason).

    A name is made as the genuine provider makes it: `<logical name>-<8 hexadecimal digits>`, kept while the resource
    lives.
    Raises UnsupportedTypeError.
    """
    version, kind = version_and_kind(type_of(urn))
    inputs = {key: value for key, value in news.items() if key != "__defaults"}
    inputs.setdefault("apiVersion", version)
    inputs.setdefault("kind", kind)
    failures: list[tuple[str, str]] = []
    if inputs["kind"] is not UNKNOWN and inputs["kind"] != kind:
        failures.append(("kind", f"is {inputs['kind']!r}, but the resource's type says {kind!r}"))
    metadata = inputs.setdefault("metadata", {})
    if metadata is UNKNOWN:
        return inputs, failures
    if not isinstance(metadata, Mapping):
        failures.append(("metadata", f"must be an object, not {metadata!r}"))
        return inputs, failures
    metadata = dict(metadata)
    name = metadata.get("name")
    if name is None and not metadata.get("generateName"):
        annotations = metadata.get("annotations")
        if annotations is not UNKNOWN:
            metadata["name"] = _kept_name(olds) or _new_name(name_of(urn), seed)
            metadata["annotations"] = {**(annotations or {}), AUTONAMED: "true"}
    elif name is not None and name is not UNKNOWN and (not isinstance(name, str) or not name):
        failures.append(("metadata.name", f"must be a name, not {name!r}"))
    inputs["metadata"] = metadata
    return inputs, failures


def _kept_name(olds: Mapping[str, Any]) -> str | None:
    if not is_annotated(olds, AUTONAMED):
        return None
    name = olds["metadata"].get("name")
    return name if isinstance(name, str) else None


def _new_name(logical_name: str, seed: bytes) -> str:
    random = hashlib.sha256(seed).hexdigest() if seed else os.urandom(16).hex()
    return f"{logical_name}-{random[:_SUFFIX_LENGTH]}"
