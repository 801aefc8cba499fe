"""The blocks of a page of documentation, and running its commands as a reader would: one shell, from top to bottom."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "@@ block done:"


@dataclass(frozen=True)
class Block:
    """A fenced block. language: the word after the fence. line: of its first line of text."""

    language: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(match[1], match[2], page.count("\n", 0, match.start(2)) + 1) for match in _FENCE.finditer(page)]


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page)


def commands(page: Path) -> list[Block]:
    """The blocks that a reader types."""
    return [block for block in blocks(page.read_text()) if block.language == "bash"]


def as_script(typed: list[Block]) -> str:
    """A shell script that runs the blocks one after another, ends at the first that fails, and says after each that it
    is done. Variables and the folder carry over, as in the reader's shell."""
    parts = [f"{block.text.rstrip()}\necho '{_DONE} {block.line}'" for block in typed]
    return "set -euo pipefail\n" + "\n".join(parts) + "\n"


def outputs(printed: str, typed: list[Block]) -> dict[int, str]:
    """What each block printed, by its line; a block that did not end well is the last one, with what it printed."""
    found: dict[int, str] = {}
    rest = printed
    for block in typed:
        text, done, rest = rest.partition(f"{_DONE} {block.line}\n")
        found[block.line] = text
        if not done:
            break
    return found
