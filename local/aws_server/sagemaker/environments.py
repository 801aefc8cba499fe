"""Which declared environment stands in for a container image."""

import fnmatch
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "environments.yaml"


class EnvironmentsError(ValueError):
    """The file of environments cannot be read; the message names the entry."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What runs in place of an image.

    python: absolute path of the interpreter. train, serve, process: the image's own commands, empty where it has none.
    warning: set where no pattern knows the image; goes to the container's log.
    """

    python: str
    train: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    process: tuple[str, ...] = ()
    warning: str = ""


class Environments:
    """The declared environments, in the order of their file.

    The file is read again when it has changed, so that a new image needs no restart.
    """

    def __init__(self, file: Path = DEFAULT_FILE) -> None:
        self._file = file
        self._read_at: float = -1.0
        self._entries: list[tuple[str, Environment]] = []

    def of(self, image: str) -> Environment:
        """The environment of an image URI. Raises EnvironmentsError where the file is wrong."""
        changed = self._file.stat().st_mtime
        if changed != self._read_at:
            self._entries = _parse(self._file)
            self._read_at = changed
        for pattern, environment in self._entries:
            if fnmatch.fnmatchcase(image, pattern):
                return environment
        return Environment(
            python=sys.executable,
            serve=(sys.executable, "-m", "ml.serving"),
            warning=f"No pattern in {self._file.name} knows the image {image}: "
            "it runs in the project's own environment.",
        )


def _parse(file: Path) -> list[tuple[str, Environment]]:
    try:
        document: Any = yaml.safe_load(file.read_text())
        entries: list[tuple[str, Environment]] = []
        for number, entry in enumerate(document["environments"], start=1):
            unknown = set(entry) - {"images", "python", "train", "serve", "process"}
            if unknown:
                raise EnvironmentsError(f"{file}: entry {number} has unknown keys: {', '.join(sorted(unknown))}.")
            chosen = entry.get("python", "project")
            # Not resolved: a virtual environment's interpreter is a link, and following it would leave the environment.
            python = sys.executable if chosen == "project" else str(file.parent / chosen)
            environment = Environment(
                python=python,
                train=tuple(str(word).replace("{python}", python) for word in entry.get("train", ())),
                serve=tuple(str(word).replace("{python}", python) for word in entry.get("serve", ())),
                process=tuple(str(word).replace("{python}", python) for word in entry.get("process", ())),
            )
            entries.extend((pattern, environment) for pattern in entry["images"])
        return entries
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentsError(f"{file} is not a list of environments: {error!r}") from error
