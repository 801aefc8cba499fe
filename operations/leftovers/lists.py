"""A scan's three lists, for people and for programs."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.ownership import Scope
from operations.leftovers.scan import HELD
from prices import dollars

TITLES = {
    Fate.LEFTOVER: "Left over",
    Fate.RETAINED: "Retained",
    Fate.SCHEDULED: "Scheduled for deletion by AWS",
}


def as_text(report: Report, scope: Scope) -> str:
    """The lists, each with what it costs a month; a kind that could not be looked at is named last."""
    lines = [f"{scope.environment} in account {scope.account_id}, {scope.region}"]
    for fate, title in TITLES.items():
        found = report.of(fate)
        lines += ["", f"{title}: {_summary(found)}"]
        lines += [f"  {line}" for line in _rows(found)]
    if report.unseen:
        lines += ["", f"Not looked at: {len(report.unseen)} kinds"]
        lines += [f"  {kind}: {why}" for kind, why in report.unseen.items()]
    return "\n".join(lines)


def as_document(report: Report, scope: Scope) -> dict[str, Any]:
    """The same for a program; `usd_month` is null where no price is known."""
    return {
        "environment": scope.environment,
        "account": scope.account_id,
        "region": scope.region,
        "empty": report.empty,
        "leftovers": [_entry(finding) for finding in report.of(Fate.LEFTOVER)],
        "retained": [_entry(finding) for finding in report.of(Fate.RETAINED)],
        "scheduled": [_entry(finding) for finding in report.of(Fate.SCHEDULED)],
        "unseen": dict(report.unseen),
    }


def _entry(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "id": finding.id,
        "name": finding.name,
        "why": finding.why,
        "note": finding.note,
        "by_hand": finding.by_hand,
        "usd_month": None if finding.usd_month is None else round(float(finding.usd_month), 4),
    }


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "nothing"
    known = [finding.usd_month for finding in findings if finding.usd_month is not None]
    unknown = len(findings) - len(known)
    total = f"{dollars(sum(known, Decimal(0)))} USD a month"
    return f"{len(findings)}, {total}" + (f", and {unknown} whose price is not known" if unknown else "")


def _rows(findings: Sequence[Finding]) -> list[str]:
    held = sum(finding.note == HELD for finding in findings)
    rows = [
        (
            finding.kind,
            finding.name,
            _price(finding.usd_month),
            "; ".join(word for word in (finding.why, finding.note, finding.by_hand) if word),
        )
        for finding in findings
        if finding.note != HELD
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    return [*lines, f"{held} that the stack still holds"] if held else lines


def _price(usd: Decimal | None) -> str:
    if usd is None:
        return "price not known"
    return f"{dollars(usd)} USD" if usd else "-"
