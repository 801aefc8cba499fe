"""Builds an image from a Dockerfile and a context: what COPY puts there; RUN is checked and left out."""

import fnmatch
import posixpath
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from local.container_engine.dockerfile import Instruction, Stage, argument, expand, pairs, parse, words
from local.container_engine.errors import EngineError
from local.container_engine.image import Contents, File


def build(text: str, context: Path, arguments: Mapping[str, str]) -> Contents:
    """The last stage of a Dockerfile. Raises EngineError with the line that cannot be built."""
    stages = parse(text, arguments)
    made: dict[str, Contents] = {}
    for stage in stages:
        made[stage.name] = _stage(stage, context, arguments, made)
    return made[stages[-1].name]


def _stage(stage: Stage, context: Path, arguments: Mapping[str, str], made: Mapping[str, Contents]) -> Contents:
    contents = deepcopy(made[stage.base.lower()]) if stage.base.lower() in made else Contents(base=stage.base)
    print(f"[{stage.name}] FROM {stage.base}", flush=True)
    for instruction in stage.instructions:
        _apply(instruction, contents, context, arguments, made)
    return contents


def _apply(
    step: Instruction,
    contents: Contents,
    context: Path,
    arguments: Mapping[str, str],
    made: Mapping[str, Contents],
) -> None:
    config, values, said = contents.config, contents.values, f"{step.name} {step.rest}"
    note = ""
    if step.name == "ARG":
        values |= argument(step, arguments)
    elif step.name == "ENV":
        given = pairs(step, values)
        values |= given
        kept = [entry for entry in config.get("Env", []) if entry.partition("=")[0] not in given]
        config["Env"] = [*kept, *(f"{name}={value}" for name, value in given.items())]
    elif step.name == "LABEL":
        config["Labels"] = config.get("Labels", {}) | pairs(step, values)
    elif step.name in ("USER", "STOPSIGNAL"):
        config["User" if step.name == "USER" else "StopSignal"] = expand(step.rest, values)
    elif step.name == "WORKDIR":
        config["WorkingDir"] = posixpath.join(config.get("WorkingDir", "/"), expand(step.rest, values))
    elif step.name == "EXPOSE":
        config["ExposedPorts"] = config.get("ExposedPorts", {}) | {f"{port}/tcp": {} for port in words(step, values)}
    elif step.name in ("CMD", "ENTRYPOINT"):
        command = words(step, values) if step.rest.startswith("[") else ["/bin/sh", "-c", step.rest]
        config["Cmd" if step.name == "CMD" else "Entrypoint"] = command
    elif step.name == "RUN":
        _check_shell(step)
        note = "   (checked, not executed: the stand-in runs nothing)"
    if step.name == "COPY":
        contents.add_layer(said, _copied(step, contents, context, made))
    else:
        contents.note(said)
    print(f"  {said[:200]}{note}", flush=True)


def _check_shell(step: Instruction) -> None:
    if step.rest.startswith("["):
        words(step, {})
        return
    result = subprocess.run(["sh", "-n", "-c", step.rest], capture_output=True, text=True, check=False)
    if result.returncode:
        raise EngineError(f"Dockerfile:{step.line}: RUN: {result.stderr.strip()}")


def _copied(step: Instruction, contents: Contents, context: Path, made: Mapping[str, Contents]) -> dict[str, File]:
    *sources, target = words(step, contents.values)
    if not sources:
        raise EngineError(f"Dockerfile:{step.line}: COPY takes at least one source and a target")
    at = posixpath.normpath(posixpath.join(contents.config.get("WorkingDir", "/"), target))
    # A slash at its end, or a dot, says that it is a folder.
    target = at.rstrip("/") + "/" if target.endswith(("/", "/.")) or target == "." else at
    if "from" in step.flags:
        name = step.flags["from"].lower()
        if name not in made:
            raise EngineError(f"Dockerfile:{step.line}: --from={step.flags['from']}: there is no such stage before")
        found = _from_stage(made[name], sources, target)
    else:
        found = _from_context(step, context, sources, target)
    if mode := step.flags.get("chmod"):
        found = {path: File(file.content, int(mode, 8)) for path, file in found.items()}
    return found


def _from_stage(stage: Contents, sources: list[str], target: str) -> dict[str, File]:
    """Files of an earlier stage that are known: what its RUN made is not."""
    found: dict[str, File] = {}
    for source in sources:
        for path, file in stage.files.items():
            if path == source:
                found[_place(source, target, several=len(sources) > 1)] = file
            elif path.startswith(source.rstrip("/") + "/"):
                found[target.rstrip("/") + path[len(source.rstrip("/")) :]] = file
    return found


def _from_context(step: Instruction, context: Path, sources: list[str], target: str) -> dict[str, File]:
    everything = {path.relative_to(context).as_posix(): path for path in sorted(context.rglob("*")) if path.is_file()}
    found: dict[str, File] = {}
    for source in sources:
        wanted = posixpath.normpath(source.lstrip("/"))
        if wanted.startswith(".."):
            raise EngineError(f"Dockerfile:{step.line}: COPY {source}: forbidden path outside the build context")
        matches: dict[str, Path] = {}
        for name, path in everything.items():
            inside = "" if wanted == "." else wanted + "/"
            beside = posixpath.dirname(name) == posixpath.dirname(wanted)
            if name == wanted or (beside and fnmatch.fnmatchcase(name, wanted)):
                matches[_place(name, target, several=len(sources) > 1 or name != wanted)] = path
            elif name.startswith(inside):
                matches[f"{target.rstrip('/')}/{name[len(inside) :]}"] = path
        if not matches:
            raise EngineError(f"Dockerfile:{step.line}: COPY {source}: not found in the build context")
        found |= {at: File(path.read_bytes(), path.stat().st_mode & 0o777) for at, path in matches.items()}
    return found


def _place(source: str, target: str, *, several: bool) -> str:
    """Where a single file goes: into a folder, which a slash or several sources say, or under the target's name."""
    return posixpath.join(target, posixpath.basename(source)) if target.endswith("/") or several else target
