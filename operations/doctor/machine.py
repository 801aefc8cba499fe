"""This machine: Python, the engine and its plug-ins, the AWS CLI, free disk."""

import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from local.acquire.acquire import allowed_ways, find
from local.acquire.tools import PULUMI
from local.errors import existing, megabytes
from local.paths import cache_folder
from operations.doctor.finding import Finding, failure, ok, warning
from operations.environments import OperatedEnvironment

OLDEST_PYTHON = (3, 11)
"""pyproject.toml, requires-python."""
PLUGINS = {"aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes"}
"""Plug-in of the engine to the Python package that names its version."""
PLUGIN_HOST = "https://get.pulumi.com"
LEAST_FREE, ENOUGH_FREE = 500_000_000, 2_000_000_000
"""Bytes. With less than the first, state or plug-ins are cut short; with less than the second, no engine can be built
(local/acquire/tools.py: build_space)."""


def check_python() -> Iterator[Finding]:
    """The interpreter that runs the program."""
    have = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(str(part) for part in OLDEST_PYTHON)
        yield failure("python", sys.executable, f"{have}, older than {oldest}", "make install PYTHON=python3.12")
    else:
        yield ok("python", sys.executable, have)


def check_engine() -> Iterator[Finding]:
    """The Pulumi engine, on PATH or in the cache, or how it would come."""
    ways = allowed_ways()
    found = find(PULUMI, ways)
    if found is not None:
        have = _told_version(found.program("pulumi")) if found.source == "on PATH" else PULUMI.version
        yield ok("engine", str(found.program("pulumi")), f"Pulumi {have}, {found.source}")
        return
    other = shutil.which("pulumi") if "path" in ways else None
    text = f"Pulumi {PULUMI.version} or newer is not there yet"
    if other:
        text += f"; {other} is {_told_version(Path(other))}, or lacks {' and '.join(PULUMI.companions)} beside it"
    if {"download", "build"} & set(ways):
        yield warning("engine", "PATH", f"{text}: the first run downloads or builds it", "make preview brings it")
    else:
        yield failure("engine", "PATH", text, f"install Pulumi {PULUMI.version}, or unset GROUNDWORK_TOOL_WAYS")


def check_plugins(env: OperatedEnvironment) -> Iterator[Finding]:
    """The engine's providers in the versions that the program is written for."""
    if env.is_local:
        # Its plug-ins are part of this checkout.
        return
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    missing: list[str] = []
    for name, package in PLUGINS.items():
        try:
            wanted = version(package)
        except PackageNotFoundError:
            yield failure("plug-ins", package, "the package is not installed", "make install")
            continue
        folder = home / "plugins" / f"resource-{name}-v{wanted}"
        if folder.is_dir():
            yield ok("plug-ins", str(folder), f"{name} {wanted}")
        else:
            missing.append(f"{name} v{wanted}")
    if not missing:
        return
    text = f"{', '.join(missing)}: not there yet; the first run downloads them"
    if reason := _cannot_reach(PLUGIN_HOST):
        mend = " && ".join(f"pulumi plugin install resource {one}" for one in missing)
        yield warning("plug-ins", PLUGIN_HOST, f"{text}, and this address does not answer ({reason})", mend)
    else:
        yield ok("plug-ins", PLUGIN_HOST, text)


def check_aws_cli() -> Iterator[Finding]:
    """The AWS CLI: the Kubernetes provider asks it for tokens of the cluster."""
    # Where operations/engine.py puts it before the caller's PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("aws", path=path)
    if program is None:
        yield failure("aws cli", "PATH", "there is none: nothing could be made in the cluster", "make install")
    else:
        yield ok("aws cli", program, "it gives the Kubernetes provider its tokens")


def check_disk(env: OperatedEnvironment) -> Iterator[Finding]:
    """Free space where the engine, its plug-ins and the state are written."""
    folders = {existing(folder) for folder in (env.checkout, cache_folder(), Path.home(), Path("/tmp"))}  # noqa: S108
    by_device = {folder.stat().st_dev: folder for folder in sorted(folders, reverse=True)}
    for folder in sorted(by_device.values()):
        free = shutil.disk_usage(folder).free
        text, mend = f"{megabytes(free)} free", f"make room in {folder}"
        if free < LEAST_FREE:
            yield failure("disk", str(folder), f"{text}: state and plug-ins would be cut short", mend)
        elif free < ENOUGH_FREE:
            yield warning("disk", str(folder), f"{text}: too little for an engine to be built", mend)
        else:
            yield ok("disk", str(folder), text)


def _told_version(program: Path) -> str:
    try:
        answer = subprocess.run(
            [str(program), "version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return "of a version that it does not tell"
    return answer.stdout.strip().removeprefix("v") or "of a version that it does not tell"


def _cannot_reach(address: str) -> str:
    """Why an address does not answer; empty where it does, whatever it says. Proxies of the environment are used."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=5):  # noqa: S310
            return ""
    except urllib.error.HTTPError:
        return ""
    except OSError as error:
        return str(getattr(error, "reason", error))
