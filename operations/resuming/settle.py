"""Settles operations that were cut off: what a creation had made comes into the state, and the rest is read anew.

The engine's own flag for it, `pulumi refresh --import-pending-creates`, marks an operation as `importing`
(cmd/pulumi/operations/refresh.go), and nothing in 3.259.0 reads that mark again: the resource is lost. So the state is
edited as `pulumi stack export` and `import` allow: the resource goes in with its id and without outputs, and a refresh
reads it as an import would, or takes it out where there is none. Until that has ended the operation stays in the list:
killed at any point, the whole is done again.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.tagging import ENVIRONMENT_TAG
from local.errors import LocalStackError
from operations.engine_run import StackEngine, step_of
from operations.engine_steps import name_of, targets, type_of
from operations.resuming.finder import Clients, Place, Wanted
from operations.resuming.finding import Found, Search, ids_by_type

Tell = Callable[[str], None]
CREATING = "creating"
State = dict[str, Any]


@dataclass(frozen=True)
class Settlement:
    """What came of it. operations: how many had been cut off. adopted: URNs of what they had made."""

    operations: int
    adopted: Sequence[str] = ()

    def __str__(self) -> str:
        made = {0: "none had made anything", 1: "1 had made something, which is adopted"}.get(
            len(self.adopted), f"{len(self.adopted)} had made something, which is adopted"
        )
        many = "1 operation was" if self.operations == 1 else f"{self.operations} operations were"
        return f"{many} cut off; {made}"


def settle(
    engine: StackEngine,
    place: Place,
    clients: Clients,
    tell: Tell,
    *,
    visible_s: float,
    poll_s: float = 5.0,
    strict: bool = True,
    extend: Callable[[State], None] = lambda state: None,
) -> Settlement:
    """Ends what was cut off. Raises LocalStackError; run again, it goes on from there.

    visible_s: how long AWS may take to list what it has made. strict: what cannot be looked for is an error, and not
    left for later. extend: changes the state before anything else, in memory.
    """
    document = engine.document()
    seen = json.dumps(document)
    state: State = document["deployment"]
    extend(state)
    pending: list[dict[str, Any]] = state.get("pending_operations") or []
    if not pending:
        return Settlement(0)
    resources: list[State] = state.setdefault("resources", [])
    search = Search(
        clients=clients, known=ids_by_type(resources), tell=tell, visible_s=visible_s, poll_s=poll_s, strict=strict
    )
    found = search.find([wanted for wanted in creations(pending, place) if not made_since(resources, wanted)])
    adopted = adopt(resources, pending, found)
    read = [*adopted, *unread(resources, pending)]
    read += [urn for urn in changed(resources, pending) if urn not in read]
    # What nothing is known of is struck off here and made again by `up`; what was found stays until it has been read.
    state["pending_operations"] = [each for each in pending if each["resource"]["urn"] in read]
    tell("writing what was found into the state")
    if json.dumps(engine.document()) != seen:
        # Looking may have taken long, and nothing held the stack meanwhile.
        raise LocalStackError(
            f"Somebody else has changed the state of {engine.stack} while this command looked for what was made.",
            hint="Nothing was changed here. Run the same command again.",
        )
    engine.put(document)
    if read:
        refresh(engine, read, tell)
    document = engine.document()
    after: State = document["deployment"]
    left: list[State] = after.get("resources") or []
    strangers = foreign(left, adopted, place)
    after["resources"] = [each for each in left if each["urn"] not in strangers]
    after.pop("pending_operations", None)
    engine.put(document)
    if strangers:
        raise LocalStackError(
            "There is something of the same name that is not this environment's: "
            + "; ".join(f"{_short(urn)} is {what}" for urn, what in strangers.items())
            + ".",
            hint="It was left as it is. Delete it, or import it by hand: `pulumi import`. Then run the same again.",
        )
    kept = {str(each["urn"]) for each in left}
    return Settlement(len(pending), [urn for urn in adopted if urn in kept])


def creations(pending: Sequence[Mapping[str, Any]], place: Place) -> list[Wanted]:
    """The creations among the operations; what AWS has no part in (providers, components) is left out."""
    found: list[Wanted] = []
    for operation in pending:
        resource = operation["resource"]
        kind = str(resource["type"])
        if operation["type"] == CREATING and resource.get("custom") and not kind.startswith("pulumi:"):
            found.append(Wanted(str(resource["urn"]), kind, resource.get("inputs") or {}, place))
    return found


def made_since(resources: Sequence[State], wanted: Wanted) -> bool:
    """Whether the state has it by now, and the operation is only remembered: the engine never forgets a creation."""
    return any(each["urn"] == wanted.urn and (each.get("inputs") or {}) == wanted.inputs for each in resources)


def adopt(resources: list[State], pending: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> list[str]:
    """Puts what was found into the state; gives its URNs."""
    by_urn = {each["resource"]["urn"]: each["resource"] for each in pending if each["type"] == CREATING}
    adopted: list[str] = []
    for one in found:
        urn = one.wanted.urn
        same = [each for each in resources if each["urn"] == urn]
        if not one.id or any(each.get("id") == one.id for each in same):
            continue
        for each in same:
            # It was being replaced: the new one is there, so the old one is to be deleted, as the engine would have it.
            each["delete"] = True
        made = {key: value for key, value in by_urn[urn].items() if key != "outputs"}
        resources.append({**made, "id": one.id, **({"taint": True} if one.broken else {})})
        adopted.append(urn)
    return adopted


def unread(resources: Sequence[State], pending: Sequence[Mapping[str, Any]]) -> list[str]:
    """What an earlier settlement had adopted and was killed before it was read."""
    urns = {each["resource"]["urn"] for each in pending if each["type"] == CREATING}
    return [str(each["urn"]) for each in resources if each["urn"] in urns and "outputs" not in each and each.get("id")]


def changed(resources: Sequence[State], pending: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was being updated, deleted or read: how far it came, a refresh tells."""
    there = {str(each["urn"]) for each in resources}
    return [
        str(each["resource"]["urn"])
        for each in pending
        if each["type"] != CREATING and each["resource"].get("custom") and each["resource"]["urn"] in there
    ]


def foreign(resources: Sequence[State], adopted: Sequence[str], place: Place) -> dict[str, str]:
    """What bears the name and is somebody else's, by its tags: URN to what it is."""
    found: dict[str, str] = {}
    for each in resources:
        if each["urn"] not in adopted or not place.environment or "tagsAll" not in (each.get("outputs") or {}):
            continue
        tags: dict[str, str] = each["outputs"]["tagsAll"] or {}
        if tags and tags.get(ENVIRONMENT_TAG) != place.environment:
            found[str(each["urn"])] = f"{each['id']} with {ENVIRONMENT_TAG}={tags.get(ENVIRONMENT_TAG, '(none)')}"
    return found


def refresh(engine: StackEngine, urns: Sequence[str], tell: Tell) -> None:
    """Reads these resources as they are. Raises LocalStackError."""
    for event in engine.events("refresh", "--yes", "--skip-preview", *targets(urns)):
        if metadata := step_of(event):
            tell(f"reading {_short(str(metadata.get('urn')))}")


def _short(urn: str) -> str:
    return f"{type_of(urn)} {name_of(urn)}"
