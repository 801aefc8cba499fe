"""Dockerfiles: their instructions by stage, with variables put in
(https://docs.docker.com/reference/dockerfile/)."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from local.container_engine.errors import EngineError

KNOWN = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "STOPSIGNAL", "USER", "WORKDIR"),
}
_VARIABLE = re.compile(r"\\\$|\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction. line: where it begins. flags: what stands before the rest, as `--from=build`."""

    line: int
    name: str
    flags: Mapping[str, str]
    rest: str


@dataclass
class Stage:
    """A FROM and what follows it. base: an image, or the name of an earlier stage."""

    base: str
    name: str
    line: int
    instructions: list[Instruction] = field(default_factory=list[Instruction])


def parse(text: str, arguments: Mapping[str, str]) -> list[Stage]:
    """The stages of a Dockerfile. arguments: of `--build-arg`. Raises EngineError with the line."""
    stages: list[Stage] = []
    before: dict[str, str] = {}
    for instruction in _instructions(text):
        if instruction.name not in KNOWN:
            raise EngineError(f"Dockerfile:{instruction.line}: the stand-in does not do {instruction.name}")
        if instruction.name == "FROM":
            stages.append(_stage(instruction, before, stages))
        elif stages:
            stages[-1].instructions.append(instruction)
        elif instruction.name == "ARG":
            before |= argument(instruction, arguments)
        else:
            raise EngineError(f"Dockerfile:{instruction.line}: no build stage in current context: FROM comes first")
    if not stages:
        raise EngineError("Dockerfile: file with no instructions")
    return stages


def argument(instruction: Instruction, given: Mapping[str, str]) -> dict[str, str]:
    """An ARG's value: the one given, else its default; nothing where it has neither."""
    name, has_default, default = instruction.rest.partition("=")
    if name in given:
        return {name: given[name]}
    return {name: shlex.split(default)[0] if default else ""} if has_default else {}


def expand(text: str, values: Mapping[str, str]) -> str:
    """A text with `$NAME`, `${NAME}` and `${NAME:-default}` put in."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        if name is None:
            return match[0]
        return values.get(name) or match[2] or ""

    return _VARIABLE.sub(value, text)


def words(instruction: Instruction, values: Mapping[str, str]) -> list[str]:
    """The words of an instruction, from its JSON form or as a shell cuts them."""
    rest = expand(instruction.rest, values)
    if rest.startswith("["):
        try:
            return [str(word) for word in json.loads(rest)]
        except ValueError as error:
            raise EngineError(f"Dockerfile:{instruction.line}: {rest} is no JSON list") from error
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise EngineError(f"Dockerfile:{instruction.line}: {error}") from error


def pairs(instruction: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    """NAME=VALUE words of ENV and LABEL."""
    found: dict[str, str] = {}
    for word in words(instruction, values):
        name, equals, value = word.partition("=")
        if not equals:
            raise EngineError(f"Dockerfile:{instruction.line}: {instruction.name} takes NAME=VALUE")
        found[name] = value
    return found


def _stage(instruction: Instruction, before: Mapping[str, str], stages: list[Stage]) -> Stage:
    parts = instruction.rest.split()
    if len(parts) not in (1, 3) or (len(parts) == 3 and parts[1].upper() != "AS"):
        raise EngineError(f"Dockerfile:{instruction.line}: FROM takes IMAGE [AS NAME]")
    base = expand(parts[0], before)
    if not base:
        message = f"base name ({parts[0]}) should not be blank: give its ARG a default or --build-arg"
        raise EngineError(f"Dockerfile:{instruction.line}: {message}")
    return Stage(base, parts[2].lower() if len(parts) == 3 else str(len(stages)), instruction.line)


def _instructions(text: str) -> Iterator[Instruction]:
    waiting, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start if waiting else number
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting[:-1] + " "
            continue
        yield _instruction(waiting, start)
        waiting = ""
    if waiting:
        yield _instruction(waiting, start)


def _instruction(text: str, line: int) -> Instruction:
    name, _, rest = text.partition(" ")
    flags: dict[str, str] = {}
    rest = rest.strip()
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        key, _, value = flag[2:].partition("=")
        flags[key] = value
        rest = rest.strip()
    if "<<" in rest and name.upper() in ("RUN", "COPY"):
        raise EngineError(f"Dockerfile:{line}: the stand-in does not do here-documents")
    return Instruction(line=line, name=name.upper(), flags=flags, rest=rest)
