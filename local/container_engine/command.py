"""The `docker` command line, as far as builds of the local stack use it; anything else is refused by name."""

import argparse
import io
import json
import os
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from local.container_engine.build import build
from local.container_engine.errors import EngineError
from local.container_engine.image import written
from local.container_engine.sbom import bill_of_materials
from local.container_engine.store import Images

VERSION = "groundwork container-engine stand-in: builds COPY layers, runs nothing, pulls nothing"


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    try:
        return _run(list(arguments), Images(Path(os.environ["HOME"])))
    except EngineError as error:
        print(f"docker: {error}", file=sys.stderr)
        return 1


def _run(arguments: list[str], images: Images) -> int:
    if arguments[:1] == ["version"]:
        print(VERSION)
        return 0
    for words, command in _COMMANDS.items():
        if tuple(arguments[: len(words)]) == words:
            return command(arguments[len(words) :], images)
    raise EngineError(f"the stand-in does not do `docker {' '.join(arguments[:2])}`")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise EngineError(f"the stand-in does not do this: {message}")


def _login(arguments: list[str], images: Images) -> int:
    parser = _Parser(prog="docker login", add_help=False)
    parser.add_argument("--username", required=True)
    parser.add_argument("--password-stdin", action="store_true", required=True)
    parser.add_argument("host")
    options = parser.parse_args(arguments)
    if not sys.stdin.read().strip():
        raise EngineError("login: there is no password on standard input")
    images.log_in(options.host)
    print("Login Succeeded")
    return 0


def _build(arguments: list[str], images: Images) -> int:
    parser = _Parser(prog="docker buildx build", add_help=False)
    parser.add_argument("--provenance", choices=["false"], required=True)
    parser.add_argument("--sbom", choices=["false"], required=True)
    parser.add_argument("--output", choices=["type=docker"], required=True)
    parser.add_argument("--platform", choices=["linux/amd64"], default="linux/amd64")
    parser.add_argument("--pull", action="store_true")
    parser.add_argument("--progress", choices=["plain"])
    parser.add_argument("--file", default="Dockerfile")
    parser.add_argument("--tag", action="append", default=[])
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--build-arg", action="append", default=[])
    parser.add_argument("context")
    options = parser.parse_args(arguments)
    context = Path(options.context)
    file = context / options.file
    if not file.is_file():
        raise EngineError(f"failed to read dockerfile: {options.file}: no such file in {context.resolve()}")
    print(VERSION, flush=True)
    contents = build(file.read_text(), context, _pairs(options.build_arg))
    manifest, blobs = written(contents, _pairs(options.label))
    images.add(options.tag, manifest, blobs)
    return 0


def _pairs(words: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _save(arguments: list[str], images: Images) -> int:
    parser = _Parser(prog="docker save", add_help=False)
    parser.add_argument("--output", required=True)
    parser.add_argument("image")
    options = parser.parse_args(arguments)
    manifest = json.loads(images.manifest(options.image))
    digests = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    names = [digest.replace(":", "/") for digest in digests]
    listing = [{"Config": names[0], "RepoTags": [options.image], "Layers": names[1:]}]
    with tarfile.open(options.output, "w") as tar:
        for name, content in [
            ("manifest.json", json.dumps(listing).encode()),
            *((name, images.blob(digest)) for name, digest in zip(names, digests, strict=True)),
        ]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return 0


def _execute(arguments: list[str], images: Images) -> int:
    """`docker run` of the one tool that builds use: syft, which lists what is in a saved image."""
    parser = _Parser(prog="docker run", add_help=False)
    for flag in ("--network", "--volume", "--env", "--tmpfs"):
        parser.add_argument(flag, action="append", default=[])
    parser.add_argument("--rm", action="store_true")
    parser.add_argument("image")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if "/syft:" not in f"/{options.image}" or "@sha256:" not in options.image:
        raise EngineError(f"the stand-in runs no {options.image}: of tools it knows syft, by a digest")
    mounts = dict(volume.split(":")[1::-1] for volume in options.volume)
    match options.arguments:
        case ["scan", source, "--output", "cyclonedx-json"] if source.startswith("docker-archive:"):
            inside = source.removeprefix("docker-archive:")
            if inside not in mounts:
                raise EngineError(f"syft: could not find {inside} in the container")
            print(json.dumps(bill_of_materials(Path(mounts[inside])), indent=1))
            return 0
        case other:
            raise EngineError(f"the stand-in's syft does not do {' '.join(other)}")


def _push(arguments: list[str], images: Images) -> int:
    from local.container_engine.push import push  # boto3, which the other commands do without

    if len(arguments) != 1:
        raise EngineError(f"the stand-in does not do `docker push {' '.join(arguments)}`")
    push(arguments[0], images)
    return 0


_COMMANDS = {
    ("login",): _login,
    ("buildx", "build"): _build,
    ("save",): _save,
    ("run",): _execute,
    ("push",): _push,
}
