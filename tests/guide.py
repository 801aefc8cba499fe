"""The blocks of a page of documentation, and running its commands as a reader would: one shell, from top to bottom."""

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "@@ block done:"
_UNTIL_CTRL_C = ("ml board ",)
"""Commands that show something in a browser until the reader presses Ctrl-C."""
_CTRL_C = """\
until_ctrl_c() { # runs a command until it has said an address, asks for that page, and presses Ctrl-C
    local said address
    said=$(mktemp)
    set -m # without job control a command in the background would not hear of Ctrl-C
    "$@" >"$said" 2>&1 &
    set +m
    for _ in $(seq 1200); do
        if grep -q http:// "$said" || ! kill -0 $! 2>/dev/null; then break; fi
        sleep 0.1
    done
    cat "$said"
    address=$(grep -om1 'http://[^ ]*' "$said")
    curl --silent --show-error --fail --output /dev/null "$address"
    kill -INT $!
    wait $! || [ $? -eq 130 ]
}
"""


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
    parts = [f"{_typed(block.text)}\necho '{_DONE} {block.line}'" for block in typed]
    return f"set -euo pipefail\n{_CTRL_C}" + "\n".join(parts) + "\n"


def _typed(text: str) -> str:
    lines = text.rstrip().splitlines()
    return "\n".join(f"until_ctrl_c {line}" if line.startswith(_UNTIL_CTRL_C) else line for line in lines)


def samples(page: Path) -> list[tuple[Block, Block | None]]:
    """The blocks that a reader types, each with the `text` block right below it: what the page says it prints."""
    every = blocks(page.read_text())
    below = dict(zip([block.line for block in every], every[1:], strict=False))
    lines = page.read_text().splitlines()
    found: list[tuple[Block, Block | None]] = []
    for block in every:
        if block.language == "bash":
            after = below.get(block.line)
            near = after is not None and after.language == "text" and not _words(lines, block, after)
            found.append((block, after if near else None))
    return found


def _words(lines: list[str], block: Block, after: Block) -> str:
    """What stands between two blocks."""
    end = block.line + block.text.count("\n")
    return "".join(lines[end : after.line - 2]).strip()


def heading_of(page: Path, block: Block) -> str:
    """The heading that a block stands under."""
    lines = page.read_text().splitlines()[: block.line]
    return next(line.lstrip("#").strip() for line in reversed(lines) if re.match(r"#+ ", line))


def missing_lines(sample: str, printed: str) -> list[str]:
    """The lines of a sample that were not printed, or not in this order. `…` stands for anything within a line."""
    rest, missing = printed.splitlines(), list[str]()
    for line in filter(str.strip, sample.splitlines()):
        pattern = re.compile(".*".join(map(re.escape, line.strip().split("…"))))
        place = next((index for index, text in enumerate(rest) if pattern.fullmatch(text.strip())), None)
        if place is None:
            missing.append(line)
        else:
            rest = rest[place + 1 :]
    return missing


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
