"""Which tools this checkout's services run, remembered between commands."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from local.acquire.acquire import Acquired
from local.acquire.tools import PULUMI
from local.errors import LocalStackError
from local.language_host import install
from local.paths import Paths, cache_folder


def chosen_file(paths: Paths) -> Path:
    """The file that remembers them."""
    return paths.local / "tools.json"


def remember(paths: Paths, acquired: Sequence[Acquired]) -> None:
    """Write down where each program is."""
    programs = {name: str(one.program(name)) for one in acquired for name in one.tool.programs}
    content = json.dumps(programs, indent=2, sort_keys=True) + "\n"
    file = chosen_file(paths)
    if not file.exists() or file.read_text() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def program(paths: Paths, name: str) -> Path:
    """Where a program is that was remembered. Raises LocalStackError when it is not there (any more)."""
    try:
        path = Path(json.loads(chosen_file(paths).read_text())[name])
    except (OSError, ValueError, KeyError):
        path = None
    if path is None or not path.exists():
        raise LocalStackError(f"{name} has not been installed for this checkout.", hint="Run `make local`.")
    return path


def place_engine(paths: Paths, acquired: Acquired) -> Acquired:
    """Give the checkout an engine of its own when it was built here, so that its language host is this checkout's too.

    The engine looks for its language host beside its own binary. An engine that brought one stays where it is.
    """
    host = acquired.program(install.EXECUTABLE)
    has_its_own = host.exists() and not host.with_name(f"{host.name}.d").is_dir()
    if has_its_own or not acquired.folder.is_relative_to(cache_folder()):
        return acquired
    source, target = acquired.program("pulumi"), paths.engine / "pulumi"
    if not (target.exists() and _same(source, target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            # The cache is on another file system.
            shutil.copy2(source, target)
    install.ensure(paths.engine)
    return Acquired(PULUMI, paths.engine, acquired.source)


def _same(one: Path, other: Path) -> bool:
    """Whether two files are one, or a copy that `copy2` made (size and time of change)."""
    first, second = one.stat(), other.stat()
    return one.samefile(other) or (first.st_size, int(first.st_mtime)) == (second.st_size, int(second.st_mtime))
