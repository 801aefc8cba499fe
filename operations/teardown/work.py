"""What ML teams have running: jobs and endpoints, which belong to no stack."""

from collections.abc import Callable

from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.removal import BY_WORD, remove
from operations.leftovers.scan import scan
from operations.leftovers.subject import Subject

RUNNING = tuple(BY_WORD[word] for word in ("training job", "processing job", "endpoint"))


def running(subject: Subject) -> list[Finding]:
    """Jobs that run and endpoints that serve, each with what it costs.

    Raises LookupError where AWS does not let the caller see them: nobody may take "none was seen" for "none runs".
    """
    report = _look(subject)
    if report.unseen:
        raise LookupError("; ".join(f"{kind}: {why}" for kind, why in report.unseen.items()))
    return report.of(Fate.LEFTOVER)


def stop(subject: Subject, tell: Callable[[str], None]) -> list[Finding]:
    """Stop the jobs and delete the endpoints; what would not stop."""
    return remove(subject.clients, lambda: _look(subject), tell).of(Fate.LEFTOVER)


def _look(subject: Subject) -> Report:
    return scan(subject.clients, subject.scope, kinds=RUNNING, net=False)
