"""What a test of a rule is made of, and the platform's own way to ask it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.judge import judge, judge_stack
from policies.model import Resource
from policies.parameters import Parameters
from policies.rules import RULES

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"
OURS = {"region": "us-east-1", "defaultTags": {"tags": {"managed-by": "groundwork", "groundwork:environment": "dev"}}}

STRICT = Parameters()


@dataclass(frozen=True)
class Case:
    """Resources that a rule lets pass or refuses.

    rule: its name.
    what: the case in words.
    says: part of the message of the refusal; nothing where the rule lets it pass.
    """

    rule: str
    what: str
    resources: Sequence[Resource]
    says: str = ""
    parameters: Parameters = STRICT

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def resource(kind: str, name: str = "thing", /, **inputs: Any) -> Resource:
    """A resource of the platform's provider, protected as in production."""
    urn = f"urn:pulumi:dev::groundwork::{kind}::{name}"
    return Resource(type=kind, name=name, urn=urn, raw=inputs, protect=True, provider=OURS)


def messages(rule: str, resources: Sequence[Resource], parameters: Parameters) -> list[str]:
    """What one rule has to say about these resources."""
    chosen = tuple(item for item in RULES if item.name == rule)
    assert len(chosen) == 1, f"there is no rule {rule}"
    single = [message for item in resources for _, message in judge(chosen, item, parameters)]
    return single + [found.message for _, found in judge_stack(chosen, list(resources), parameters)]


def document(*statements: Mapping[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, action: str | list[str], resource: str | list[str], **more: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource, **more}
