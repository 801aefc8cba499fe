"""A model card as one page of HTML: it loads nothing, runs nothing, and escapes all that it shows."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ml.registry.cards import CardFacts
from ml.spec.gates import METRICS

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --quiet: #5c6675; --line: #d9dee5; --back: #ffffff; --panel: #f5f7fa;
  --good: #1a7f4b; --bad: #b3261e; --bar: #4f7cac; --other: #b9853a; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ee; --quiet: #a0a9b6; --line: #363d49; --back: #14181f;
  --panel: #1d232c; --good: #5fc98f; --bad: #ff8a80; --bar: #7fa8d6; --other: #d9ae6c; } }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto;
  max-width: 62rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.chips { margin: .6rem 0 1.2rem; display: flex; flex-wrap: wrap; gap: .4rem; }
.chip { border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .7rem; font-size: .9rem; }
.good, .bad { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .9rem .35rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } th { color: var(--quiet); font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: 0; background: var(--panel);
  padding: .8rem 1rem; border-radius: .4rem; } dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
svg .mine { fill: var(--bar); stroke: var(--bar); } svg .other { fill: var(--other); stroke: var(--other); }
"""
_WORDS = {
    "purpose": "Purpose",
    "intended_use": "Intended use",
    "out_of_scope": "Out of scope",
    "owner": "Owner",
    "data": "Data",
    "limitations": "Limitations",
    "ethics": "Ethical considerations",
}
_APPROVAL = {"PendingManualApproval": "waits for approval", "Approved": "approved", "Rejected": "rejected"}


