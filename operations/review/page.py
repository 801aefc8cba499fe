"""A report as one HTML page that needs nothing besides itself, with everything in it."""

from html import escape

from operations.drift_report import plain
from operations.review.document import Code, Document, Foreign, Item, Line, Section, Strong, Table
from operations.review.words import MARKS

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --text: #1f2328; --page: #fff; --grave: #b42318;
  --warn: #9a6700; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --line: #30363d; --soft: #161b22; --text: #e6edf3; --page: #0d1117;
  --grave: #ff7b72; --warn: #d29922; --good: #3fb950; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 0 auto;
  max-width: 70rem; padding: 1.5rem; overflow-wrap: anywhere; }
header { border-left: .4rem solid var(--line); padding: .2rem 1rem; margin-bottom: 1.5rem; }
header.unchanged, header.changes { border-color: var(--good); }
header.destructive { border-color: var(--warn); }
header.loss, header.refused, header.failed { border-color: var(--grave); }
h1 { font-size: 1.4rem; margin: .2rem 0; } h2 { font-size: 1.25rem; border-bottom: 1px solid var(--line);
  margin-top: 2.5rem; } h3 { font-size: 1.05rem; margin-bottom: .4rem; }
section.grave h3 { color: var(--grave); }
code { font: .87em ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: .3em;
  white-space: pre-wrap; }
ul { padding-left: 1.3rem; margin: .3rem 0; } li { margin: .25rem 0; } li li { margin: .05rem 0; opacity: .9; }
table { border-collapse: collapse; margin: .4rem 0; } th, td { border: 1px solid var(--line); padding: .25rem .6rem;
  text-align: right; } th:first-child, td:first-child { text-align: left; } th { background: var(--soft); }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .8rem; margin: .8rem 0; }
summary { cursor: pointer; font-weight: 600; }
@media print { details:not([open]) > *:not(summary) { display: block; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page runs no script and fetches nothing, whatever a change has put into it."""
GRAVEST = 3


def as_html(document: Document) -> str:
    """The document as a page, complete."""
    title = escape(plain(document.title))
    body = "".join(map(_section, document.sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Groundwork preview: {title}</title><style>{STYLE}</style></head>\n<body>"
        f'<header class="{document.verdict.value}"><h1>{MARKS[document.verdict]} {title}</h1></header>\n'
        f"<main>{body}</main></body></html>\n"
    )


def _section(section: Section) -> str:
    title = escape(plain(section.title))
    content = _table(section.table) if section.table else ""
    if section.items:
        content += f"<ul>{''.join(map(_item, section.items))}</ul>"
    if section.folded:
        return f"<details><summary>{title}</summary>{content}</details>\n"
    grave = ' class="grave"' if 0 < section.gravity <= GRAVEST else ""
    return f"<section{grave}><h{section.level}>{title}</h{section.level}>{content}</section>\n"


def _item(item: Item) -> str:
    below = f"<ul>{''.join(f'<li>{_line(line)}</li>' for line in item.below)}</ul>" if item.below else ""
    return f"<li>{_line(item.line)}{below}</li>\n"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{_line(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _line(line: Line) -> str:
    return "".join(map(_piece, line))


def _piece(piece: str) -> str:
    text = escape(plain(piece))
    if isinstance(piece, Code):
        return f"<code>{text}</code>"
    if isinstance(piece, Strong):
        return f"<strong>{text}</strong>"
    return f"<span>{text}</span>" if isinstance(piece, Foreign) else text
