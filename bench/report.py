"""Results as a table for people and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One promise and what was measured. met: whether it was kept."""

    text: str
    measured: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """One bench's result. rows: one list a line, as long as `columns`. detail: every single measurement, for JSON."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]
    notes: Sequence[str]
    detail: dict[str, Any]


def as_text(report: Report) -> str:
    """The table, the goals and the notes."""
    lines = [report.title, ""]
    widths = [
        max(len(str(line[place])) for line in [report.columns, *report.rows]) for place in range(len(report.columns))
    ]
    for line in [report.columns, *report.rows]:
        first, *rest = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append("  " + "  ".join([first, *rest]).rstrip())
    lines.append("")
    lines.extend(f"  {'✓' if goal.met else '✗'} {goal.text}: {goal.measured}" for goal in report.goals)
    lines.extend(f"  {note}" for note in report.notes)
    return "\n".join(lines)


def machine_line(machine: Machine) -> str:
    """The machine in one line."""
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, {machine.system}, "
        f"Python {machine.python}, load {machine.load:g} at the start"
    )
