"""Helpers to write IAM policy documents as plain data.

A document is built by a plain function of strings, so that a test reads it without an engine. A statement whose
resource or action cannot be narrowed carries the reason with it (`unscoped`): the unit tests refuse a bare `*` without
one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi

Statement = dict[str, Any]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Statement:
    """An identity policy's statement. The sid says what the statement is for."""
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    if conditions:
        statement["Condition"] = {operator: dict(keys) for operator, keys in conditions.items()}
    return statement


def unscoped(
    sid: str, actions: Sequence[str], *, because: str, conditions: Mapping[str, Mapping[str, Any]] | None = None
) -> Statement:
    """A statement on every resource, for actions that AWS does not let anyone narrow.

    because: the reason, for the reader; its source is the service authorization reference
        (https://docs.aws.amazon.com/service-authorization/latest/reference/). The sid ends in `Unscoped`, by which
        reviews and tests find it.
    """
    assert because
    return allow(f"{sid}Unscoped", actions, ["*"], conditions)


def deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Statement:
    """A statement that no other one can overrule. The sid says what it keeps."""
    return {**allow(sid, actions, resources, conditions), "Effect": "Deny"}


def document(*statements: Statement) -> str:
    """The policy document of these statements, as JSON with a stable order."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(
    services: Sequence[str],
    *,
    sid: str = "Service",
    actions: Sequence[str] = ("sts:AssumeRole",),
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Statement:
    """A trust policy's statement for AWS services, such as `sagemaker.amazonaws.com`."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": list(actions),
    }
    if conditions:
        statement["Condition"] = {operator: dict(keys) for operator, keys in conditions.items()}
    return statement


def written_with(function: Callable[..., str], **inputs: pulumi.Input[Any]) -> pulumi.Output[str]:
    """The document that `function` writes once every input is known."""

    def write(values: Mapping[str, Any]) -> str:
        return function(**values)

    return pulumi.Output.all(**inputs).apply(write)
