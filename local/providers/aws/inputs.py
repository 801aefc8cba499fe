"""Checks of a resource's inputs and the physical names that are made up for it. No AWS call, no service model."""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from local.providers.aws.table import Property, Resource
from local.providers.aws.tags import all_tags
from local.providers.values import UNKNOWN

_RANDOM_DIGITS = 7
"""As many as the genuine provider appends (https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming)."""


def checked(
    resource: Resource,
    name: str,
    news: Mapping[str, Any],
    olds: Mapping[str, Any],
    seed: bytes,
    default_tags: Mapping[str, str],
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The inputs with physical names and all tags filled in, and what is wrong with them as (property, reason)."""
    inputs = {key: value for key, value in news.items() if key not in ("__defaults", "tagsAll")}
    made_up = [prop.name for prop in resource.properties if prop.autoname and prop.name not in inputs]
    for each in made_up:
        prop = resource.property(each)
        assert prop is not None
        kept = olds.get(each) if each in (olds.get("__defaults") or []) else None
        inputs[each] = kept or _physical_name(name, prop.autoname, seed, lowercase=resource.service == "s3")
    if made_up:
        inputs["__defaults"] = made_up
    failures = list(_failures(resource.properties, inputs, resource.type))
    if not failures and resource.check and (reason := resource.check(inputs)):
        failures.append(("", reason))
    if resource.tagging:
        inputs["tagsAll"] = all_tags(default_tags, inputs.get("tags"))
    return inputs, failures


def _failures(properties: tuple[Property, ...], values: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    known = {prop.name: prop for prop in properties}
    for name in values:
        if name not in known and not name.startswith("__"):
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            yield name, f"{where}: the local AWS provider does not support the property {name!r}.{hint}"
    for prop in properties:
        value = values.get(prop.name)
        if value is None:
            if prop.required:
                yield prop.name, f"{where}: the property {prop.name!r} is required."
            continue
        if prop.kind == "block" and isinstance(value, Mapping):
            yield from _failures(prop.fields, value, f"{where}.{prop.name}")
        elif prop.kind in ("blocks", "blockset") and isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _failures(prop.fields, item, f"{where}.{prop.name}[{index}]")
        elif prop.kind in ("block", "blocks", "blockset") and value is not UNKNOWN:
            wanted = "a block" if prop.kind == "block" else "a list of blocks"
            yield prop.name, f"{where}: the property {prop.name!r} takes {wanted}, not {value!r}."


def _physical_name(name: str, longest: int, seed: bytes, *, lowercase: bool) -> str:
    digits = (hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(8))[:_RANDOM_DIGITS]
    stem = re.sub(r"[^a-z0-9.-]", "-", name.lower()) if lowercase else name
    return f"{stem[: longest - _RANDOM_DIGITS - 1]}-{digits}"
