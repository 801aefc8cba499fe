"""A report for a terminal: the same as everywhere else, in plain text."""

from collections.abc import Iterator

from operations.drift_report import plain
from operations.review.document import Document, Item, Line, Section, Table
from operations.review.words import MARKS

LONGEST_LINE = 400


def as_text(document: Document) -> str:
    """The document as lines of text."""
    lines = [f"{MARKS[document.verdict]} {_clean(document.title)}"]
    for section in document.sections:
        lines += ["", *_section(section)]
    return "\n".join(lines)


def _section(section: Section) -> Iterator[str]:
    yield _clean(section.title) + (":" if section.items or section.table else "")
    if section.table:
        yield from _table(section.table)
    for item in section.items:
        yield from _item(item)


def _item(item: Item) -> Iterator[str]:
    yield f"  {_text(item.line)}"
    yield from (f"      {_text(line)}" for line in item.below)


def _table(table: Table) -> Iterator[str]:
    rows = [list(table.head), *([_text(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.head))]
    for row in rows:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        yield f"  {'  '.join(cells)}".rstrip()


def _text(line: Line) -> str:
    return _clean("".join(line))


def _clean(text: str) -> str:
    """One line without characters that a terminal would obey: whoever wrote the change has chosen its names."""
    one_line = plain(" ".join(text.split())) if "\n" in text or not text.isprintable() else text
    return one_line if len(one_line) <= LONGEST_LINE else f"{one_line[: LONGEST_LINE - 1]}…"
