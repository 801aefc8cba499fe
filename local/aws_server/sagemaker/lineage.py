"""Lineage: artifacts, contexts and actions, the associations between them, and queries along these.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking.html. SageMaker also makes entities by itself
for what it runs; here are those alone that somebody has made.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.model_package_record import user_context
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now
from local.aws_server.sagemaker.validation import validate

EDGES = "sagemaker:association"
DEEPEST, MOST_VERTICES = 10, 50


@dataclass(frozen=True)
class Kind:
    """One kind of entity: the word in its ARN, in its operations and members."""

    word: str
    noun: str

    @property
    def arn(self) -> str:
        """The member with the ARN."""
        return f"{self.noun}Arn"

    @property
    def name(self) -> str:
        """The member with the name."""
        return f"{self.noun}Name"

    @property
    def type(self) -> str:
        """The member with the type."""
        return f"{self.noun}Type"


KINDS = (Kind("artifact", "Artifact"), Kind("context", "Context"), Kind("action", "Action"))


def _place(arn: str) -> tuple[str, str]:
    """Record kind and key of an entity."""
    parts = arn.split(":", 5)
    word, _, identity = parts[5].partition("/")
    return f"sagemaker:{word}", f"{parts[3]}/{identity}"


def _entity(call: Call, name_or_arn: str, word: str = "") -> dict[str, Any]:
    """An entity by its ARN, or by its name where it has one of its own."""
    arn = name_or_arn if name_or_arn.startswith("arn:") else call.arn(f"{word}/{name_or_arn}")
    document = call.server.records.get(*_place(arn))
    if document is None:
        raise ServiceError("ResourceNotFound", f"{name_or_arn} does not exist.", 404)
    return dict(document)


def _kind_of(arn: str) -> Kind:
    word = arn.split(":")[-1].partition("/")[0]
    return next(kind for kind in KINDS if kind.word == word)


def _create(kind: Kind, call: Call) -> dict[str, Any]:
    """Notes an entity. An artifact is known by its source, the others by their names."""
    validate(call)
    request = dict(call.params)
    wanted = request.pop("Tags", None)
    if kind.word == "artifact":
        source = f"{request['Source']['SourceUri']} {request['ArtifactType']}"
        identity = hashlib.md5(source.encode(), usedforsecurity=False).hexdigest()
    else:
        identity = request[kind.name]
    arn = call.arn(f"{kind.word}/{identity}")
    document = {**request, kind.arn: arn, "CreationTime": now(), "CreatedBy": user_context(call)}
    with call.server.records.lock:
        if call.server.records.get(*_place(arn)) is not None:
            raise ServiceError("ValidationException", f"{kind.noun} already exists: {arn}")
        call.server.records.put(*_place(arn), document)
        tags.set_tags(call.server, arn, wanted)
    return {kind.arn: arn}


def _asked(kind: Kind, call: Call) -> dict[str, Any]:
    """The entity that a request names."""
    given = call.params.get(kind.arn) or call.params.get(kind.name)
    if given is None and kind.word == "artifact" and "Source" in call.params:
        uri = call.params["Source"]["SourceUri"]
        found = [each for each in _all(call, kind) if each["Source"]["SourceUri"] == uri]
        given = found[0][kind.arn] if found else uri
    if given is None:
        raise ServiceError("ValidationException", f"You must specify the {kind.noun}.")
    return _entity(call, given, kind.word)


def _describe(kind: Kind, call: Call) -> dict[str, Any]:
    """An entity."""
    return _asked(kind, call)


def _update(kind: Kind, call: Call) -> dict[str, Any]:
    """Changes an entity's members, and its properties one by one."""
    validate(call)
    with call.server.records.lock:
        document = _asked(kind, call)
        properties = {**(document.get("Properties") or {}), **(call.params.get("Properties") or {})}
        for name in call.params.get("PropertiesToRemove") or ():
            properties.pop(name, None)
        changed = {name: call.params[name] for name in ("ArtifactName", "Description", "Status") if name in call.params}
        document |= {**changed, "Properties": properties, "LastModifiedTime": now()}
        call.server.records.put(*_place(document[kind.arn]), {**document, "LastModifiedBy": user_context(call)})
    return {kind.arn: document[kind.arn]}


def _delete(kind: Kind, call: Call) -> dict[str, Any]:
    """Forgets an entity that nothing is associated with."""
    with call.server.records.lock:
        arn = _asked(kind, call)[kind.arn]
        if any(arn in (edge["SourceArn"], edge["DestinationArn"]) for edge in _edges(call)):
            raise ServiceError("ValidationException", f"{arn} still has associations.")
        call.server.records.delete(*_place(arn))
        tags.forget_tags(call.server, arn)
    return {kind.arn: arn}


def _all(call: Call, kind: Kind) -> list[dict[str, Any]]:
    return [document for _, document in call.server.records.items(f"sagemaker:{kind.word}", f"{call.region}/")]


def _list(kind: Kind, call: Call) -> dict[str, Any]:
    """Entities by source, type and time."""
    validate(call)
    params = call.params
    members = (kind.arn, kind.name, "Source", kind.type, "Status", "CreationTime", "LastModifiedTime")
    kept = [
        {name: each[name] for name in members if name in each}
        for each in _all(call, kind)
        if params.get("SourceUri") in (None, each["Source"]["SourceUri"])
        and params.get(kind.type) in (None, each[kind.type])
    ]
    entries, token = page(kept, _times(params), name=kind.arn)
    return {f"{kind.noun}Summaries": entries, **token}


