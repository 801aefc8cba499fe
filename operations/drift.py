"""What changed behind the program's back: a refresh in preview, and then a refresh or an update of just that.

`pulumi refresh --preview-only` compares the state with the platform without running the program, takes no lock and
writes no state (https://www.pulumi.com/docs/iac/operations/stack-management/drift/).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from local.errors import LocalStackError
from operations.differences import Difference, differences
from operations.engine_run import StackEngine, part, step_of
from operations.engine_steps import DELETE, PROVIDERS, REPLACE, REPLACING, SAME, name_of, targets

ALL_TAGS = "tagsAll"


NO_SECRETS = ("--exclude", "**kubernetes:core/v1:Secret::*")
"""Who only looks may not read them (docs/ci.md), and one that cannot be read ends the whole look. The program makes
empty ones, which controllers fill."""


@dataclass(frozen=True, kw_only=True)
class Drifted:
    """A resource that is not as the program left it.

    type: its token. name: in the program. id: physical, as AWS or Kubernetes has it. happened: whether it is otherwise,
    or no more. outputs: as recorded, with secrets blinded. written: when the program last wrote it, None if unknown.
    """

    urn: str
    type: str
    name: str
    id: str
    happened: Literal["changed", "gone"]
    differences: tuple[Difference, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    written: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What a look at the platform found.

    looked_at: how many resources were compared. warnings: of the engine and the providers.
    """

    resources: tuple[Drifted, ...]
    looked_at: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What `revert` would do to one resource. operation: create, update, replace, delete, …"""

    urn: str
    operation: str
    type: str
    name: str
    id: str

    @property
    def ends(self) -> bool:
        """Whether something that is there now would end."""
        return self.operation in (DELETE, REPLACE)


def find(engine: StackEngine, tell: Callable[[str], None]) -> Drift:
    """Compares every resource but Kubernetes Secrets with its state. `tell` hears how far it is.

    Raises LocalStackError where the engine fails, for example because a provider cannot reach what it manages.
    """
    found: list[Drifted] = []
    warnings: list[str] = []
    looked_at = 0
    for event in engine.events("refresh", "--preview-only", *NO_SECRETS):
        diagnostic = part(event, "diagnosticEvent")
        if diagnostic.get("severity") == "warning" and not diagnostic.get("ephemeral"):
            warnings.append(str(diagnostic.get("message") or "").strip())
        metadata = step_of(event, "resOutputsEvent")
        if not metadata or not _is_managed(metadata):
            continue
        looked_at += 1
        if (drifted := _drifted(metadata)) is not None:
            found.append(drifted)
        tell(f"{looked_at} resources compared" + (f", {len(found)} differ" if found else ""))
    written = _written(engine) if found else {}
    resources = tuple(_with_time(each, written) for each in found)
    return Drift(resources=resources, looked_at=looked_at, warnings=tuple(dict.fromkeys(warnings)))


def accept(engine: StackEngine, resources: Sequence[Drifted]) -> None:
    """Takes what these resources are now into the state. Raises LocalStackError."""
    engine.show("refresh", *_targets(resources))


def plan_revert(engine: StackEngine, resources: Sequence[Drifted]) -> list[Planned]:
    """What `revert` would do, in the engine's order. Raises LocalStackError."""
    steps = _steps(engine.events("preview", "--refresh", "--target-dependents", *_targets(resources)))
    return list({step.urn: step for step in steps}.values())


def revert(engine: StackEngine, resources: Sequence[Drifted]) -> None:
    """Brings these resources, and what depends on them, to what the program says. Raises LocalStackError."""
    engine.show("up", "--refresh", "--target-dependents", *_targets(resources))


def _targets(resources: Sequence[Drifted]) -> list[str]:
    if not resources:
        raise LocalStackError("There is no drift to act on.")
    return targets(each.urn for each in resources)


def _is_managed(metadata: Mapping[str, Any]) -> bool:
    """Whether a provider knows the resource, and it is the program's own and not one that it only looks up."""
    state = part(metadata, "old") or part(metadata, "new")
    return bool(state.get("custom")) and not state.get("external") and not metadata["type"].startswith(PROVIDERS)


def _drifted(metadata: Mapping[str, Any]) -> Drifted | None:
    operation, old, new = metadata["op"], part(metadata, "old"), part(metadata, "new")
    if operation in SAME:
        return None
    found: list[Difference] = []
    if operation != DELETE:
        found = differences(old, new, metadata.get("detailedDiff"), metadata.get("diffs") or ())
    # The AWS provider repeats each tag among those that it adds to all.
    told = {each.path for each in found}
    found = [each for each in found if not (each.path.startswith(ALL_TAGS) and _tag(each) in told)]
    return Drifted(
        urn=metadata["urn"],
        type=metadata["type"],
        name=name_of(metadata["urn"]),
        id=str(old.get("id") or new.get("id") or ""),
        happened="gone" if operation == DELETE else "changed",
        differences=tuple(found),
        outputs=part(old, "outputs"),
    )


def _tag(difference: Difference) -> str:
    return difference.path.replace(ALL_TAGS, "tags", 1)


def _written(engine: StackEngine) -> dict[str, datetime]:
    """When the engine last wrote each resource, by URN."""
    times: dict[str, datetime] = {}
    for resource in engine.resources():
        try:
            time = datetime.fromisoformat(str(resource.get("modified")))
        except ValueError:
            continue
        if time.tzinfo is not None:
            times[resource["urn"]] = time
    return times


def _with_time(resource: Drifted, written: Mapping[str, datetime]) -> Drifted:
    return replace(resource, written=written.get(resource.urn))


def _steps(events: Iterator[dict[str, Any]]) -> Iterator[Planned]:
    for event in events:
        metadata = step_of(event)
        if not metadata or metadata["op"] in SAME or metadata["type"].startswith(PROVIDERS):
            continue
        old, new = part(metadata, "old"), part(metadata, "new")
        yield Planned(
            urn=metadata["urn"],
            operation=REPLACE if metadata["op"] in REPLACING else metadata["op"],
            type=metadata["type"],
            name=name_of(metadata["urn"]),
            id=str(old.get("id") or new.get("id") or ""),
        )
