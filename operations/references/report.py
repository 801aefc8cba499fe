"""What the settings of an environment take from elsewhere, and what each reference leads to now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from infra.references.resolve import Sources, has_references, resolve
from infra.references.values import Unresolved
from infra.setting_walk import NAMESPACE
from infra.settings import SettingsError, parse
from operations.doctor.subject import without_secrets
from operations.environments import OperatedEnvironment
from operations.environments_file import settings_of


@dataclass(frozen=True, kw_only=True)
class Followed:
    """One reference. setting: its path. value: what it leads to; None where problem says why it leads nowhere."""

    setting: str
    reference: str
    value: Any = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All references of an environment; problems: everything that `up` would refuse, as it would say it."""

    followed: tuple[Followed, ...]
    problems: tuple[str, ...]


def look_up(env: OperatedEnvironment, sources: Sources) -> Report:
    """Follows every reference, and checks the settings that come of it. Raises EnvironmentsError."""
    prefix = f"{NAMESPACE}:"
    config = settings_of(env.folder, env.name)
    raw = {key.removeprefix(prefix): without_secrets(each) for key, each in config.items() if key.startswith(prefix)}
    found = resolve(raw, sources)
    problems: tuple[str, ...] = ()
    try:
        parse(env.name, found.values, found.origins)
    except SettingsError as error:
        problems = error.lines
    return Report(followed=tuple(_followed(raw, found.values, "")), problems=problems)


def _followed(raw: Any, found: Any, path: str) -> Iterator[Followed]:
    if isinstance(raw, dict):
        values = cast(Mapping[str, Any], found)
        for key, each in cast(dict[str, Any], raw).items():
            yield from _followed(each, values[key], f"{path}.{key}" if path else key)
    elif isinstance(raw, list):
        for index, each in enumerate(cast(list[Any], raw)):
            yield from _followed(each, cast(list[Any], found)[index], f"{path}[{index}]")
    elif has_references(raw):
        if isinstance(found, Unresolved):
            yield Followed(setting=path, reference=raw, problem=found.message)
        else:
            yield Followed(setting=path, reference=raw, value=found)
