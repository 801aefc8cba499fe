"""Which Python runs a program: the virtual environment that Pulumi.yaml names, or the one this host runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class InterpreterError(Exception):
    """The environment named in Pulumi.yaml is not there; the message says what to do."""


@dataclass(frozen=True)
class Interpreter:
    """One Python and the virtual environment that it belongs to.

    prefix: the environment's folder, or None for a Python that is not in one.
    """

    executable: Path
    prefix: Path | None

    @property
    def is_own(self) -> bool:
        return self.prefix is not None and self.prefix == Path(sys.prefix)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` as it looks when the environment is active."""
        environment = dict(base)
        if self.prefix is not None:
            environment["VIRTUAL_ENV"] = str(self.prefix)
            environment["PATH"] = os.pathsep.join([str(self.executable.parent), base.get("PATH", os.defpath)])
            environment.pop("PYTHONHOME", None)
        return environment

    def site_packages(self) -> list[Path]:
        """The folders that its distributions are installed in."""
        if self.prefix is None or self.is_own:
            return [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
        return sorted(self.prefix.glob("lib/python*/site-packages"))


def find(root_directory: str, options: Mapping[str, Any]) -> Interpreter:
    """The Python of a program.

    root_directory: the folder of Pulumi.yaml.
    options: `runtime.options` of Pulumi.yaml; `virtualenv` is a folder, relative to the root unless absolute.
    Raises InterpreterError when that folder is not a virtual environment.
    """
    named = options.get("virtualenv")
    if not named:
        prefix = Path(sys.prefix) if sys.prefix != sys.base_prefix else None
        return Interpreter(Path(sys.executable), prefix)
    prefix = Path(root_directory, str(named))
    executable = prefix / "bin" / "python"
    if not executable.exists():
        raise InterpreterError(
            f"Pulumi.yaml names the virtual environment {str(named)!r} (runtime.options.virtualenv), "
            f"but {prefix} has no bin/python. Make it with `python3 -m venv {prefix}` "
            "and install requirements.txt into it, or run `pulumi install`."
        )
    return Interpreter(executable, prefix)
