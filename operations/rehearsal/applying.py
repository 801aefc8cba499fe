"""Runs a program's update and preview on the rehearsal's stack, and tells what they did."""

import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from local.errors import LocalStackError
from operations.engine_run import StackEngine, part, step_of
from operations.engine_steps import PROVIDERS, name_of
from operations.rehearsal.model import Applied, Ending, Phase
from operations.rehearsal.running import Tell
from operations.review.changes import change
from operations.review.model import Counts
from operations.review.stream import Preview, Step

KEEPING = ("same", "read")


def update(engine: StackEngine, log: Path, tell: Tell) -> Preview:
    """`pulumi up`. Raises LocalStackError where it fails."""
    return _followed(engine, ("up", "--yes", "--skip-preview"), log, tell)


def would_change(engine: StackEngine, log: Path, tell: Tell) -> list[str]:
    """What a preview right after an update still finds to do: operation, type and name. Raises LocalStackError."""
    preview = _followed(engine, ("preview",), log, tell)
    return [
        f"{step.operation} {step.type} {step.name}" for step in preview.steps.values() if step.operation not in KEEPING
    ]


def resources(engine: StackEngine) -> set[str]:
    """URNs of what the stack holds. Raises LocalStackError."""
    return {str(each["urn"]) for each in engine.resources()}


def applied(phase: Phase, preview: Preview, before: Collection[str]) -> Applied:
    """What an update did. before: URNs of what the base's program had made."""
    steps = [step for step in preview.steps.values() if step.custom and not step.type.startswith(PROVIDERS)]
    endings = [_ending(step, before) for step in steps if step.operation in ("delete", "replace")]
    return Applied(
        phase=phase,
        counts=_counts(steps),
        endings=tuple(
            sorted((each for each in endings if each), key=lambda each: (not each.loses, each.type, each.name))
        ),
    )


def _ending(step: Step, before: Collection[str]) -> Ending | None:
    """None for what is only taken out of the state, and stays."""
    made = change(step, {})
    if not made.ends or made.operation not in ("delete", "replace"):
        return None
    return Ending(
        operation=made.operation,
        type=made.type,
        name=made.name,
        causes=tuple(each.path for each in made.causes),
        loses=made.loses,
        own=step.urn not in before,
    )


def _counts(steps: Iterable[Step]) -> Counts:
    found = {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 0}
    as_counted = {"import": "update", "forget": "update", "read": "same"}
    for step in steps:
        found[as_counted.get(step.operation, step.operation)] += 1
    return Counts(**found)


def _followed(engine: StackEngine, command: tuple[str, ...], log: Path, tell: Tell) -> Preview:
    seen = Preview()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as writing:
        writing.write(f"$ pulumi {' '.join(command)}\n")
        try:
            for event in engine.events(*command):
                seen.take(event)
                if line := _in_words(event):
                    writing.write(f"{time.strftime('%H:%M:%S')} {line}\n")
                    writing.flush()
                tell(f"{len(seen.steps)} resources")
        except LocalStackError as error:
            writing.write(f"{error}\n")
            raise
    return seen


def _in_words(event: dict[str, Any]) -> str:
    for kind, word in (("resourcePreEvent", ""), ("resOutputsEvent", "done: "), ("resOpFailedEvent", "failed: ")):
        metadata = step_of(event, kind)
        if metadata and metadata.get("op") not in KEEPING:
            return f"{word}{metadata.get('op')} {metadata.get('type')} {name_of(str(metadata.get('urn')))}"
    diagnostic = part(event, "diagnosticEvent")
    if diagnostic and not diagnostic.get("ephemeral") and diagnostic.get("severity") != "debug":
        return f"{diagnostic.get('severity')}: {str(diagnostic.get('message') or '').strip()}"
    return ""
