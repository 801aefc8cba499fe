"""The report of a check as one HTML page: nothing is loaded from elsewhere, and everything shown is escaped."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from ml.data.findings import MASK, CheckResult, DataSetSummary, Finding

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --quiet: #5c6675; --line: #d9dee5; --back: #ffffff; --panel: #f5f7fa;
  --good: #1a7f4b; --bad: #b3261e; --bar: #4f7cac; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --quiet: #a0a9b6; --line: #363d49; --back: #14181f;
  --panel: #1d232c; --good: #5fc98f; --bad: #ff8a80; --bar: #7fa8d6; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto;
  max-width: 70rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.verdict { font-weight: 600; font-size: 1.1rem; margin: .5rem 0 1rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; }
th { white-space: nowrap; color: var(--quiet); font-weight: 500; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; background: var(--panel);
  padding: .75rem 1rem; border-radius: .4rem; } dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
svg { display: block; } svg rect { fill: var(--bar); } summary { cursor: pointer; margin: 1rem 0; }
"""


def report_html(result: CheckResult, title: str, facts: Iterable[tuple[str, str]], made: datetime | None = None) -> str:
    """The page.

    facts: names and values about the check (job, versions of the data, of the expectations) for the page's head.
    made: when the check was made; now without it.
    """
    moment = made or datetime.now(UTC)
    failed = result.failed
    count = len(result.findings)
    verdict = (
        f'<p class="verdict good">✓ All {count} checks passed.</p>'
        if result.passed
        else f'<p class="verdict bad">✗ {len(failed)} of {count} checks failed.</p>'
    )
    entries = [("Checked", f"{moment:%Y-%m-%d %H:%M:%S} UTC"), *facts]
    head = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entries)
    parts = [f"<h1>{escape(title)}</h1>{verdict}<dl>{head}</dl>"]
    if failed:
        parts.append(f"<h2>Not as expected</h2>{_findings(failed)}")
    parts += [_data_set(one) for one in result.datasets]
    passed = [finding for finding in result.findings if finding.passed]
    if passed:
        parts.append(f"<details><summary>{len(passed)} checks that passed</summary>{_findings(passed)}</details>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        # Nothing runs and nothing is fetched, whatever the data hold.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _findings(findings: Sequence[Finding]) -> str:
    rows = [
        (
            finding.dataset,
            finding.column or "",
            finding.check,
            finding.observed + (f", such as {', '.join(finding.examples)}" if finding.examples else ""),
            finding.expected,
        )
        for finding in findings
    ]
    return _table(("Data set", "Column", "Check", "Found", "Expected"), rows)


def _data_set(summary: DataSetSummary) -> str:
    rows = [(name, *_column(described, summary.rows)) for name, described in summary.columns.items()]
    header = ("Column", "Type", "Missing", "Values", "Distribution")
    return (
        f"<h2>{escape(summary.name)} <span class=quiet>{summary.rows:,} rows</span></h2>{_table(header, rows, raw=4)}"
    )


def _column(described: dict[str, Any], rows: int) -> tuple[str, str, str, str]:
    """Type, missing, values, and the distribution as HTML."""
    missing = described["missing"]
    share = f"{100 * missing / rows:.3g}% ({missing:,})" if missing and rows else "none"
    kind = str(described["type"])
    if described.get("personal"):
        return f"{kind}, personal", share, MASK, ""
    if "mean" in described:
        shown = [f"{name} {described[name]:.6g}" for name in ("min", "median", "mean", "max")]
        return kind, share, "; ".join(shown), _bars(described["histogram"])
    if "first" in described:
        first, last = (f"{datetime.fromtimestamp(described[end], UTC):%Y-%m-%d %H:%M}" for end in ("first", "last"))
        return kind, share, f"from {first} to {last}", _bars(described["histogram"])
    if "most" in described:
        most: dict[str, int] = described["most"]
        shown = [f"{value} {100 * count / rows:.3g}%" for value, count in most.items()]
        more = described["distinct"] - len(most)
        return kind, share, ", ".join(shown) + (f", and {more} more" if more > 0 else ""), _bars(list(most.values()))
    return kind, share, f"{described['distinct']:,} different" if "distinct" in described else "", ""


def _bars(counts: Sequence[int]) -> str:
    """A picture of the counts; they are numbers, so nothing in it needs escaping."""
    if len(counts) < 2:
        return ""
    highest, width, height = max(counts) or 1, 8, 28
    bars = "".join(
        f'<rect x="{number * width}" y="{height - size}" width="{width - 1}" height="{size}"/>'
        for number, count in enumerate(counts)
        if (size := round(height * count / highest, 1))
    )
    return f'<svg role="img" aria-label="distribution" width="{width * len(counts)}" height="{height}">{bars}</svg>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], raw: int | None = None) -> str:
    """raw: number of the column whose cells are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell if number == raw else escape(cell)}</td>' for number, cell in enumerate(row))}</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
