"""Holds the rules against resources."""

from collections.abc import Iterator, Sequence

from policies.model import Resource, Rule, Violation
from policies.parameters import Parameters


def judge(rules: Sequence[Rule], resource: Resource, parameters: Parameters) -> Iterator[tuple[Rule, str]]:
    """What the rules about single resources have to say about one."""
    for rule in rules:
        if rule.check is not None and (not rule.types or resource.type in rule.types):
            for message in rule.check(resource, parameters):
                yield rule, message


def judge_stack(
    rules: Sequence[Rule], resources: Sequence[Resource], parameters: Parameters
) -> Iterator[tuple[Rule, Violation]]:
    """What the rules about the whole stack have to say."""
    for rule in rules:
        if rule.check_stack is not None:
            for violation in rule.check_stack(resources, parameters):
                yield rule, violation
