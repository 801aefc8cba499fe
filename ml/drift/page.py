"""A drift report as one HTML page: nothing is loaded from elsewhere, nothing runs, and everything shown is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from ml.drift.attributions import LEAST, AttributionDrift
from ml.drift.columns import column_in
from ml.drift.comparison import TESTS, ColumnComparison
from ml.drift.report import Distribution, DriftReport, headline
from ml.drift.rules import Verdict

WIDTH, HEIGHT, ROW = 560, 140, 26
LABEL = 170
"""Room for a category's name, left of its bars."""
SHORT = {
    "ks": "Kolmogorov-Smirnov",
    "wasserstein": "Wasserstein",
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "chi_squared": "Chi-squared",
    "chi_squared_fit": "Chi-squared of fit",
    "missing": "Missing",
    "attribution": "Attribution",
}
"""Heads of the table's columns."""
MOST_ATTRIBUTED = 15
"""Columns of a picture of attributions; the rest are one."""
_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --quiet: #5c6675; --line: #d9dee5; --back: #ffffff; --panel: #f5f7fa;
  --good: #1a7f4b; --bad: #b3261e; --before: #9aa7b8; --now: #b4530a; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --quiet: #a0a9b6; --line: #363d49; --back: #14181f;
  --panel: #1d232c; --good: #5fc98f; --bad: #ff8a80; --before: #66758a; --now: #f2a65a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto;
  max-width: 70rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.verdict { font-weight: 600; font-size: 1.1rem; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .quiet { color: var(--quiet); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; background: var(--panel);
  padding: .75rem 1rem; border-radius: .4rem; } dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
section.column { border: 1px solid var(--line); border-radius: .4rem; padding: .75rem 1rem; margin: 0 0 1rem; }
p { margin: .25rem 0; } ul { margin: .25rem 0; padding-left: 1.2rem; }
svg { display: block; max-width: 100%; height: auto; margin: .5rem 0; }
svg text { fill: var(--quiet); font: 12px system-ui, sans-serif; }
.before { fill: var(--before); } .now { fill: none; stroke: var(--now); stroke-width: 2; } .nowbar { fill: var(--now); }
.axis { stroke: var(--line); } .key { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; }
.key.one { background: var(--before); } .key.two { background: var(--now); margin-left: 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { white-space: nowrap; color: var(--quiet); font-weight: 500; } td:first-child { white-space: nowrap; }
summary { cursor: pointer; margin: .5rem 0; }
"""


def page(report: DriftReport) -> str:
    """The page."""
    verdict, compared = report.verdict, report.comparison
    mood = "bad" if verdict.drifted else "good" if verdict.judged else "quiet"
    sign = "✗ " if verdict.drifted else "✓ " if verdict.judged else ""
    rate = "none stated" if verdict.false_alarm_rate is None else f"at most {verdict.false_alarm_rate:g} a window"
    facts = [
        ("Made", f"{report.made:%Y-%m-%d %H:%M:%S} UTC"),
        *report.facts.items(),
        ("Rows", f"{compared.rows[1]:,} beside {compared.rows[0]:,} of the reference"),
        ("Rule", verdict.rule),
        ("False alarms", rate),
    ]
    head = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    parts = [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="verdict {mood}">{sign}{escape(headline(verdict, compared))}</p><dl>{head}</dl>',
    ]
    remarks = report.remarks()
    if remarks:
        parts.append(f"<h2>Came and went</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in remarks)}</ul>")
    if verdict.columns:
        parts.append(
            '<h2>Drifted</h2><p><span class="key one"></span>reference<span class="key two"></span>current rows</p>'
        )
    parts += [_drifted(report, name) for name in verdict.columns]
    if compared.attributions:
        parts.append(
            '<h2>What the answers depend on</h2><p class="quiet">How much each column moves the model\'s answers '
            "when its values are replaced by the reference's, as a share of all columns' together. The score is 1 "
            f"where their order is the same; SageMaker Clarify tells of less than {LEAST:g}.</p>"
        )
    parts += [_attributions(label, drift, verdict) for label, drift in compared.attributions.items()]
    parts.append(f"<h2>All columns</h2>{_measures(compared.columns.values(), frozenset(verdict.columns))}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )


def _drifted(report: DriftReport, name: str) -> str:
    reasons = "".join(f"<p>{escape(finding.text)}</p>" for finding in report.verdict.findings if finding.column == name)
    shown = report.distributions.get(name)
    if shown is None:
        picture = '<p class="quiet">No picture: the column is personal.</p>' if name in report.personal else ""
    else:
        picture = (
            _bins(name, shown)
            if shown.edges
            else _bars(f"Shares of the categories of {name}: reference and current rows", shown)
        ) + _numbers(shown)
    return f'<section class="column"><h3>{escape(name)}</h3>{reasons}{picture}</section>'


def _attributions(label: str, drift: AttributionDrift, verdict: Verdict) -> str:
    """The shares of all rows, or of a segment, which is folded away where nothing was found in it."""
    names = list(drift.shares)[:MOST_ATTRIBUTED]
    sides = [[drift.shares[name][side] for name in names] for side in (0, 1)]
    labels = [f"{_places(*drift.places[name])} {name}" for name in names]
    if len(names) < len(drift.shares):
        labels.append(f"{len(drift.shares) - len(names)} others")
        sides = [[*side, max(0.0, 1 - sum(side))] for side in sides]
    shown = Distribution(edges=(), labels=labels, reference=sides[0], current=sides[1])
    title = f"{label or 'All rows'}: {drift.gone_over:.1%} of it has moved, score {drift.score:.3f}"
    picture = _bars(f"Attributions of {label or 'all rows'}: reference and current rows", shown) + _numbers(shown)
    columns = {column_in(name, label) for name in drift.shares}
    if label and not any(one.test == "attribution" and one.column in columns for one in verdict.findings):
        return f"<details><summary>{escape(title)}</summary>{picture}</details>"
    return f'<section class="column"><h3>{escape(title)}</h3>{picture}</section>'


def _places(before: int, now: int) -> str:
    return "=" if before == now else f"{'▲' if now < before else '▼'}{abs(now - before)}"


def _bins(name: str, shown: Distribution) -> str:
    """The reference as filled bars, the current rows as a line over them: told apart by more than their colour."""
    highest = max(*shown.reference, *shown.current) or 1.0
    step, floor = WIDTH / len(shown.reference), HEIGHT - 20
    tops = [(floor - 8) * share / highest for share in shown.reference]
    bars = "".join(
        f'<rect class="before" x="{place * step:.1f}" y="{floor - top:.1f}" width="{step - 1:.1f}" height="{top:.1f}"/>'
        for place, top in enumerate(tops)
    )
    points = [f"0,{floor}"]
    for place, share in enumerate(shown.current):
        y = floor - (floor - 8) * share / highest
        points += [f"{place * step:.1f},{y:.1f}", f"{(place + 1) * step:.1f},{y:.1f}"]
    points.append(f"{WIDTH},{floor}")
    low, high = shown.edges[0], shown.edges[-1]
    texts = (
        f'<text x="0" y="{HEIGHT - 4}">{low:.4g}</text>'
        f'<text x="{WIDTH / 2:g}" y="{HEIGHT - 4}" text-anchor="middle">{(low + high) / 2:.4g}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{high:.4g}</text>'
    )
    drawn = f'{bars}<polyline class="now" points="{" ".join(points)}"/>'
    line = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{floor}" y2="{floor}"/>'
    return _svg(f"Distribution of {name}: reference and current rows", WIDTH, HEIGHT, f"{drawn}{line}{texts}")


def _bars(title: str, shown: Distribution) -> str:
    highest = max(*shown.reference, *shown.current) or 1.0
    room = WIDTH - LABEL - 110
    parts: list[str] = []
    for place, (label, before, now) in enumerate(zip(shown.labels, shown.reference, shown.current, strict=True)):
        top = place * ROW
        short = label if len(label) <= 24 else f"{label[:23]}…"
        end = LABEL + room * max(before, now) / highest + 6
        parts.append(
            f'<text x="{LABEL - 8}" y="{top + 16}" text-anchor="end">{escape(short)}</text>'
            f'<rect class="before" x="{LABEL}" y="{top + 3}" width="{room * before / highest:.1f}" height="9"/>'
            f'<rect class="nowbar" x="{LABEL}" y="{top + 13}" width="{room * now / highest:.1f}" height="9"/>'
            f'<text x="{end:.1f}" y="{top + 16}">{before:.1%} → {now:.1%}</text>'
        )
    height = ROW * len(shown.labels)
    return _svg(title, WIDTH, height, "".join(parts))


def _svg(label: str, width: int, height: int, drawn: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">{drawn}</svg>'
    )


def _numbers(shown: Distribution) -> str:
    """The picture as a table, for those who cannot see it."""
    edges = shown.edges
    names = shown.labels or [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    rows = [
        (name, f"{before:.2%}", f"{now:.2%}")
        for name, before, now in zip(names, shown.reference, shown.current, strict=True)
    ]
    return f"<details><summary>As numbers</summary>{_table(('Values', 'Reference', 'Current'), rows)}</details>"


def _measures(columns: Iterable[ColumnComparison], drifted: frozenset[str]) -> str:
    found = list(columns)
    tests = [test for test in TESTS if any(test in column.tests for column in found)]
    rows: list[tuple[str, ...]] = []
    for column in found:
        cells = [_cell(column, test) for test in tests]
        rows.append((f"{column.column}{' ✗' if column.column in drifted else ''}", column.kind, *cells))
    return _table(("Column", "Kind", *(SHORT[test] for test in tests)), rows)


def _cell(column: ColumnComparison, test: str) -> str:
    measured = column.tests.get(test)
    if measured is None:
        return ""
    p_value = "" if measured.p_value is None else f" (p {measured.p_value:.2g})"
    if test == "missing":
        before, now = (gone / rows if rows else 0.0 for gone, rows in zip(column.missing, column.rows, strict=True))
        return f"{before:.2%} → {now:.2%}{p_value}"
    if test == "attribution" and column.attribution is not None:
        before, now = column.attribution.shares
        return f"{before:.1%} → {now:.1%}"
    bound = f" ±{measured.bound:.1g}" if measured.bound else ""
    return f"{measured.value:.4g}{bound}{p_value}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
