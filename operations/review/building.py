"""From a preview as the engine told it to the report of one environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from operations.differences import property_path
from operations.drift import Drift as FoundDrift
from operations.engine_run import part
from operations.engine_steps import PROVIDERS, name_of, provider_urn
from operations.review.changes import change, shown
from operations.review.costs import cost_of
from operations.review.folding import fold_updates
from operations.review.model import (
    Change,
    Cost,
    Counts,
    Drift,
    DriftedResource,
    Environment,
    Folded,
    Group,
    Policy,
    Problem,
    Property,
    Radius,
    Running,
    Verdict,
)
from operations.review.policies import policy_of
from operations.review.radius import Reach
from operations.review.redacting import redacted
from operations.review.redaction import HIDDEN, Redactor, is_secret_property
from operations.review.secrets import secret_values
from operations.review.stream import Preview, Step
from operations.review.words import headline
from operations.stateful import is_stateful
from prices import IDLE, Usage

STAYS = ("same", "read")
MOST_RADII = 300
"""Of so many deletions and replacements it is told what depends on each; of the others only how many resources do."""
EARLY = (
    "The preview ended early: there may be more changes than are told here, and what would be deleted is not known. "
    "The cost is left out."
)
CLIENT_SIDE = (
    "The Kubernetes provider does not apply on the server's side: its differences are the client's, without what the "
    "API server would default or refuse."
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that was seen of one environment.

    state: the resources of the stack's state, none where there is no stack yet. running: None where nobody could look.
    drift: None where nobody looked. notes: what the reader should know besides. usage: what the cost counts with.
    """

    name: str
    region: str
    preview: Preview
    state: Sequence[Mapping[str, Any]] = ()
    drift: FoundDrift | None = None
    running: Sequence[Running] | None = ()
    notes: Sequence[str] = ()
    usage: Usage = IDLE


def environment_of(seen: Seen, redactor: Redactor) -> Environment:
    """The environment's part of the report, with nothing in it that must not be shown."""
    steps = list(seen.preview.steps.values())
    redactor.know(secret_values(steps))
    return redacted(_draft(seen, steps), redactor)


def ends_something(preview: Preview) -> list[str]:
    """URNs of what would be deleted or replaced: whoever wants to know what runs on it may look."""
    return [step.urn for step in preview.steps.values() if _counts(step) and step.operation in ("delete", "replace")]


def _draft(seen: Seen, steps: Sequence[Step]) -> Environment:
    preview = seen.preview
    parents = {str(each["urn"]): str(each.get("parent") or "") for each in seen.state}
    parents |= {step.urn: str(step.state.get("parent") or "") for step in steps}
    reach = Reach(seen.state)
    changes = [(step, change(step, parents)) for step in steps if _counts(step) and step.operation not in STAYS]
    ending = [(step, one) for step, one in changes if one.operation in ("delete", "replace")]
    ending.sort(key=lambda pair: (not is_stateful(pair[1].type), -reach.count(pair[0].urn), pair[1].type, pair[1].name))
    told = [_with_radius(one, step.urn, reach, number) for number, (step, one) in enumerate(ending)]
    losses = [each for each in told if each.ends and is_stateful(each.type)]
    lost = {id(each) for each in losses}
    alone, folded = fold_updates(one for _, one in changes if one.operation not in ("delete", "replace"))
    counts = _count(steps)
    complete = preview.ended and not preview.errors
    cost, missing = _cost(seen, steps) if complete else (None, [])
    policies = tuple(policy_of(each) for each in preview.violations)
    notes = [*([] if complete else [EARLY]), *missing, *_kubernetes(steps, changes), *seen.notes]
    verdict = _verdict(complete, policies, losses, told, counts)
    problems = [Problem(level=each.level, resource=name_of(each.urn), message=each.message) for each in preview.said]
    if preview.failure and not preview.errors and not preview.violations:
        problems.insert(0, Problem(level="error", resource="", message=preview.failure))
        verdict = Verdict.failed
    environment = Environment(
        name=seen.name,
        verdict=verdict,
        headline="",
        complete=complete,
        counts=counts,
        losses=tuple(losses),
        endings=tuple(each for each in told if id(each) not in lost),
        groups=tuple(_groups(alone)),
        folded=(*_providers(steps), *folded),
        touched=reach.radius((step.urn for step, _ in ending), themselves=True) if ending else Radius(),
        running=None if seen.running is None else tuple(seen.running),
        cost=cost,
        policies=tuple(sorted(policies, key=lambda each: (each.level != "mandatory", each.rule, each.resource))),
        drift=_drift(seen.drift),
        problems=tuple(sorted(problems, key=lambda each: each.level)),
        notes=tuple(notes),
        packs=tuple(f"{name} {version}" for name, version in sorted(preview.packs.items())),
    )
    return environment.model_copy(update={"headline": headline(environment)})


