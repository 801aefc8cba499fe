"""The handbook's table of commands, from their own help; run `python -m tests.handbook_commands` to write it again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from operations.cli import app

HANDBOOK = Path(__file__).parents[1] / "docs" / "handbook.md"
HEAD = "| command | its own exit codes |\n|---|---|\n"


def commands(group: Any = None, path: str = "groundwork") -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""
    for name, command in (group or get_command(app)).commands.items():
        words = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, words)
        elif not command.hidden:
            yield words, command


def own_exit_codes(command: Any) -> str:
    """What a command's help says behind `Exit codes:`."""
    match = re.search(r"Exit codes: (.*?)(?:\n\n|\Z)", command.help or "", re.DOTALL)
    return " ".join(match[1].split()).removesuffix(".") if match else ""


def table() -> str:
    """A row a command."""
    return HEAD + "".join(f"| `{words}` | {own_exit_codes(command) or '·'} |\n" for words, command in commands())


def with_table(page: str) -> str:
    """The handbook with the table as it should be: it ends the page."""
    return page[: page.index(HEAD)] + table()


if __name__ == "__main__":
    HANDBOOK.write_text(with_table(HANDBOOK.read_text()))
