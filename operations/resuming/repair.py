"""Mends a stack's state: brings back the newest copy that is whole, and adopts what AWS has beyond it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from local.errors import LocalStackError
from local.progress import Progress
from operations.engine_run import StackEngine, part, step_of
from operations.environments import OperatedEnvironment
from operations.locks import reading, require_unlocked, store_for
from operations.resuming.copies import Copy, newest_copy
from operations.resuming.finder import Clients, Place
from operations.resuming.resume import clients_of, place_of
from operations.resuming.settle import CREATING, settle
from operations.state_store import Store, checkpoint, stack_file
from policies.values import UNKNOWN_TEXT

ROUNDS = 12
"""What was found makes known what its dependents are called; a platform is no more than a few such steps deep."""
HIDDEN = "[secret]"
"""What the engine writes into its events for a secret: pkg/resource/stack and sdk/go/common/display."""
Tell = Callable[[str], None]
Planned = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Mended:
    """What was done. restored: the copy that was brought back, if the file was damaged. adopted: URNs."""

    restored: Copy | None = None
    kept: str = ""
    adopted: Sequence[str] = ()


def damage(environment: OperatedEnvironment) -> str:
    """What is wrong with the stack's file, in words; empty where it can be read. Raises LocalStackError."""
    store = _store(environment)
    with reading(environment):
        try:
            checkpoint(store, environment.name, environment.project.name)
        except ValueError as error:
            return str(error)
    return ""


def copy_of(environment: OperatedEnvironment) -> Copy:
    """The copy that would be brought back. Raises LocalStackError where there is none."""
    store = _store(environment)
    with reading(environment):
        copy = newest_copy(store, environment.name, environment.project.name)
    if copy is None:
        raise LocalStackError(
            f"The state of {environment.name} is damaged, and the backend has no copy of it that is whole.",
            hint=f"Is there one elsewhere (`pulumi stack export` of an earlier day)? `pulumi stack import --stack "
            f"{environment.name} --file FILE`, then this command again finds what was made after it.",
        )
    return copy


def restore(environment: OperatedEnvironment, copy: Copy) -> str:
    """Puts the copy in the place of the damaged file, which is kept; gives where. Raises LocalStackError."""
    require_unlocked(environment)
    store, project, stack = _store(environment), environment.project.name, environment.name
    path = stack_file(stack, project)
    kept = f".pulumi/damaged/{project}/{stack}.{time.time_ns()}.json"
    with reading(environment):
        for suffix in ("", ".gz", ".zst"):
            if (damaged := store.read(f"{path}{suffix}")) is not None:
                store.write(f"{kept}{suffix}", damaged)
        store.write(path, copy.content)
        for suffix in (".gz", ".zst"):
            store.delete(f"{path}{suffix}")
    return kept


def adopt_what_is_there(environment: OperatedEnvironment, engine: StackEngine, progress: Progress) -> list[str]:
    """Adopts what the program would make and AWS has already; gives its URNs. Raises LocalStackError."""
    require_unlocked(environment)
    place, clients = place_of(environment), clients_of(environment)
    adopted: list[str] = []
    with progress.step("What AWS has and the state has not") as step:
        for _ in range(ROUNDS):
            more = _one_round(engine, place, clients, step.now)
            adopted += more
            if not more:
                break
        step.done(f"{len(adopted)} found and adopted" if adopted else "nothing")
    return adopted


def _one_round(engine: StackEngine, place: Place, clients: Clients, tell: Tell) -> list[str]:
    tell("asking the program what it would make")
    creates = planned(engine)

    def extend(state: dict[str, Any]) -> None:
        """As if the creation of each had been cut off."""
        resources: list[dict[str, Any]] = state.setdefault("resources", [])
        there = {str(each["urn"]) for each in resources}
        wanted = [each for each in creates.values() if each["custom"] and each["urn"] not in there]
        wanted = [each for each in wanted if _has_provider(each, resources)]
        for each in wanted:
            resources += _ancestors(each, creates, {str(one["urn"]) for one in resources})
        operations = [{"type": CREATING, "resource": each} for each in wanted]
        state["pending_operations"] = [*(state.get("pending_operations") or []), *operations]

    return list(settle(engine, place, clients, tell, visible_s=0.0, strict=False, extend=extend).adopted)


def planned(engine: StackEngine) -> Planned:
    """What a preview would make: URN to the resource as a state has it, without what is not known or secret."""
    found: Planned = {}
    for event in engine.events("preview"):
        metadata = step_of(event)
        new = part(metadata, "new")
        if metadata.get("op") != "create" or not new or str(new.get("type", "")).startswith("pulumi:"):
            continue
        kept = {key: new[key] for key in ("urn", "type", "custom", "parent", "provider", "protect") if new.get(key)}
        kept.setdefault("custom", False)
        inputs = cast(Mapping[str, Any], new.get("inputs") or {})
        found[str(new["urn"])] = {**kept, "inputs": _known(inputs)} if kept["custom"] else kept
    return found


def _known(value: Any) -> Any:
    """The same without members that are secret or that only a creation makes known."""
    if isinstance(value, Mapping):
        members = cast(Mapping[str, Any], value)
        return {key: _known(each) for key, each in members.items() if not _is_unknown(each)}
    if isinstance(value, list):
        return [_known(each) for each in cast(list[Any], value) if not _is_unknown(each)]
    return value


def _is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, str) and (UNKNOWN_TEXT in value or value == HIDDEN))


def _has_provider(resource: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the state has the provider that reads it."""
    urn, _, resource_id = str(resource.get("provider", "")).rpartition("::")
    return any(each["urn"] == urn and each.get("id") == resource_id for each in resources)


def _ancestors(resource: Mapping[str, Any], creates: Planned, there: set[str]) -> list[dict[str, Any]]:
    """The components above a resource that the state lacks, from the top."""
    missing: list[dict[str, Any]] = []
    parent = str(resource.get("parent") or "")
    while parent and parent not in there and parent in creates:
        missing.insert(0, creates[parent])
        parent = str(creates[parent].get("parent") or "")
    return missing


def _store(environment: OperatedEnvironment) -> Store:
    store = store_for(environment)
    if store is None:
        raise LocalStackError(
            f"The backend of {environment.name} keeps no files that could be mended here.",
            hint="Its own service has the stack's history; `pulumi stack export --version N` brings one back.",
        )
    return store
