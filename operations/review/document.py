"""A report as a document: sections of items, which Markdown, HTML and a terminal each write in their own way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from operations.review.changes import UNKNOWN
from operations.review.folding import difference, short
from operations.review.model import Change, Cost, Environment, Policy, Property, Report, Verdict
from operations.review.words import (
    MARKS,
    OPERATIONS,
    SIGNS,
    cost_lines,
    fate,
    many,
    radius_line,
    signed,
)

SHOWN_PROPERTIES = 8
SHOWN_NAMES = 40


class Code(str):
    """A name or a value, as it stands in a program or at AWS."""

    __slots__ = ()


class Foreign(str):
    """Words that others have written."""

    __slots__ = ()


class Strong(str):
    """Our own words, to be seen first."""

    __slots__ = ()


Line = tuple[str, ...]
"""Pieces of a line: our own words, and those that say what they are."""


@dataclass(frozen=True)
class Item:
    """One entry, with what is said about it below."""

    line: Line
    below: Sequence[Line] = ()


@dataclass(frozen=True)
class Table:
    """Rows of cells; all columns but the first hold numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[Line]]


@dataclass(frozen=True)
class Section:
    """A part of a report.

    gravity: 0 is told before anything else where there is room for little. folded: closed until somebody opens it.
    """

    title: str
    gravity: int
    items: Sequence[Item] = ()
    table: Table | None = None
    folded: bool = False
    level: int = 3


@dataclass(frozen=True)
class Document:
    """The whole. title: the verdict line."""

    verdict: Verdict
    title: str
    sections: list[Section] = field(default_factory=list[Section])


def document_of(report: Report) -> Document:
    """The document of a report."""
    made = Document(report.verdict, report.headline)
    if len(report.environments) > 1:
        made.sections.append(_overview(report))
    for environment in report.environments:
        if len(report.environments) > 1:
            title = f"{MARKS[environment.verdict]} {environment.name}: {environment.headline}"
            made.sections.append(Section(title, 0, level=2))
        made.sections.extend(section for section in _sections(environment) if section.items or section.table)
    return made


def _overview(report: Report) -> Section:
    rows: list[Sequence[Line]] = []
    for each in report.environments:
        counts = each.counts
        cost = signed(each.cost.difference) if each.cost else "?"
        numbers = (counts.create, counts.update, counts.replace, counts.delete)
        rows.append(
            [(MARKS[each.verdict], " ", Code(each.name)), (each.verdict.value,), *((str(n),) for n in numbers), (cost,)]
        )
    head = ("environment", "verdict", "make", "change", "replace", "delete", "USD a month")
    return Section("Environments", 0, table=Table(head, rows))


def _sections(each: Environment) -> Iterator[Section]:
    errors = [one for one in each.problems if one.level == "error"]
    yield Section(f"What went wrong ({len(errors)})", 1, [_said(one.resource, one.message) for one in errors])
    yield Section("Please note", 1, [Item((Foreign(note),)) for note in each.notes])
    yield Section(f"Refused by policy ({len(each.refusals)})", 2, [_policy(one) for one in each.refusals])
    yield Section(f"Would be lost, with what they hold ({len(each.losses)})", 3, [_ending(one) for one in each.losses])
    first = [one for one in each.endings if not _follows(one)]
    title = f"Deleted or replaced, without anything of their own to lose ({len(first)})"
    yield Section(title, 4, [_ending(one) for one in first])
    after = [Item((Strong(fate(one)), ": ", *_named(one))) for one in each.endings if _follows(one)]
    yield Section(f"Replaced with them, for they name what is replaced ({len(after)})", 5, after, folded=True)
    yield Section("Who is touched", 5, list(_touched(each)))
    if each.cost is not None:
        yield _cost_section(each.cost)
        yield Section("What costs more or less", 9, table=_cost_items(each.cost), folded=True)
        unknown = [Item((Foreign(one),)) for one in each.cost.unknown]
        yield Section(f"Without a price, and in no sum ({len(unknown)})", 8, unknown, folded=True)
    if each.drift is not None and each.drift.resources:
        drifted = [_drifted(one.type, one.name, one.happened, one.properties) for one in each.drift.resources]
        title = f"Drift: {len(drifted)} of {each.drift.looked_at} resources are not as the program left them"
        yield Section(title, 7, drifted)
    advice = [one for one in each.policies if one.level == "advisory"]
    yield Section(f"Advice of the policies ({len(advice)})", 8, [_policy(one) for one in advice], folded=True)
    warnings = [one for one in each.problems if one.level == "warning"]
    yield Section(f"Warnings ({len(warnings)})", 8, [_said(one.resource, one.message) for one in warnings], folded=True)
    changes = sum(len(group.changes) for group in each.groups)
    yield Section(f"New and changed, by component ({changes})", 9, list(_grouped(each)), folded=True)
    yield Section(f"Told once ({sum(len(one.resources) for one in each.folded)})", 10, list(_folded(each)), folded=True)


