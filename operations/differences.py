"""What differs between two states of a resource, property by property, with every secret left out.

States and paths are those of the engine's events: sdk/go/common/apitype/events.go and sdk/go/common/resource/
properties_path.go of https://github.com/pulumi/pulumi.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark, and no secret
"""How the engine marks a value that is a secret: sdk/go/common/resource/sig/sig.go."""
HIDDEN = "[secret]"
_ABSENT = object()
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")
_STEP = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]""")

Steps = tuple[str | int, ...]
Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that is not as recorded.

    path: as the engine writes it; inside a JSON document it goes on after ` → `.
    recorded: the value in the state, None where there was none. actual: the value now, None where there is none.
    Either is `[secret]` where the engine knows one of the two as a secret.
    """

    path: str
    kind: Kind
    recorded: Any
    actual: Any


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], detailed: Mapping[str, Any] | None, changed: Sequence[str] = ()
) -> list[Difference]:
    """What a refresh found to be otherwise, by path.

    old, new: states of an event (`inputs`, `outputs`). detailed: the event's detailedDiff; without one, the inputs are
    compared, or else the outputs that `changed` names.
    """
    found: list[Difference] = []
    for path, entry in sorted((detailed or {}).items()):
        part = "inputs" if entry.get("inputDiff") else "outputs"
        found += _at(property_path(path), old, new, part)
    if not found:
        names = sorted({*_part(old, "inputs"), *_part(new, "inputs")})
        found = [each for name in names for each in _at((name,), old, new, "inputs", certain=False)]
    if not found:
        found = [each for name in changed for each in _at((name,), old, new, "outputs")]
    return list({each.path: each for each in found}.values())


def property_path(text: str) -> Steps:
    """The steps of a path: `a.b[0]["c.d"]` is a, b, 0, c.d. One that cannot be read is a name as it stands."""
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return (text,)
        name, index, quoted = match.groups()
        steps.append(int(index) if index else re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else name)
        position = match.end()
    return tuple(steps)


def shown_path(steps: Steps) -> str:
    """The steps as the engine writes them."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def value_at(tree: Any, steps: Steps) -> Any:
    """The value at a path, as it stands; None where there is none."""
    for step in steps:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _at(
    steps: Steps, old: Mapping[str, Any], new: Mapping[str, Any], part: str, *, certain: bool = True
) -> list[Difference]:
    """certain: the engine says that there is a difference, so a secret one is named too."""
    before, after = _value(_part(old, part), steps), _value(_part(new, part), steps)
    if certain and before is not HIDDEN and _same(before, after):
        other = "outputs" if part == "inputs" else "inputs"
        before, after = _value(_part(old, other), steps), _value(_part(new, other), steps)
    path = shown_path(steps)
    if _is_secret_anywhere(steps, old, new):
        return [_difference(path, HIDDEN, HIDDEN)] if certain else []
    found = list(_compared(path, (), before, after))
    if not found and certain:
        found = [_difference(path, _blind(before), _blind(after))]
    return found


def _part(state: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return state.get(part) or {}


def _is_secret_anywhere(steps: Steps, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    # What a provider reads may lack the mark that the program's own value has, so every copy is asked.
    return any(_value(_part(state, part), steps) is HIDDEN for state in (old, new) for part in ("inputs", "outputs"))


def _value(tree: Any, steps: Steps) -> Any:
    """The value at a path, HIDDEN where it or what holds it is a secret, _ABSENT where there is none."""
    for step in steps:
        if _is_secret(tree):
            return HIDDEN
        if isinstance(step, int) and isinstance(tree, list):
            entries = cast(list[Any], tree)
            tree = entries[step] if step < len(entries) else _ABSENT
        elif isinstance(tree, Mapping):
            tree = cast(Mapping[str, Any], tree).get(str(step), _ABSENT)
        else:
            return _ABSENT
    return HIDDEN if _is_secret(tree) else tree


def _is_secret(value: Any) -> bool:
    return value == HIDDEN or (
        isinstance(value, Mapping) and cast(Mapping[str, Any], value).get(SIGNATURE_KEY) == SECRET_SIGNATURE
    )


def _holds_secret(value: Any) -> bool:
    if _is_secret(value):
        return True
    if isinstance(value, Mapping):
        return any(_holds_secret(each) for each in cast(Mapping[str, Any], value).values())
    return isinstance(value, list) and any(_holds_secret(each) for each in cast(list[Any], value))


def _compared(base: str, steps: Steps, before: Any, after: Any) -> Iterator[Difference]:
    """Differences of two values down to their leaves. base: the path of the document that `steps` lead into."""
    path = f"{base}{_below(base, steps)}"
    if _is_secret(before) or _is_secret(after):
        if not (_is_secret(before) and _is_secret(after)):
            yield _difference(path, HIDDEN, HIDDEN)
    elif isinstance(before, Mapping) and isinstance(after, Mapping) and SIGNATURE_KEY not in {**before, **after}:
        was, is_ = cast(Mapping[str, Any], before), cast(Mapping[str, Any], after)
        for name in sorted({*was, *is_}):
            yield from _compared(base, (*steps, name), was.get(name, _ABSENT), is_.get(name, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(base, steps, cast(list[Any], before), cast(list[Any], after))
    elif (documents := _documents(before, after)) is not None:
        yield from _compared(f"{path} → ", (), *documents)
    elif not _same(before, after):
        yield _difference(path, _blind(before), _blind(after))


def _lists(base: str, steps: Steps, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    if len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _compared(base, (*steps, index), *pair)
    elif _holds_secret(before) or _holds_secret(after):
        # Which entry belongs to which cannot be told, so none is shown.
        yield _difference(f"{base}{_below(base, steps)}", HIDDEN, HIDDEN)
    else:
        for entries, others, gone in ((before, after, True), (after, before, False)):
            for index, entry in enumerate(entries):
                if entry not in others:
                    path = f"{base}{_below(base, (*steps, index))}"
                    yield _difference(path, entry, _ABSENT) if gone else _difference(path, _ABSENT, entry)


def _below(base: str, steps: Steps) -> str:
    text = shown_path(steps)
    return f".{text}" if text and base and not base.endswith("→ ") and not text.startswith("[") else text


def _documents(before: Any, after: Any) -> tuple[Any, Any] | None:
    """Two texts that are JSON documents, as IAM policies are; None where they are not."""
    texts = (before, after)
    if before == after or not all(isinstance(text, str) and text.lstrip()[:1] in ("{", "[") for text in texts):
        return None
    try:
        parsed = json.loads(before), json.loads(after)
    except ValueError:
        return None
    # Two ways to write the same document differ as texts alone.
    return None if parsed[0] == parsed[1] else parsed


def _same(before: Any, after: Any) -> bool:
    return before is after or (before is not _ABSENT and after is not _ABSENT and before == after)


def _difference(path: str, before: Any, after: Any) -> Difference:
    kind: Kind = "changed"
    if (before is _ABSENT) != (after is _ABSENT):
        kind = "added" if before is _ABSENT else "removed"
    return Difference(
        path=path,
        kind=kind,
        recorded=None if before is _ABSENT else before,
        actual=None if after is _ABSENT else after,
    )


def _blind(value: Any) -> Any:
    """The value with every secret in it replaced."""
    if _is_secret(value):
        return HIDDEN
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        if SIGNATURE_KEY in entries:
            return f"[file {str(entries.get('hash') or 'without a hash')[:12]}]"
        return {name: _blind(each) for name, each in entries.items()}
    return [_blind(each) for each in cast(list[Any], value)] if isinstance(value, list) else value