def _counts(step: Step) -> bool:
    """Whether it is a resource of somebody's, and not the program's structure or a provider."""
    return step.custom and not step.type.startswith(PROVIDERS)


def _with_radius(one: Change, urn: str, reach: Reach, number: int) -> Change:
    radius = reach.radius([urn]) if number < MOST_RADII else Radius(resources=reach.count(urn))
    return one.model_copy(update={"radius": radius})


def _count(steps: Sequence[Step]) -> Counts:
    found = {"create": 0, "update": 0, "replace": 0, "delete": 0, "same": 0}
    as_counted = {"import": "update", "forget": "update", "read": "same"}
    for step in steps:
        if _counts(step):
            found[as_counted.get(step.operation, step.operation)] += 1
    return Counts(**found)


def _verdict(
    complete: bool, policies: Sequence[Policy], losses: Sequence[Change], endings: Sequence[Change], counts: Counts
) -> Verdict:
    if not complete:
        return Verdict.failed
    if any(each.level == "mandatory" for each in policies):
        return Verdict.refused
    if losses:
        return Verdict.loss
    if any(each.ends for each in endings):
        return Verdict.destructive
    changed = counts.create + counts.update + counts.replace + counts.delete
    return Verdict.changes if changed else Verdict.unchanged


def _groups(changes: Sequence[Change]) -> list[Group]:
    by_component: dict[str, list[Change]] = {}
    for one in sorted(changes, key=lambda each: (each.component, each.operation, each.type, each.name)):
        by_component.setdefault(one.component, []).append(one)
    # What belongs to no part of the platform comes last.
    return [
        Group(component=name, changes=tuple(members))
        for name, members in sorted(by_component.items(), key=lambda pair: (not pair[0], pair[0]))
    ]


def _providers(steps: Sequence[Step]) -> list[Folded]:
    found: list[Folded] = []
    for step in steps:
        if not step.type.startswith(PROVIDERS) or step.operation not in ("update", "replace"):
            continue
        old, new = (cast(Mapping[str, Any], state.get("inputs") or {}) for state in (step.old, step.new))
        versions = [str(inputs.get("version") or "no version") for inputs in (old, new)]
        what = " → ".join(dict.fromkeys(versions)) if versions[0] != versions[1] else "its settings change"
        text = f"provider {step.type.removeprefix(PROVIDERS)} {what}"
        if step.operation == "replace":
            text += "; it is replaced, and with it what it has made"
        found.append(Folded(kind="provider", text=text, resources=(step.name,)))
    return found


def _cost(seen: Seen, steps: Sequence[Step]) -> tuple[Cost | None, list[str]]:
    try:
        return cost_of(seen.state, steps, seen.region, usage=seen.usage), []
    except (ValueError, TypeError, KeyError) as error:
        return None, [f"The cost could not be told: {error}"]


def _kubernetes(steps: Sequence[Step], changes: Sequence[tuple[Step, Change]]) -> list[str]:
    client_side = {
        step.urn
        for step in steps
        if step.type == f"{PROVIDERS}kubernetes"
        and str(part(step.state, "inputs").get("enableServerSideApply")).lower() == "false"
    }
    concerned = any(provider_urn(str(step.state.get("provider") or "")) in client_side for step, _ in changes)
    return [CLIENT_SIDE] if concerned else []


def _drift(found: FoundDrift | None) -> Drift | None:
    if found is None:
        return None
    resources = [
        DriftedResource(
            type=each.type,
            name=each.name,
            id=each.id,
            happened=each.happened,
            properties=tuple(
                Property(
                    path=one.path,
                    kind=one.kind,
                    before=_hidden(each.type, one.path, each.outputs, one.recorded),
                    after=_hidden(each.type, one.path, each.outputs, one.actual),
                )
                for one in each.differences
            ),
        )
        for each in found.resources
    ]
    return Drift(looked_at=found.looked_at, resources=tuple(resources))


def _hidden(type_: str, path: str, outputs: Mapping[str, Any], value: Any) -> Any:
    if value is None:
        return None
    steps = [property_path(one) for one in path.split(" → ")]
    if is_secret_property(type_, steps[0], outputs) or is_secret_property(type_, steps[-1], outputs):
        return HIDDEN
    return shown(value)
