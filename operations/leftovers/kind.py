"""The shape of the tables: how one kind of resource is listed, recognized, priced and removed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath

Item = Mapping[str, Any]
Clients = Callable[[str], Any]
"""A client of a service, by the service's name in boto3."""
Charges = Callable[[Item, Clients], Iterator[tuple[str, float]]]
"""Items of the price list (prices/) and how much of each a month."""


@dataclass(frozen=True)
class Call:
    """One operation of a service.

    arguments: parameter to a JMESPath expression over the resource as listed; literals are written 'text' and `true`.
    answer: JMESPath over what comes back.
    """

    operation: str
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    answer: str = "@"

    def __call__(self, client: Any, item: Item) -> Any:
        """Make the call about one resource."""
        given = {name: search(expression, item) for name, expression in self.arguments.items()}
        return search(self.answer, getattr(client, self.operation)(**given))


Remover = Callable[[Clients, Item], None]
"""Removes what one call cannot. Raises botocore's ClientError where AWS refuses, which may be for now alone."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of resource.

    word: in the singular. service, lists, arguments: the call that lists them, page by page where boto3 has pages.
    items: JMESPath to the resources in a page. A resource that is a plain string becomes {"id": …}.
    details: a call for each resource whose answer is laid over it.
    id, name: JMESPath to what AWS deletes it by, and to what people and patterns know it by. vpc: to its VPC, or to
    one of its subnets.
    tags: JMESPath to its tags, or a call that asks for them. named: only what may be the environment's by its name is
    asked for its tags, because an account has many others.
    absent: code of the error with which AWS says that there are no tags.
    charges: what it costs; None where its price is not known, `free` where it costs nothing.
    remove: calls, one after another, or a function.
    stateful: held by `protection.protect`. contents: a call that answers with something where it is not empty, which
    `protection.deleteContents` then protects.
    scheduled: JMESPath to the day on which AWS deletes it. going: JMESPath that is true of what is being deleted.
    """

    word: str
    service: str
    lists: str
    items: str
    id: str
    remove: tuple[Call, ...] | Remover
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    details: Call | None = None
    tags: str | Call = ""
    named: bool = False
    absent: str = ""
    vpc: str = ""
    charges: Charges | None = None
    stateful: bool = False
    contents: Call | None = None
    scheduled: str = ""
    going: str = ""


def search(expression: str, document: Any) -> Any:
    """A JMESPath expression over a document; None where there is nothing."""
    return jmespath.search(expression, document)


def free(item: Item, clients: Clients) -> Iterator[tuple[str, float]]:
    """It costs nothing by being there."""
    yield from ()
