"""A build specification, checked: which commands run in which phase
(https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_TOP = {"version", "run-as", "env", "phases"}
_ENV = {"shell", "variables", "exported-variables"}
_PHASE = {"commands", "on-failure"}


class BuildspecError(ValueError):
    """The specification cannot be run; the message says which part."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Commands in order; abort: what follows is left out when one fails."""

    name: str
    commands: tuple[str, ...]
    abort: bool


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """What a build does.

    variables: of the environment, below those of the project. exported: names of variables that the build's answer has.
    """

    phases: tuple[Phase, ...]
    variables: Mapping[str, str]
    exported: tuple[str, ...]


def parse(text: str) -> Buildspec:
    """The specification of a text. Raises BuildspecError, also for what nothing here would do."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML_FILE_ERROR: {error}") from error
    if not isinstance(document, dict):
        raise BuildspecError("YAML_FILE_ERROR: the buildspec is no mapping")
    whole = cast(dict[str, Any], document)
    if str(whole.get("version")) != "0.2":
        raise BuildspecError("YAML_FILE_ERROR: the local stack runs buildspecs of version 0.2")
    _known("buildspec", whole, _TOP)
    env: dict[str, Any] = whole.get("env") or {}
    _known("env", env, _ENV)
    if env.get("shell", "bash") != "bash":
        raise BuildspecError("YAML_FILE_ERROR: the local stack runs commands in bash: say `env: {shell: bash}`")
    phases: dict[str, Any] = whole.get("phases") or {}
    _known("phases", phases, set(PHASES))
    if not phases:
        raise BuildspecError("YAML_FILE_ERROR: phases: there is none")
    return Buildspec(
        phases=tuple(_phase(name, phases.get(name) or {}) for name in PHASES),
        variables={str(name): str(value) for name, value in (env.get("variables") or {}).items()},
        exported=tuple(env.get("exported-variables") or ()),
    )


def _phase(name: str, entry: dict[str, Any]) -> Phase:
    _known(f"phases.{name}", entry, _PHASE)
    failure = entry.get("on-failure", "CONTINUE")
    if failure not in ("ABORT", "CONTINUE"):
        raise BuildspecError(f"YAML_FILE_ERROR: phases.{name}.on-failure: the local stack knows ABORT and CONTINUE")
    commands = entry.get("commands") or []
    if not all(isinstance(command, str) for command in commands):
        raise BuildspecError(f"YAML_FILE_ERROR: phases.{name}.commands: each is one text")
    # Without a working set-up nothing is built: these two end the build whatever they say (build-phase transitions).
    return Phase(name=name, commands=tuple(commands), abort=failure == "ABORT" or name in ("install", "pre_build"))


def _known(where: str, entry: Mapping[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(entry) - names):
        message = f"YAML_FILE_ERROR: {where}: the local stack does not do {', '.join(unknown)}"
        raise BuildspecError(message)
