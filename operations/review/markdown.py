"""A report as Markdown that a forge takes: never longer than it allows, and what matters least is left out first."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from operations.drift_report import plain
from operations.review.document import Code, Document, Foreign, Item, Line, Section, Strong, Table
from operations.review.words import MARKS

LIMITS = {"github": 65_536, "gitlab": 1_000_000}
"""Characters of a comment. GitHub answers 422, `Body is too long (maximum is 65536 characters)`
(https://github.com/PyGithub/PyGithub/issues/1906); GitLab: https://gitlab.com/gitlab-org/gitlab/-/issues/426314.
Here bytes are counted, so that however a forge counts, it fits."""
LEAST = 2_000
MARKER_ROOM = 256
"""Bytes that are left for the line by which the forge's comment is found again (operations/comment/marker.py)."""
LONGEST_LINE = 600
LEFT_OUT = "\n_Some sections are left out here: see the full report._\n"
_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]()<>#+!|~$"} | {"&": "&amp;"})


def as_markdown(document: Document, limit: int = LIMITS["github"]) -> str:
    """The document in at most `limit` bytes, with MARKER_ROOM of them free. Raises ValueError for less than LEAST."""
    if limit < LEAST:
        raise ValueError(f"a comment needs room for {LEAST} characters")
    head = f"## {MARKS[document.verdict]} {_words(document.title)}\n"
    room = limit - MARKER_ROOM - size(head) - size(LEFT_OUT)
    drafts = [_Draft(section) for section in document.sections]
    by_gravity = sorted(drafts, key=lambda draft: draft.section.gravity)
    for draft in by_gravity:
        if draft.least <= room:
            draft.taken = True
            room -= draft.least
    for draft in by_gravity:
        room -= draft.fill(room) if draft.taken else 0
    text = head + "".join(draft.text() for draft in drafts if draft.taken)
    return text if all(draft.taken for draft in drafts) else text + LEFT_OUT


def size(text: str) -> int:
    """Bytes of a text."""
    return len(text.encode())


@dataclass
class _Draft:
    """A section, with as many of its entries as there is room for."""

    section: Section

    def __post_init__(self) -> None:
        section = self.section
        self.taken = False
        self._head, self._foot = _frame(section)
        self._entries = _rows(section.table) if section.table else [_item(item) for item in section.items]
        self._shown = 0
        self._fixed = _table_head(section.table) if section.table else ""
        # Room for "and 1234 more" is kept until all of them are in.
        self.least = size(self._head + self._fixed + self._foot) + size(self._more(len(self._entries)))

    def fill(self, room: int) -> int:
        """Takes entries in their order until one has no place; how much room that took."""
        kept, used = size(self._more(len(self._entries))), 0
        for number, entry in enumerate(self._entries):
            more = size(entry)
            last = number == len(self._entries) - 1
            if used + more > room + (kept if last else 0):
                return used
            used += more
            self._shown += 1
        return used - kept

    def text(self) -> str:
        """The section as it comes into the comment."""
        left = len(self._entries) - self._shown
        return self._head + self._fixed + "".join(self._entries[: self._shown]) + self._more(left) + self._foot

    def _more(self, number: int) -> str:
        return f"\n_… and {number} more: see the full report._\n" if number else ""


def _frame(section: Section) -> tuple[str, str]:
    if section.folded:
        return f"\n<details><summary>{html.escape(plain(section.title))}</summary>\n\n", "\n</details>\n"
    return f"\n{'#' * section.level} {_words(section.title)}\n\n", ""


def _item(item: Item) -> str:
    lines = [f"- {_line(item.line)}", *(f"  - {_line(line)}" for line in item.below)]
    return "\n".join(lines) + "\n"


def _table_head(table: Table) -> str:
    return f"| {' | '.join(table.head)} |\n|{'---|' + '---:|' * (len(table.head) - 1)}\n"


def _rows(table: Table) -> Sequence[str]:
    return [f"| {' | '.join(_line(cell, in_table=True) for cell in row)} |\n" for row in table.rows]


def _line(line: Line, *, in_table: bool = False) -> str:
    return "".join(_piece(piece, in_table) for piece in line)


def _piece(piece: str, in_table: bool) -> str:
    if isinstance(piece, Code):
        return code(piece).replace("|", "\\|") if in_table else code(piece)
    if isinstance(piece, Foreign):
        return _words(piece)
    return f"**{piece}**" if isinstance(piece, Strong) else piece


def _words(text: str) -> str:
    """Words of others as they stand: no markup, no link, and nobody is called by their name."""
    one_line = plain(" ".join(text.split()))
    if len(one_line) > LONGEST_LINE:
        one_line = f"{one_line[: LONGEST_LINE - 1]}…"
    # A space of no width: GitHub and GitLab look for names, numbers and addresses in what is rendered.
    for sign in ("@", "#", "!"):
        one_line = one_line.replace(sign, f"{sign}\u200b")
    return one_line.translate(_ESCAPED).replace("://", ":\u200b//").replace("www.", "www\u200b.")


def code(text: str) -> str:
    """A code span that its content cannot leave: https://spec.commonmark.org/0.31.2/#code-spans

    In a table its bars must be escaped as well: https://github.github.com/gfm/#tables-extension-
    """
    content = plain(" ".join(text.split()))
    if not content:
        return "` `"
    if len(content) > LONGEST_LINE:
        content = f"{content[: LONGEST_LINE - 1]}…"
    longest = run = 0
    for char in content:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    if longest:
        content = f" {content} "
    return f"{fence}{content}{fence}"
