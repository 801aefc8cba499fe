"""Evaluating IAM policy documents for one action on one resource.

The logic is the one of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html for one
account: an explicit Deny wins, then an Allow of an identity or resource policy, and a permissions boundary must allow
too. Condition operators, wildcards and policy variables follow the reference of the JSON policy elements.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

Context = Mapping[str, Sequence[str]]
"""Condition keys in lower case, with their values."""


@dataclass(frozen=True)
class Policy:
    """A document, and what it is called where a decision names it.

    kind: `role`, `user`, `group`, `aws-managed`, `user-managed`, `resource` or `none`, as IAM's PolicySourceType.
    """

    name: str
    kind: str
    document: Mapping[str, Any]


@dataclass
class Decision:
    """What a request gets. `decision` is allowed, explicitDeny or implicitDeny, as IAM's simulator says it."""

    decision: str
    matched: list[Policy] = field(default_factory=list[Policy])
    missing_context: set[str] = field(default_factory=set[str])


def parse(text: str) -> Mapping[str, Any]:
    """A policy document from its JSON text, which IAM may have URL-encoded."""
    return json.loads(text if text.lstrip().startswith("{") else unquote(text))


def evaluate(
    action: str,
    resource: str,
    context: Context,
    identity_policies: Sequence[Policy],
    boundary: Sequence[Policy] | None = None,
    resource_policies: Sequence[Policy] = (),
) -> Decision:
    """The decision for an action on a resource.

    boundary: the permissions boundary's policies, None where there is none.
    """
    found = _match(action, resource, context, [*identity_policies, *resource_policies])
    if boundary is None or found.decision != "allowed":
        return found
    limit = _match(action, resource, context, boundary)
    return found if limit.decision == "allowed" else Decision(limit.decision, limit.matched, limit.missing_context)


def _match(action: str, resource: str, context: Context, policies: Sequence[Policy]) -> Decision:
    allowing: list[Policy] = []
    denying: list[Policy] = []
    missing: set[str] = set()
    for policy in policies:
        for statement in _list(policy.document.get("Statement", [])):
            if not _covers(statement, "Action", action.lower(), context, missing, lower=True):
                continue
            if not _covers(statement, "Resource", resource, context, missing, lower=False):
                continue
            if _conditions_hold(statement.get("Condition", {}), context, missing):
                (denying if statement.get("Effect") == "Deny" else allowing).append(policy)
    if denying:
        return Decision("explicitDeny", denying, missing)
    return Decision("allowed", allowing, missing) if allowing else Decision("implicitDeny", [], missing)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _covers(
    statement: Mapping[str, Any], element: str, value: str, context: Context, missing: set[str], *, lower: bool
) -> bool:
    def matches(patterns: Any) -> bool:
        for pattern in _list(patterns):
            filled = _fill(str(pattern), context, missing)
            if filled is not None and wildcard(filled.lower() if lower else filled, value):
                return True
        return False

    if element in statement:
        return matches(statement[element])
    if f"Not{element}" in statement:
        return not matches(statement[f"Not{element}"])
    return element == "Resource"  # a resource policy's statement may leave it out


def wildcard(pattern: str, value: str) -> bool:
    """Whether a value matches a pattern with `*` and `?`. No other character is special."""
    return re.fullmatch(_wildcard_expression(pattern), value, re.DOTALL) is not None


def _wildcard_expression(pattern: str) -> str:
    return "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)


def _fill(pattern: str, context: Context, missing: set[str]) -> str | None:
    """The pattern with its policy variables replaced, None where one has no value."""
    for variable in re.findall(r"\$\{([^}]*)\}", pattern):
        name, _, default = variable.partition(",")
        name = name.strip()
        if name in ("*", "?", "$"):
            pattern = pattern.replace(f"${{{variable}}}", name)
            continue
        values = context.get(name.lower())
        if not values:
            if not default:
                missing.add(name)
                return None
            values = [default.strip().strip("'")]
        pattern = pattern.replace(f"${{{variable}}}", values[0])
    return pattern


def _conditions_hold(conditions: Mapping[str, Any], context: Context, missing: set[str]) -> bool:
    return all(
        _condition_holds(
            operator,
            key,
            [str(value) if not isinstance(value, bool) else str(value).lower() for value in _list(wanted)],
            context,
            missing,
        )
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition_holds(operator: str, key: str, wanted: list[str], context: Context, missing: set[str]) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    present = context.get(key.lower())
    if name == "Null":
        return all((present is None) == (value == "true") for value in wanted)
    if present is None:
        missing.add(key)
        return if_exists or quantifier == "ForAllValues" or _negated(name)
    filled = [value for value in (_fill(value, context, missing) for value in wanted) if value is not None]
    compare = _OPERATORS.get(name.removeprefix("Not") if name == "NotIpAddress" else name.replace("Not", "", 1))
    if compare is None:
        return False
    negated = _negated(name)

    def one(value: str) -> bool:
        hit = any(_safely(compare, value, expected) for expected in filled)
        return not hit if negated else hit

    return all(map(one, present)) if quantifier == "ForAllValues" else any(map(one, present))


def _negated(operator: str) -> bool:
    return "Not" in operator


def _safely(compare: Callable[[str, str], bool], value: str, expected: str) -> bool:
    try:
        return compare(value, expected)
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    if re.fullmatch(r"\d+", text):
        return datetime.fromtimestamp(int(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _arn_like(value: str, expected: str) -> bool:
    ours, theirs = value.split(":", 5), expected.split(":", 5)
    return len(ours) == len(theirs) and all(wildcard(pattern, part) for part, pattern in zip(ours, theirs, strict=True))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, expected: value == expected,
    "StringEqualsIgnoreCase": lambda value, expected: value.lower() == expected.lower(),
    "StringLike": lambda value, expected: wildcard(expected, value),
    "NumericEquals": lambda value, expected: float(value) == float(expected),
    "NumericLessThan": lambda value, expected: float(value) < float(expected),
    "NumericLessThanEquals": lambda value, expected: float(value) <= float(expected),
    "NumericGreaterThan": lambda value, expected: float(value) > float(expected),
    "NumericGreaterThanEquals": lambda value, expected: float(value) >= float(expected),
    "DateEquals": lambda value, expected: _moment(value) == _moment(expected),
    "DateLessThan": lambda value, expected: _moment(value) < _moment(expected),
    "DateLessThanEquals": lambda value, expected: _moment(value) <= _moment(expected),
    "DateGreaterThan": lambda value, expected: _moment(value) > _moment(expected),
    "DateGreaterThanEquals": lambda value, expected: _moment(value) >= _moment(expected),
    "Bool": lambda value, expected: value.lower() == expected.lower(),
    "BinaryEquals": lambda value, expected: value == expected,
    "IpAddress": lambda value, expected: ipaddress.ip_address(value) in ipaddress.ip_network(expected, strict=False),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