def _times(params: Mapping[str, Any]) -> dict[str, Any]:
    """The filters by time under the names that `page` knows."""
    renamed = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    known = {renamed.get(name, name): value for name, value in params.items()}
    return {**known, "SortBy": "Name" if params.get("SortBy") == "Name" else "CreationTime"}


for _kind in KINDS:
    for _verb, _function in (
        ("Create", _create),
        ("Describe", _describe),
        ("Update", _update),
        ("Delete", _delete),
    ):
        operation("sagemaker", f"{_verb}{_kind.noun}")(lambda call, do=_function, kind=_kind: do(kind, call))
    operation("sagemaker", f"List{_kind.noun}s")(lambda call, kind=_kind: _list(kind, call))


def _edges(call: Call) -> list[dict[str, Any]]:
    return [edge for _, edge in call.server.records.items(EDGES, f"{call.region}/")]


def _key(call: Call) -> str:
    return f"{call.region}/{call.params['SourceArn']} {call.params['DestinationArn']}"


@operation("sagemaker", "AddAssociation")
def add_association(call: Call) -> dict[str, Any]:
    """Notes that one entity leads to another."""
    validate(call)
    ends = {name: call.params[name] for name in ("SourceArn", "DestinationArn")}
    with call.server.records.lock:
        for arn in ends.values():
            _entity(call, arn)
        kind = {"AssociationType": call.params["AssociationType"]} if "AssociationType" in call.params else {}
        edge = {**ends, **kind, "CreationTime": now(), "CreatedBy": user_context(call)}
        call.server.records.put(EDGES, _key(call), edge)
    return ends


@operation("sagemaker", "DeleteAssociation")
def delete_association(call: Call) -> dict[str, Any]:
    """Forgets an association."""
    with call.server.records.lock:
        if call.server.records.get(EDGES, _key(call)) is None:
            raise ServiceError("ResourceNotFound", "There is no such association.", 404)
        call.server.records.delete(EDGES, _key(call))
    return {name: call.params[name] for name in ("SourceArn", "DestinationArn")}


@operation("sagemaker", "ListAssociations")
def list_associations(call: Call) -> dict[str, Any]:
    """Associations from or to an entity, or by type."""
    validate(call)
    params = call.params
    kept = [
        {**edge, **_end(call, "Source", edge["SourceArn"]), **_end(call, "Destination", edge["DestinationArn"])}
        for edge in _edges(call)
        if all(params.get(name) in (None, edge[name]) for name in ("SourceArn", "DestinationArn"))
        and params.get("AssociationType") in (None, edge.get("AssociationType"))
    ]
    kept = [edge for edge in kept if all(params.get(n) in (None, edge[n]) for n in ("SourceType", "DestinationType"))]
    entries, token = page(kept, _times(params), name="SourceArn")
    return {"AssociationSummaries": entries, **token}


def _end(call: Call, side: str, arn: str) -> dict[str, str]:
    kind, document = _kind_of(arn), call.server.records.get(*_place(arn)) or {}
    named = {f"{side}Name": document[kind.name]} if kind.name in document else {}
    return {f"{side}Type": document.get(kind.type, ""), **named}


@operation("sagemaker", "QueryLineage")
def query_lineage(call: Call) -> dict[str, Any]:
    """What is connected with some entities, before them, after them or both, and the associations on the way."""
    validate(call)
    params = call.params
    starts = list(params.get("StartArns") or ())
    for arn in starts:
        _entity(call, arn)
    direction, edges = params.get("Direction", "Both"), _edges(call)
    reached: dict[str, None] = {}
    passed: list[dict[str, Any]] = []
    # Ascendants and descendants each go one way: what else a common ascendant led to is no relative.
    for forwards, name in ((False, "Ascendants"), (True, "Descendants")):
        if direction not in (name, "Both"):
            continue
        near, far = ("SourceArn", "DestinationArn") if forwards else ("DestinationArn", "SourceArn")
        seen, frontier = set(starts), set(starts)
        for _ in range(min(params.get("MaxDepth", DEEPEST), DEEPEST)):
            steps = [edge for edge in edges if edge[near] in frontier]
            passed += [edge for edge in steps if edge not in passed]
            frontier = {edge[far] for edge in steps} - seen
            seen |= frontier
            reached |= dict.fromkeys(sorted(frontier))
    wanted = params.get("Filters") or {}
    vertices = [vertex for vertex in (_vertex(call, arn) for arn in reached) if _fits(vertex, wanted)]
    shown = [
        {name: edge[name] for name in ("SourceArn", "DestinationArn", "AssociationType") if name in edge}
        for edge in passed
    ]
    most = params.get("MaxResults", MOST_VERTICES)
    return {"Vertices": vertices[:most], **({"Edges": shown} if params.get("IncludeEdges", True) else {})}


def _vertex(call: Call, arn: str) -> dict[str, str]:
    kind, document = _kind_of(arn), call.server.records.get(*_place(arn)) or {}
    return {"Arn": arn, "Type": document.get(kind.type, ""), "LineageType": kind.noun}


def _fits(vertex: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    types, kinds = wanted.get("Types"), wanted.get("LineageTypes")
    return (not types or vertex["Type"] in types) and (not kinds or vertex["LineageType"] in kinds)
