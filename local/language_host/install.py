"""Places the language host beside an engine that has none of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

EXECUTABLE = "pulumi-language-python"
_FOLDER = "pulumi-language-python.d"
_SOURCES = ("host.py", "interpreter.py", "packages.py", "processes.py", "program.py", "protocol.py")


def ensure(engine_dir: Path) -> bool:
    """Places (or renews) our language host in the folder of the engine's binary; True when it wrote anything.

    An engine that has a host of its own (an official install) is left as it is.

    engine_dir: the folder that holds the ``pulumi`` binary.
    Raises OSError when the folder cannot be written.
    """
    executable = engine_dir / EXECUTABLE
    folder = engine_dir / _FOLDER
    if executable.exists() and not folder.is_dir():
        return False
    source_dir = Path(__file__).parent
    wanted = {folder / name: (source_dir / name).read_bytes() for name in _SOURCES}
    wanted[executable] = (source_dir / "launcher.sh").read_bytes()
    stale = {path: content for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content}
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in stale.items():
        _replace(path, content, mode=0o755 if path == executable else 0o644)
    if stale:
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return bool(stale)


def _replace(path: Path, content: bytes, mode: int) -> None:
    # Renamed into place: an engine that starts meanwhile must never read half a file.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    temporary = Path(file.name)
    temporary.chmod(mode)
    os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same; os.replace says what it is
