"""Follows the references among raw settings, once, before anything is checked or built."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from infra.references.spelling import MisspeltError, Path, Reference, read, shown
from infra.references.values import Outputs, UnreachableError, Unresolved
from infra.sections.nearest import nearest

GIVEN_HERE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"region|profile|accountId"), "it says where to look for values that stand elsewhere"),
    (re.compile(r"policy(\..*)?"), "the policy pack reads it from this file"),
    (re.compile(r"protection(\..*)?"), "teardowns read it from this file, and nobody else may lift a protection"),
    (re.compile(r"teams\[\d+\](\.name)?"), "a team's resources are known by it"),
    (
        re.compile(r"(github|gitlab|jenkins|teams\[\d+\]\.(repositories|projects))([.\[].*)?"),
        "whose jobs get into the account is decided here",
    ),
)
"""Settings that a file says itself, with the reason: of an environment, and (the last) of an account."""
LISTED = 8


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How the places are read that values may stand in; each raises UnreachableError.

    exports: CloudFormation's, of the environment's account and region.
    state: a Terraform state file, by bucket and key.
    stack: another stack of the environment's backend, by its full name.
    """

    exports: Callable[[], Outputs]
    state: Callable[[str, str], Outputs]
    stack: Callable[[str], Outputs]

    def outputs(self, reference: Reference) -> Outputs:
        """What the reference's place publishes. Raises UnreachableError."""
        match reference.source:
            case "cfn":
                return self.exports()
            case "tfstate":
                return self.state(*reference.place)
            case _:
                return self.stack(*reference.place)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Raw settings without references.

    values: the settings; an Unresolved stands where a reference led nowhere.
    origins: where a value came from elsewhere, by its path in the settings: the reference as the file has it.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def resolve(raw: Mapping[str, Any], sources: Sources | None) -> Resolved:
    """The settings with what their references lead to. Each place is read once, and only when a reference names it.

    sources: None where nothing may be read: then every reference stays unresolved and says so.
    """
    walk = _Walk(sources)
    values = {key: walk.followed(value, key) for key, value in raw.items()}
    return Resolved(values=values, origins=walk.origins)


def has_references(raw: Any) -> bool:
    """Whether any text of the settings is a reference, misspelt ones among them."""
    if isinstance(raw, str):
        return _is_reference(raw)
    if isinstance(raw, dict):
        return any(has_references(each) for each in cast(dict[Any, Any], raw).values())
    return isinstance(raw, list) and any(has_references(each) for each in cast(list[Any], raw))


def _is_reference(text: str) -> bool:
    try:
        return read(text) is not None
    except MisspeltError:
        return True


@dataclass
class _Walk:
    sources: Sources | None
    origins: dict[str, str] = field(default_factory=dict[str, str])
    _read: dict[tuple[str, ...], Outputs | UnreachableError] = field(default_factory=dict[tuple[str, ...], Any])

    def followed(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            group = cast(dict[str, Any], value)
            return {key: self.followed(each, f"{path}.{key}") for key, each in group.items()}
        if isinstance(value, list):
            entries = cast(list[Any], value)
            return [self.followed(each, f"{path}[{index}]") for index, each in enumerate(entries)]
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: str) -> Any:
        try:
            reference = read(text)
        except MisspeltError as error:
            return Unresolved(text, f"is no reference; {error}")
        if reference is None:
            return text
        for pattern, reason in GIVEN_HERE:
            if pattern.fullmatch(path):
                return Unresolved(text, f"cannot stand elsewhere: {reason}; write the value itself")
        try:
            value = _value(self._outputs(reference), reference.path)
        except UnreachableError as error:
            return Unresolved(text, str(error))
        self.origins[path] = text
        return value

    def _outputs(self, reference: Reference) -> Outputs:
        if self.sources is None:
            raise UnreachableError("stands elsewhere, and is not looked up here")
        key = (reference.source, *reference.place)
        if key not in self._read:
            try:
                self._read[key] = self.sources.outputs(reference)
            except UnreachableError as error:
                self._read[key] = UnreachableError(f"cannot be read: {error}")
        found = self._read[key]
        if isinstance(found, UnreachableError):
            raise found
        return found


def _value(outputs: Outputs, path: Path) -> Any:
    """The value at a path among a place's outputs. Raises UnreachableError."""
    name = str(path[0])
    if name not in outputs.values:
        missing = _has_no(name, list(outputs.values), outputs.kind)
        hint = f"{'' if missing.endswith('?') else '.'} {outputs.hint}" if outputs.hint else ""
        raise UnreachableError(f"leads nowhere: {outputs.where} {missing}{hint}")
    output = outputs.values[name]
    if output.sensitive:
        raise UnreachableError(
            f"is a secret: {outputs.where} marks {name!r} as one, and a setting is shown in previews and kept in plain "
            "text. Publish what is no secret under a name of its own, or store the value here: "
            "`pulumi config set --secret --path`"
        )
    value, walked = output.value, 1
    for step in path[1:]:
        value = _below(value, step, f"{shown(path[:walked])!r} of {outputs.where}")
        walked += 1
    if value is None:
        raise UnreachableError(f"leads to nothing: {shown(path)!r} of {outputs.where} is null")
    return value


def _below(value: Any, step: str | int, place: str) -> Any:
    if isinstance(step, int):
        entries = cast(list[Any], value) if isinstance(value, list) else []
        if step >= len(entries):
            raise UnreachableError(f"leads nowhere: {place} {_size(value)}, and [{step}] counts from 0")
        return entries[step]
    group = cast(dict[str, Any], value) if isinstance(value, dict) else None
    if group is None:
        raise UnreachableError(f"leads nowhere: {place} is no object, so it has no {step!r}")
    if step not in group:
        raise UnreachableError(f"leads nowhere: {place} {_has_no(step, list(group), 'key')}")
    return group[step]


def _size(value: Any) -> str:
    return f"has {len(cast(list[Any], value))} entries" if isinstance(value, list) else "is no list"


def _has_no(name: str, known: list[str], kind: str) -> str:
    close = nearest(name, known)
    some = f"{', '.join(sorted(known)[:LISTED])}{', …' if len(known) > LISTED else ''}"
    there = f"did you mean {close}?" if close else f"there is {some}" if known else "there is none"
    return f"has no {kind} {name!r}; {there}"
