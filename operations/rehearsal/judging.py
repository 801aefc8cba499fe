"""What speaks against a change, judged from what the rehearsal has seen."""

from collections.abc import Iterable, Sequence

from operations.rehearsal.model import Applied, Ending, Finding, Load, Phase, StepResult, StepState, Verdict

MOST_NAMED = 10
DONE_BY: dict[Phase, str] = {
    "change": "The change",
    "rollback": "The way back to the base",
    "again": "The second way forward",
}


def losses(step: str, done: Applied) -> list[Finding]:
    """What holds something that cannot be made again, and was deleted or replaced.

    What the change itself had made is no loss when a rollback takes it away.
    """
    return [Finding(kind="lost", step=step, text=_loss(done.phase, each)) for each in done.endings if is_loss(each)]


def is_loss(ending: Ending) -> bool:
    """Whether somebody has lost something with it."""
    return bool(ending.loses) and not ending.own


def downtime(step: str, load: Load) -> list[Finding]:
    """Requests that the endpoint did not answer while the platform changed."""
    if not load.requests:
        return [Finding(kind="downtime", step=step, text=f"Nobody could ask {load.endpoint}: no request was made.")]
    return [
        Finding(
            kind="downtime",
            step=step,
            text=f"{load.endpoint} did not answer {each.requests} of {load.requests} requests, for {each.seconds:g} s, "
            f"while `{each.step or 'nothing'}` ran: {each.error}",
        )
        for each in load.outages
    ]


def second_preview(step: str, changes: Sequence[str]) -> list[Finding]:
    """A program whose preview is not empty right after its own update never comes to rest."""
    if not changes:
        return []
    more = f" and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
    text = f"A preview right after the update finds {len(changes)} changes: {', '.join(changes[:MOST_NAMED])}{more}"
    return [Finding(kind="preview", step=step, text=text)]


def verdict(steps: Iterable[StepResult], findings: Sequence[Finding]) -> Verdict:
    """Broken where a step failed that the change is not to blame for: then it is not known how the rest would be."""
    blamed = {each.step for each in findings}
    if any(each.state is StepState.failed and each.name not in blamed for each in steps):
        return Verdict.broken
    return Verdict.found if findings else Verdict.well


def headline(verdict_: Verdict, steps: Sequence[StepResult], findings: Sequence[Finding]) -> str:
    """The verdict in a line."""
    failed = next((each for each in steps if each.state is StepState.failed), None)
    if verdict_ is Verdict.broken:
        title = failed.title if failed else "a step"
        return f"The rehearsal could not be carried out: {title} failed"
    if not findings:
        left_out = any(each.state is StepState.left_out for each in steps)
        return "Rehearsed: nothing lost, no downtime, and the way back works" + (", but for the teardown" * left_out)
    names = {
        "lost": "something was lost",
        "downtime": "the endpoint was down",
        "job": "a running job ended",
        "preview": "it does not come to rest",
        "contract": "the base's ml command cannot read the contract",
        "failed": f"{failed.title} failed" if failed else "a step failed",
        "leftovers": "something is left over",
    }
    found = [names[kind] for kind in dict.fromkeys(each.kind for each in findings)]
    return f"Rehearsed, and {'; '.join(found)}"


def _loss(phase: Phase, ending: Ending) -> str:
    verb = "deleted" if ending.operation == "delete" else "replaced"
    because = f" because of {', '.join(ending.causes)}" if ending.causes else ""
    return f"{DONE_BY[phase]} {verb} {ending.type} {ending.name}{because}; lost with it: {ending.loses}"