def card_html(facts: CardFacts) -> str:
    """The page."""
    title = f"{facts.version.name} version {facts.version.version}"
    parts = [f"<h1>{escape(title)}</h1>{_chips(facts)}", _words(facts)]
    if facts.report is not None:
        parts += [_metrics(facts.report), _groups(facts.report), _importances(facts.report), _gates(facts.report)]
    parts += [_run(facts), _approval(facts), _history(facts)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        # Nothing runs and nothing is fetched, whatever the spec or the data hold.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Model card: {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _chips(facts: CardFacts) -> str:
    words = [(alias, "good" if alias == "champion" else "") for alias in facts.aliases.of(facts.version.version)]
    if facts.package:
        status = facts.package.status
        mood = {"Approved": "good", "Rejected": "bad"}.get(status, "")
        words.append((_APPROVAL.get(status, status), mood))
    if facts.report is not None:
        passed = sum(1 for result in facts.report["results"] if result["passed"])
        count = len(facts.report["results"])
        words.append((f"{passed} of {count} gates passed", "good" if passed == count else "bad"))
    else:
        words.append(("its gates have not run", ""))
    words.append((f"environment {facts.environment}", "quiet"))
    chips = "".join(f'<span class="chip {mood}">{escape(text)}</span>' for text, mood in words)
    return f'<div class="chips">{chips}</div>'


def _words(facts: CardFacts) -> str:
    words = facts.words
    entries = [(label, words.get(name, "").strip() or "not said") for name, label in _WORDS.items()]
    return _list(entries)


def _metrics(report: dict[str, Any]) -> str:
    found: dict[str, Any] = report["metrics"]
    champion: Any = report["request"].get("champion")
    confidence = f"{report['request']['gates']['confidence']:.0%}"
    header = ["Metric", "This version", f"{confidence} interval"]
    header += [f"Champion (version {champion['version']})", "Difference"] if champion else []
    rows: list[list[str]] = []
    for name, entry in found.items():
        mine, theirs = entry["candidate"], entry.get("champion")
        row = [escape(name) + _better(name), _number(mine["value"])]
        row.append(f"{_range(mine)} {_interval(mine, theirs)}")
        if champion:
            difference = entry["difference"]
            row.append(_number(theirs["value"]) if theirs else "")
            row.append(_range(difference))
        rows.append(row)
    note = (
        ""
        if not champion
        else " Blue is this version, ochre the champion; a difference above 0 is in favour of this one."
    )
    return (
        f"<h2>Performance on held-out data</h2><p class=quiet>{report['rows']:,} rows that it was not trained on."
        f"{escape(note)}</p>{_table(header, rows)}"
    )


def _better(name: str) -> str:
    return " <span class=quiet>(less is better)</span>" if METRICS.get(name) is False else ""


def _range(found: dict[str, Any]) -> str:
    low, high = found["low"], found["high"]
    return "not known" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _interval(mine: dict[str, Any], theirs: dict[str, Any] | None) -> str:
    """The interval as a line with its value as a dot; the champion's below it. Made of numbers alone."""
    lines = [line for line in (mine, theirs) if line and None not in line.values()]
    if not lines:
        return ""
    least, most = min(line["low"] for line in lines), max(line["high"] for line in lines)
    span, width = (most - least) or 1, 140

    def at(value: float) -> float:
        return round(8 + (value - least) / span * (width - 16), 1)

    drawn = "".join(
        f'<g class="{"mine" if line is mine else "other"}"><line x1="{at(line["low"])}" x2="{at(line["high"])}" '
        f'y1="{7 + 10 * row}" y2="{7 + 10 * row}" stroke-width="2"/>'
        f'<circle cx="{at(line["value"])}" cy="{7 + 10 * row}" r="3.5"/></g>'
        for row, line in enumerate(lines)
    )
    height = 14 + 10 * (len(lines) - 1)
    return f'<br><svg role="img" aria-label="interval" width="{width}" height="{height}">{drawn}</svg>'


def _groups(report: dict[str, Any]) -> str:
    parts: list[str] = []
    for column, shown in report["groups"].items():
        groups: dict[str, dict[str, Any]] = shown["by_group"]
        names = list(dict.fromkeys(name for found in groups.values() for name in found))
        rows = [
            [
                escape(group)
                + (" <span class=quiet>(few rows: not judged)</span>" if group in shown["not_judged"] else "")
            ]
            + [_number(found.get(name)) for name in names]
            for group, found in groups.items()
        ]
        header = [column, *(name.replace("_", " ") for name in names)]
        parts.append(_table(header, rows))
    if not parts:
        return "<h2>Fairness</h2><p class=quiet>The spec names no column whose groups are compared.</p>"
    return f"<h2>Fairness</h2>{''.join(parts)}"


def _importances(report: dict[str, Any]) -> str:
    entries: list[dict[str, Any]] = report["importances"][:20]
    highest = max((abs(entry["mean"] or 0) for entry in entries), default=0) or 1
    rows = [
        [
            escape(str(entry["column"])),
            f"{_number(entry['mean'])} ± {_number(entry['deviation'])}",
            f'<svg role="img" aria-label="importance" width="204" height="12"><rect class="mine" y="1" '
            f'width="{max(round(200 * (entry["mean"] or 0) / highest, 1), 0)}" height="10"/></svg>',
        ]
        for entry in entries
    ]
    gates: dict[str, Any] = report["request"]["gates"]
    metric = gates["explanation"].get("metric") or next(iter(gates["metrics"]))
    more = len(report["importances"]) - len(entries)
    rest = f" The {more} least important columns are left out." if more else ""
    return (
        "<h2>What its answers depend on</h2><p class=quiet>Permutation importance: how much worse "
        f"{escape(metric)} gets when a column's values are shuffled.{rest}</p>{_table(('Column', 'Loss', ''), rows)}"
    )


def _gates(report: dict[str, Any]) -> str:
    rows = [
        [
            '<span class="good">✓ passed</span>' if result["passed"] else '<span class="bad">✗ refused</span>',
            escape(result["gate"]),
            escape(result["text"]),
        ]
        for result in report["results"]
    ]
    return f"<h2>Gates</h2>{_table(('', 'Gate', 'What was found'), rows)}"


def _run(facts: CardFacts) -> str:
    record, version = facts.record, facts.version
    if record is None:
        return f"<h2>Training</h2><p class=quiet>No record of the run {escape(version.job or '')}.</p>"
    git = record.git
    entries = [
        ("Run", record.job),
        ("Trained for", f"{record.submitter}, {record.created}"),
        ("Code", f"{record.code.digest[:16]}… ({record.code.files} files)"),
        (
            "Commit",
            f"{git.commit}{' with changes that it does not have' if git.dirty else ''}" if git else "not in git",
        ),
        ("Image", f"{record.image.uri}{'@' + record.image.digest if record.image.digest else ''}"),
        ("Record", f"sha256 {record.digest}"),
    ]
    rows = [
        [escape(name), f"<code>{escape(each.uri)}</code>", f"<code>{escape((each.version or 'not known')[:16])}</code>"]
        for name, each in record.inputs.items()
    ]
    data = _table(("Input", "Where", "Version"), rows) if rows else "<p class=quiet>It had no inputs.</p>"
    return f"<h2>Training</h2>{_list(entries)}<h2>Data</h2>{data}"


def _approval(facts: CardFacts) -> str:
    package = facts.package
    if package is None:
        return "<h2>Approval</h2><p class=quiet>Nobody has promoted this version yet.</p>"
    decider = package.changed_by if package.status in ("Approved", "Rejected") else ""
    nobody = "no approval is required here" if package.status == "Approved" else "nobody yet"
    entries = [
        ("Status", _APPROVAL.get(package.status, package.status)),
        ("Asked for by", package.author or "not told"),
        ("Decided by", decider or nobody),
        ("Reason", package.reason or "none given"),
        ("Package", package.arn),
    ]
    return f"<h2>Approval</h2>{_list(entries)}"


def _history(facts: CardFacts) -> str:
    if not facts.moves:
        return ""
    rows = [
        [
            escape(move.at),
            escape(move.by.get("owner", "") or move.by.get("arn", "")),
            escape(", ".join(f"{alias} {version}" for alias, version in sorted(move.versions.items())) or "none"),
        ]
        for move in facts.moves
    ]
    return f"<h2>History of its aliases</h2>{_table(('When (UTC)', 'Who', 'Aliases after it'), rows)}"


def _number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else "not known"


def _list(entries: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in entries)}</dl>"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows whose cells are HTML already; the header is text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
