"""Create, read, update and delete, as the table's entry for the type says."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.aws import tags
from local.providers.aws.clients import Aws, AwsError
from local.providers.aws.compare import as_inputs, reconciled, same
from local.providers.aws.context import Context
from local.providers.aws.fitting import found, plain, told
from local.providers.aws.table import Call, Resource, Wait

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 2.0
_REFERENCE = r"\{([\w.|]+)\}"


class IncompleteError(Exception):
    """The resource exists now, but something after its creation (or in its update) failed."""

    def __init__(self, reason: str, resource_id: str, state: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.state = state


@dataclass(frozen=True)
class Found:
    """What a read found: the id, the state and the inputs that would bring it about."""

    id: str
    state: dict[str, Any]
    inputs: dict[str, Any]


def create(
    aws: Aws,
    resource: Resource,
    name: str,
    inputs: Mapping[str, Any],
    timeout_s: float,
    made: Callable[[str], None] = lambda _: None,
) -> Found:
    """Create the resource and wait until it is usable. `made` hears its id as soon as there is one.

    Raises AwsError where nothing was created, IncompleteError where something exists that is not as it should be.
    """
    context = _context(aws, resource, name, inputs, timeout_s)
    answer = context.create(resource.create) if isinstance(resource.create, Call) else context.take(resource.create)
    context.answer = answer or {}
    context.id = new_id(context)
    made(context.id)
    try:
        for step in resource.after_create:
            context.take(step)
        for step in resource.updates:
            if step.at_create and any(_set_beyond_default(resource, inputs, each) for each in step.on):
                context.take(step)
        if resource.tagging and not resource.tagging.member:
            context.set_tags({}, context.new_tags())
        document = settled(context, resource.created)
    except AwsError as error:
        raise IncompleteError(str(error), context.id, {**inputs, **context.state}) from error
    return _found(context, document, inputs)


def read(
    aws: Aws, resource: Resource, name: str, resource_id: str, inputs: Mapping[str, Any], state: Mapping[str, Any]
) -> Found | None:
    """What the resource is now; None when it is gone.

    Without a state the id has the form that imports use, as the genuine provider takes it; without inputs too, it is an
    import.
    """
    first = not inputs and not state
    context = _context(aws, resource, name, inputs, 60)
    context.id, context.state = resource_id, state
    if not state:
        try:
            identity = resource.import_id(context) if resource.import_id else parsed_id(resource, resource_id)
        except AwsError as error:
            if error.code in {code for each in resource.reads for code in each.gone}:
                return None
            raise
        context.id = identity.get("id", resource_id)
        context.state = {key: value for key, value in identity.items() if key != "id"}
        context.new = {**inputs, **context.state}
    document = context.read()
    if document is None:
        return None
    return _found(context, document, inputs, first=first)


def update(
    aws: Aws,
    resource: Resource,
    name: str,
    resource_id: str,
    olds: Mapping[str, Any],
    news: Mapping[str, Any],
    state: Mapping[str, Any],
    timeout_s: float,
) -> Found:
    """Turn the resource from what `olds` (inputs) describe into `news`. Raises IncompleteError."""
    context = _context(aws, resource, name, news, timeout_s)
    context.id, context.old, context.state = resource_id, olds, state
    context.changed = changed_properties(aws, resource, olds, news, state)
    try:
        for step in resource.updates:
            if not step.on or context.changed.intersection(step.on):
                context.take(step)
        if "tagsAll" in context.changed:
            context.set_tags(state.get("tagsAll") or {}, context.new_tags())
        document = settled(context, resource.updated)
    except AwsError as error:
        raise IncompleteError(str(error), resource_id, state) from error
    return _found(context, document, news)


def delete(
    aws: Aws, resource: Resource, name: str, resource_id: str, state: Mapping[str, Any], timeout_s: float
) -> None:
    """Delete the resource; one that is gone already is no error. Raises AwsError."""
    context = _context(aws, resource, name, {}, timeout_s)
    context.id, context.state = resource_id, state
    context.new = {prop.name: state[prop.name] for prop in resource.properties if state.get(prop.name) is not None}
    gone = resource.reads[0].gone if resource.reads else ()
    for step in resource.delete:
        try:
            context.take(step)
        except AwsError as error:
            if error.code not in gone:
                raise
    if not resource.deleted_timeout_s:
        return
    pause, deadline = _FIRST_PAUSE_S, min(context.deadline, time.monotonic() + resource.deleted_timeout_s)
    while context.read() is not None:
        if time.monotonic() > deadline:
            raise AwsError(f"{context.subject} still exists {resource.deleted_timeout_s:.0f} s after its deletion.")
        time.sleep(pause)
        pause = min(pause * 1.6, _LONGEST_PAUSE_S)


def changed_properties(
    aws: Aws, resource: Resource, olds: Mapping[str, Any], news: Mapping[str, Any], state: Mapping[str, Any]
) -> frozenset[str]:
    """Names of the properties that differ; `tagsAll` where tags differ, whether by the resource or the defaults."""
    changed = {
        prop.name
        for prop in resource.properties
        if prop.name != "tags" and not same(prop, olds.get(prop.name), news.get(prop.name))
    }
    if resource.tagging:
        wanted = tags.all_tags(aws.settings.default_tags, news.get("tags"))
        if wanted != (state.get("tagsAll") or {}):
            changed.add("tagsAll")
        if (olds.get("tags") or {}) != (news.get("tags") or {}):
            changed.add("tags")
    return frozenset(changed)


def new_id(context: Context) -> str:
    """The id of what was just created."""
    template = context.resource.id
    if template.startswith("answer:"):
        value = found(template.removeprefix("answer:"), context.answer)
        if not value:
            raise AwsError(f"{context.subject}: the answer to its creation holds no id.")
        return str(value)
    return _from_template(template, context)


def parsed_id(resource: Resource, resource_id: str) -> dict[str, str]:
    """The properties that an id of the documented form holds.

    Raises AwsError for an id of another form.
    """
    if resource.id.startswith("answer:"):
        return {}
    names = re.findall(_REFERENCE, resource.id)
    pattern = re.escape(resource.id)
    for index, name in enumerate(names):
        pattern = pattern.replace(re.escape("{" + name + "}"), "(.+)" if index == len(names) - 1 else "(.+?)")
    match = re.fullmatch(pattern, resource_id)
    if match is None:
        raise AwsError(f"{resource.type}: the id {resource_id!r} does not have the form {resource.id!r}.")
    return dict(zip(names, match.groups(), strict=True))


def _from_template(template: str, context: Context) -> str:
    def value(match: re.Match[str]) -> str:
        values = (context.value(name) for name in match[1].split("|"))
        return str(next((each for each in values if each is not None), ""))

    return re.sub(_REFERENCE, value, template)


def _context(aws: Aws, resource: Resource, name: str, inputs: Mapping[str, Any], timeout_s: float) -> Context:
    context = Context(aws, resource, name)
    context.new = inputs
    if timeout_s:
        context.deadline = time.monotonic() + timeout_s
    return context


def _set_beyond_default(resource: Resource, inputs: Mapping[str, Any], name: str) -> bool:
    prop = resource.property(name)
    return prop is not None and inputs.get(name) is not None and not same(prop, prop.default, inputs[name])


def settled(context: Context, wait: Wait | None) -> dict[str, Any]:
    """What the reads bring once the wait is over. Raises AwsError where it fails or takes too long."""
    pause = _FIRST_PAUSE_S
    deadline = min(context.deadline, time.monotonic() + wait.timeout_s) if wait else 0
    while True:
        document = context.read()
        if document is None:
            raise AwsError(f"{context.subject} does not exist right after it was written.")
        if wait is None:
            return document
        status = found(wait.path, document)
        if status in wait.until:
            return document
        if status in wait.failed:
            reason = found(wait.reason, document) if wait.reason else None
            raise AwsError(f"{context.subject} became {status}" + (f": {reason}" if reason else "."))
        if time.monotonic() > deadline:
            raise AwsError(f"{context.subject} is still {status} and not {' or '.join(wait.until)}.")
        time.sleep(pause)
        pause = min(pause * 1.6, _LONGEST_PAUSE_S)


def _found(context: Context, document: Mapping[str, Any], wanted: Mapping[str, Any], *, first: bool = False) -> Found:
    resource, defaults = context.resource, context.aws.settings.default_tags
    actual: dict[str, Any] = {prop.name: told(prop, document) for prop in resource.properties if prop.name != "tags"}
    if resource.regional:
        actual["region"] = context.region
    held = re.findall(_REFERENCE, resource.id)
    for name in held:
        if name in actual and actual[name] is None:
            actual[name] = context.value(name)
    if resource.shape:
        resource.shape(context, document, actual)
    state: dict[str, Any] = {name: plain(found(path, document)) for name, path in resource.outputs.items()}
    state |= {name: value for name, value in actual.items() if resource.property(name) is None}
    inputs: dict[str, Any] = {}
    for prop in resource.properties:
        if prop.name == "tags":
            continue
        value, before = actual.get(prop.name), wanted.get(prop.name)
        state[prop.name] = reconciled(prop, value, before)
        if first and prop.name == "region":
            continue
        inputs[prop.name] = as_inputs(prop, value, before, first=first)
        if first and prop.path == "" and prop.name in held:
            # An import has only its id to tell what AWS does not: that is asked for, too.
            inputs[prop.name] = value
    if resource.tagging:
        every = tags.parsed(found(resource.tagging.path, document))
        own = tags.own_tags(every, defaults, wanted.get("tags") or {})
        state["tagsAll"], state["tags"] = every, own or None
        inputs["tags"] = own if own or wanted.get("tags") is not None else None
        inputs["tagsAll"] = every if "tagsAll" in wanted else None
    inputs["__defaults"] = wanted.get("__defaults")
    context.state = {name: value for name, value in state.items() if value is not None}
    for name, template in resource.derived.items():
        state[name] = _from_template(template, context)
    return Found(context.id, _present({**state, "id": context.id}), _present(inputs))


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
