"""A rehearsal as a document, which Markdown and a terminal each write in their own way."""

from pathlib import Path

from operations.rehearsal.judging import DONE_BY, is_loss
from operations.rehearsal.model import Applied, Load, Rehearsal, StepResult, StepState, Verdict
from operations.rehearsal.rehearse import in_words
from operations.review.document import Code, Document, Foreign, Item, Line, Section, Strong, Table
from operations.review.model import Verdict as Mark
from operations.review.redacting import redacted
from operations.review.redaction import Redactor

MARK = {Verdict.well: Mark.changes, Verdict.found: Mark.loss, Verdict.broken: Mark.failed}
SIGN = {StepState.done: "✅", StepState.failed: "❌", StepState.left_out: "·"}
MOST_ENDINGS = 50


def document_of(rehearsal: Rehearsal) -> Document:
    """The document of a rehearsal."""
    sections = [
        Section("What speaks against it", 0, items=[Item((Foreign(each.text),)) for each in rehearsal.findings]),
        *(_failure(each) for each in rehearsal.steps if each.log),
        Section("What was done", 1, items=_done(rehearsal)),
        Section("Steps", 2, table=_steps(rehearsal), folded=rehearsal.verdict is Verdict.well),
    ]
    if rehearsal.load is not None and rehearsal.load.requests:
        sections.insert(-1, Section("The endpoint meanwhile", 1, items=_load(rehearsal.load)))
    title = f"{rehearsal.headline} ({clock(rehearsal.seconds)})"
    return Document(MARK[rehearsal.verdict], title, [each for each in sections if each.items or each.table])


def presentable(rehearsal: Rehearsal, redactor: Redactor, root: Path) -> Rehearsal:
    """The same without secrets, account numbers and the folder where it happened."""
    inside = f"{root}/"

    def shortened(text: str) -> str:
        return text.replace(inside, "").replace(str(root), ".")

    steps = (
        each.model_copy(update={"said": shortened(each.said), "log": tuple(shortened(line) for line in each.log)})
        for each in rehearsal.steps
    )
    findings = (each.model_copy(update={"text": shortened(each.text)}) for each in rehearsal.findings)
    clean = rehearsal.model_copy(update={"steps": tuple(steps), "findings": tuple(findings)})
    return redacted(clean, redactor)


def clock(seconds: float) -> str:
    """Minutes and seconds: `3 min 7 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _failure(step: StepResult) -> Section:
    items = [Item((Foreign(step.said),)), *(Item((Code(line),)) for line in step.log)]
    return Section(f"The end of the log of `{step.name}`", 0 if step.state is StepState.failed else 2, items=items)


def _done(rehearsal: Rehearsal) -> list[Item]:
    items = [Item(("base: ", Foreign(rehearsal.base))), Item(("change: ", Foreign(rehearsal.head)))]
    items += [Item((f"{DONE_BY[each.phase]}: {in_words(each)}",), below=_endings(each)) for each in rehearsal.applied]
    if rehearsal.kept:
        items.append(Item(("Everything is kept in ", Code(rehearsal.kept))))
    return items


def _endings(done: Applied) -> list[Line]:
    lines: list[Line] = []
    for each in done.endings[:MOST_ENDINGS]:
        verb = "deleted" if each.operation == "delete" else "replaced"
        line: Line = (Strong(f"{verb}: ") if is_loss(each) else f"{verb}: ", Code(each.type), " ", Code(each.name))
        if each.causes:
            line = (*line, " because of ", Code(", ".join(each.causes)))
        if each.own:
            line = (*line, ", which the change itself had made")
        lines.append(line)
    if (more := len(done.endings) - MOST_ENDINGS) > 0:
        lines.append((f"and {more} more",))
    return lines


def _load(load: Load) -> list[Item]:
    answered = load.requests - load.failures
    times = f", half of them within {load.median_ms:g} ms, all within {load.slowest_ms:g} ms" if answered else ""
    items = [
        Item((Code(load.endpoint), f": {load.requests} requests in {clock(load.seconds)}, {answered} answered{times}"))
    ]
    return items + [
        Item((f"{each.seconds:g} s without an answer, from second {each.after:g} on: ", Foreign(each.error)))
        for each in load.outages
    ]


def _steps(rehearsal: Rehearsal) -> Table:
    told = {each.step for each in rehearsal.findings}
    rows = [
        [
            (
                "🛑" if each.state is StepState.done and each.name in told else SIGN[each.state],
                " ",
                Foreign(f"{each.title}: {each.said}"),
            ),
            ("" if each.state is StepState.left_out else f"{each.seconds:.1f}",),
        ]
        for each in rehearsal.steps
    ]
    return Table(("step", "seconds"), rows)