def _said(resource: str, message: str) -> Item:
    first, *rest = message.splitlines() or [""]
    name: Line = (Code(resource), ": ") if resource else ()
    return Item((*name, Foreign(first)), [(Code(line),) for line in rest[-SHOWN_NAMES:] if line.strip()])


def _policy(one: Policy) -> Item:
    below: list[Line] = [(Foreign(one.found),)] if one.found else []
    if one.mend:
        below.append((Strong("Mend:"), " ", Foreign(one.mend)))
    where: Line = (" · ", Code(one.resource)) if one.resource else ()
    return Item((Code(one.rule), *where, " · ", Foreign(one.description)), below)


def _ending(change: Change) -> Item:
    line: Line = (Strong(fate(change)), ": ", *_named(change))
    below: list[Line] = []
    if change.loses and change.ends:
        below.append(("lost with it: ", Foreign(change.loses)))
    below += [("because ", *_property(one)) for one in change.causes[:SHOWN_PROPERTIES]]
    if change.operation == "replace" and not change.causes:
        below.append(("because what it depends on is replaced, or somebody asked for it",))
    others = [one for one in change.properties if not one.replaces]
    if others:
        below.append((f"besides: {many(len(others), 'other property', 'other properties')}",))
    if change.radius is not None and (depends := radius_line(change.radius)):
        below.append((Foreign(depends),))
    return Item(line, below)


def _follows(change: Change) -> bool:
    """Whether a replacement only follows from another: all that forces it is a name that the update will tell."""
    return bool(change.causes) and all(one.after == UNKNOWN for one in change.causes)


def _named(change: Change) -> Line:
    identity: Line = (" (", Code(change.id), ")") if change.id and change.id != change.name else ()
    return (short(change.type), " ", Code(change.name), *identity)


def _property(one: Property) -> Line:
    return (Code(one.path), ": ", Code(difference(one)))


def _touched(each: Environment) -> Iterator[Item]:
    if each.touched.teams:
        teams = [piece for team in each.touched.teams[:SHOWN_NAMES] for piece in (Code(team), " ")]
        more = len(each.touched.teams) - SHOWN_NAMES
        yield Item(("teams: ", *teams, *((f"and {more} more",) if more > 0 else ())))
    if each.losses or each.endings:
        if each.running is None:
            yield Item(("whether jobs or endpoints run is not known",))
        for one in each.running or ():
            yield Item((one.kind, " ", Code(one.name), *((" of ", Code(one.team)) if one.team else ())))


def _cost_section(cost: Cost) -> Section:
    head = (f"USD a month, {cost.region}", "before", "after", "difference")
    rows = [[(cell,) for cell in row] for row in cost_lines(cost)]
    return Section(f"Cost: {signed(cost.difference)} USD a month", 6, table=Table(head, rows))


def _cost_items(cost: Cost) -> Table | None:
    rows = [
        [(Code(line.item),), (f"{line.before:,.2f}",), (f"{line.after:,.2f}",), (signed(line.after - line.before),)]
        for line in cost.lines
    ]
    return Table(("item", "before", "after", "difference"), rows) if rows else None


def _drifted(type_: str, name: str, happened: str, properties: Sequence[Property]) -> Item:
    word = "is gone" if happened == "gone" else "is otherwise"
    below = [_property(one) for one in properties[:SHOWN_PROPERTIES]]
    return Item((short(type_), " ", Code(name), f" {word}"), below)


def _grouped(each: Environment) -> Iterator[Item]:
    for group in each.groups:
        yield Item((Strong("in "), Code(group.component)) if group.component else (Strong("by themselves"),))
        for change in group.changes:
            shown = [_property(one) for one in change.properties[:SHOWN_PROPERTIES]]
            if len(change.properties) > SHOWN_PROPERTIES:
                shown.append((f"and {len(change.properties) - SHOWN_PROPERTIES} more",))
            yield Item((SIGNS[change.operation], " ", OPERATIONS[change.operation], " ", *_named(change)), shown)


def _folded(each: Environment) -> Iterator[Item]:
    for one in each.folded:
        names = ", ".join(one.resources[:SHOWN_NAMES])
        if len(one.resources) > SHOWN_NAMES:
            names += f" and {len(one.resources) - SHOWN_NAMES} more"
        yield Item((many(len(one.resources), "resource"), ": ", Code(one.text)), [(Code(names),)])
