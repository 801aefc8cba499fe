"""The monitoring programs for tests: from PATH or the cache, else fetched or built as `make local-monitoring` does."""

from pathlib import Path

from local.acquire.acquire import acquire
from local.acquire.tools import Tool


def program(tool: Tool, name: str, folder: Path) -> Path:
    """Path of one of a tool's programs. The first time on a machine this can take minutes; `folder` gets the log."""
    return acquire(tool, folder / f"build-{tool.name}.log", lambda _: None).program(name)
