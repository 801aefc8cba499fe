"""The shape of the tables: how the id of a resource is told from the inputs with which its creation began."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jmespath
from botocore.exceptions import ClientError

from components.tagging import ENVIRONMENT_TAG
from operations.calls import is_denied
from operations.engine_steps import name_of
from policies.values import UNKNOWN_TEXT

Clients = Callable[[str, str], Any]
"""A boto3 client by its service's name and region."""
REFERENCE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Place:
    """Where a stack is.

    environment: whose tag its resources have; empty for an account's own stack. partition: of AWS: aws, aws-cn, …
    """

    environment: str
    account: str
    region: str
    partition: str = "aws"


@dataclass(frozen=True)
class Wanted:
    """A resource whose creation began and whose end nobody saw. inputs: as the engine noted them."""

    urn: str
    type: str
    inputs: Mapping[str, Any]
    place: Place

    @property
    def name(self) -> str:
        """Its name in the program."""
        return name_of(self.urn)

    @property
    def region(self) -> str:
        """Its own region, or the environment's."""
        return str(self.inputs.get("region") or self.place.region)

    @property
    def tags(self) -> dict[str, str]:
        """The tags that it was to have, those of the provider included."""
        own: Mapping[str, Any] = self.inputs.get("tags") or {}
        every: Mapping[str, Any] = self.inputs.get("tagsAll") or {}
        known = {key: value for key, value in {**every, **own}.items() if isinstance(value, str)}
        return {**({ENVIRONMENT_TAG: self.place.environment} if self.place.environment else {}), **known}

    def fill(self, template: str) -> str:
        """A template with references to its inputs, `{account}`, `{region}` and `{partition}` filled in.

        `{a|b}` is the first that is set, `{a?x}` is `x` where `a` is not set. Raises LookupError for a value that the
        engine does not know or keeps secret.
        """
        return REFERENCE.sub(lambda match: self._value(match[1]), template)

    def _value(self, reference: str) -> str:
        names, _, default = reference.partition("?")
        places = {"account": self.place.account, "region": self.region, "partition": self.place.partition}
        places["tags.Name"] = self.tags.get("Name") or ""
        for name in names.split("|"):
            value: Any = places.get(name)
            if not value:
                value = jmespath.search(".".join(f'"{part}"' for part in name.split(".")), self.inputs)
            if isinstance(value, Mapping | list) or value == UNKNOWN_TEXT:
                raise LookupError(f"its {name} is not known to the engine")
            if value is not None:
                return str(value)
        if "?" not in reference:
            raise LookupError(f"it has no {names}")
        return default


