"""What a rule is: a name, a sentence, and a function that says what is wrong and how to mend it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from policies.parameters import Parameters
from policies.values import revealed

NO_MAPPING: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as the engine registered it.

    raw: its inputs (its outputs, where a rule of the whole stack looks), with secrets in their wrappers.
    provider: inputs of its explicit provider.
    refers_to: property to the URNs of the resources that the property's value comes from.
    """

    type: str
    name: str
    urn: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any])
    protect: bool = False
    provider: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refers_to: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @cached_property
    def props(self) -> Mapping[str, Any]:
        """The values without the wrappers of secrets."""
        return revealed(self.raw)


@dataclass(frozen=True)
class Violation:
    """What is wrong with a resource of the stack, or with the stack (no URN), and how to mend it."""

    message: str
    urn: str = ""


ResourceCheck = Callable[[Resource, Parameters], Iterator[str]]
StackCheck = Callable[[Sequence[Resource], Parameters], Iterator[Violation]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the pack. Exactly one of the two checks is set.

    description: what holds, as a sentence.
    types: the resource types that the check is asked about; none asks about each.
    """

    name: str
    description: str
    types: frozenset[str] = frozenset()
    check: ResourceCheck | None = None
    check_stack: StackCheck | None = None


def resource_rule(name: str, description: str, *types: str) -> Callable[[ResourceCheck], Rule]:
    """Makes a rule of a function that judges one resource, before the engine does anything with it."""

    def make(function: ResourceCheck) -> Rule:
        return Rule(name=name, description=description, types=frozenset(types), check=function)

    return make


def stack_rule(name: str, description: str) -> Callable[[StackCheck], Rule]:
    """Makes a rule of a function that judges the resources together, once all of them are registered."""

    def make(function: StackCheck) -> Rule:
        return Rule(name=name, description=description, check_stack=function)

    return make