@dataclass(frozen=True, kw_only=True)
class Look:
    """A call that lists resources, and which of them it is.

    arguments: of the call; strings are templates. items: JMESPath to the resources in a page. id: JMESPath in one of
    them. match: JMESPath in one of them to the template of what stands there. details: a call for each resource, with
    `{id}`, whose answer's part at `at` is laid over it. tags: JMESPath to its tags; where it is given, the name and the
    environment must be those of the inputs.
    """

    service: str
    lists: str
    items: str
    id: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    match: Mapping[str, str] = field(default_factory=dict[str, str])
    details: "tuple[Details, ...]" = ()
    tags: str = ""

    def found(self, wanted: Wanted, clients: Clients) -> list[str]:
        """The ids of all that fit. Raises LookupError, and what botocore raises."""
        client = clients(self.service, wanted.region)
        fitting = {path: wanted.fill(template) for path, template in self.match.items()}
        return [
            str(search(self.id, item))
            for item in self._items(client, _filled(self.arguments, wanted))
            if self._fits(client, item, fitting, wanted)
        ]

    def _items(self, client: Any, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        pages: Any
        if client.can_paginate(self.lists):
            pages = client.get_paginator(self.lists).paginate(**arguments)
        else:
            pages = [getattr(client, self.lists)(**arguments)]
        for page in pages:
            for item in search(self.items, page) or ():
                yield item if isinstance(item, dict) else {"id": item}

    def _fits(self, client: Any, item: dict[str, Any], fitting: Mapping[str, str], wanted: Wanted) -> bool:
        def differs() -> bool:
            told = {path: search(path, item) for path in fitting}
            return any(value is not None and str(value) != fitting[path] for path, value in told.items())

        for more in self.details:
            if differs():  # others' resources are not asked about any further
                return False
            try:
                item = {**item, **more.of(client, str(search(self.id, item)))}
            except ClientError as error:
                if not is_denied(error):
                    raise
                return False  # who may not even ask about it has not made it
        if any(str(search(path, item)) != value for path, value in fitting.items()):
            return False
        return not self.tags or is_tagged(parsed_tags(search(self.tags, item)), wanted)


@dataclass(frozen=True)
class Details:
    """A further call about one resource: parameter to template with `{id}`, and JMESPath into the answer."""

    operation: str
    arguments: Mapping[str, str]
    at: str

    def of(self, client: Any, resource_id: str) -> dict[str, Any]:
        """What it tells; `{"found": …}` where that is no object."""
        given = {name: template.replace("{id}", resource_id) for name, template in self.arguments.items()}
        told = search(self.at, getattr(client, self.operation)(**given))
        return cast(dict[str, Any], told) if isinstance(told, dict) else {"found": told}


@dataclass(frozen=True, kw_only=True)
class Settles:
    """How long AWS works on a resource after it has answered: the status at `status` is one of `busy`.

    failed: statuses of one that will never be usable; the engine then replaces it. gone: codes of errors that say that
    there is none.
    """

    service: str
    operation: str
    arguments: Mapping[str, str | Sequence[str]]
    status: str
    busy: tuple[str, ...]
    failed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finder:
    """How one type is found.

    id: template of the id in the form that the type's registry page gives for imports; `{found}` is what `look` finds.
    again: why no finding is needed: to create it once more does no harm.
    """

    id: str = ""
    look: Look | None = None
    settles: Settles | None = None
    again: str = ""


def tagged(
    lists: str, items: str, resource_id: str, *, filters: str = "Filters", settles: Settles | None = None
) -> Finder:
    """A type of EC2 whose id AWS chose: found by the tags that its creation set.

    filters: the parameter of the call that takes them, with a filter `tag:<key>`
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html).
    """
    look = Look(
        service="ec2",
        lists=lists,
        items=items,
        id=resource_id,
        arguments={filters: [{"Name": "tag:Name", "Values": ["{tags.Name}"]}]},
        tags="Tags",
    )
    return Finder(id="{found}", look=look, settles=settles)


def is_tagged(tags: Mapping[str, str], wanted: Wanted) -> bool:
    """Whether a resource's tags are those of the resource that was being made."""
    own = wanted.tags
    keys = [key for key in ("Name", ENVIRONMENT_TAG) if key in own]
    return "Name" in own and all(tags.get(key) == own[key] for key in keys)


def parsed_tags(raw: Any) -> dict[str, str]:
    """Tags as services write them: a map, or pairs of key and value."""
    if isinstance(raw, Mapping):
        return {str(key): str(value) for key, value in cast(Mapping[Any, Any], raw).items()}
    pairs = [{str(key).lower(): value for key, value in each.items()} for each in cast(list[Any], raw or [])]
    return {str(each.get("key", each.get("tagkey"))): str(each.get("value", each.get("tagvalue"))) for each in pairs}


def search(expression: str, document: Any) -> Any:
    """A JMESPath expression over a document; None where there is nothing."""
    return jmespath.search(expression, document)


def _filled(template: Any, wanted: Wanted) -> Any:
    """Arguments with their references filled in."""
    if isinstance(template, str):
        return wanted.fill(template)
    if isinstance(template, Mapping):
        return {key: _filled(value, wanted) for key, value in cast(Mapping[str, Any], template).items()}
    if isinstance(template, list | tuple):
        return [_filled(each, wanted) for each in cast(Sequence[Any], template)]
    return template
