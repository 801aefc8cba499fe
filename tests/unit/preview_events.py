"""Events and states as the engine has them, for tests of the preview's report."""

from collections.abc import Sequence
from typing import Any

from operations.review.building import Seen, environment_of
from operations.review.model import Environment, Report, report_of
from operations.review.redaction import Redactor
from operations.review.stream import fold

STACK = "urn:pulumi:dev::groundwork::pulumi:pulumi:Stack::groundwork-dev"
AWS = "urn:pulumi:dev::groundwork::pulumi:providers:aws::aws"
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
NAT = "aws:ec2/natGateway:NatGateway"
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
MARKED = {SIGNATURE: SECRET, "ciphertext": "[secret]"}
"""A secret as the engine's events have it."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def urn(name: str, type_: str = ROLE, parent_types: str = "") -> str:
    return f"urn:pulumi:dev::groundwork::{parent_types}{'$' if parent_types else ''}{type_}::{name}"


def state(name: str, type_: str = ROLE, inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A resource as the stack's state has it."""
    custom = not type_.startswith("groundwork:")
    return {
        "urn": urn(name, type_),
        "type": type_,
        "custom": custom,
        "id": f"{name}-id" if custom else "",
        "parent": STACK,
        "inputs": inputs or {},
        "outputs": {},
        **({"provider": f"{AWS}::1"} if custom else {}),
        **more,
    }


def step(operation: str, old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> list[dict[str, Any]]:
    """The two events of one step."""
    one = new or old
    assert one is not None
    metadata = {"op": operation, "urn": one["urn"], "type": one["type"], "old": old, "new": new, **more}
    return [{"resourcePreEvent": {"metadata": metadata}}, {"resOutputsEvent": {"metadata": metadata}}]


def created(name: str, type_: str = ROLE, inputs: dict[str, Any] | None = None, **more: Any) -> list[dict[str, Any]]:
    return step("create", None, state(name, type_, inputs, **more))


def deleted(one: dict[str, Any]) -> list[dict[str, Any]]:
    return step("delete", one, None)


def updated(one: dict[str, Any], inputs: dict[str, Any]) -> list[dict[str, Any]]:
    changed = [key for key in {**one["inputs"], **inputs} if one["inputs"].get(key) != inputs.get(key)]
    detailed = {key: {"diffKind": "update", "inputDiff": True} for key in changed}
    return step("update", one, {**one, "inputs": inputs}, diffs=changed, detailedDiff=detailed)


def replaced(one: dict[str, Any], inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """The three steps of a replacement."""
    changed = [key for key in {**one["inputs"], **inputs} if one["inputs"].get(key) != inputs.get(key)]
    detailed = {key: {"diffKind": "update-replace", "inputDiff": True} for key in changed}
    new = {**one, "inputs": inputs, "id": ""}
    both = {"diffs": changed, "keys": changed, "detailedDiff": detailed}
    return [
        *step("create-replacement", one, new, **both),
        *step("replace", one, new, **both),
        *step("delete-replaced", {**one, "delete": True}, None),
    ]


def same(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for one in resources for event in step("same", one, one)]


def summary(result: str = "succeeded") -> dict[str, Any]:
    return {"summaryEvent": {"result": result, "PolicyPacks": {"groundwork|local|/somewhere/policies": "0.1.0"}}}


def refusal(resource: str, rule: str = "log-retention", level: str = "mandatory") -> dict[str, Any]:
    message = f"Every log group has a retention.\n{resource} never expires. Set retentionInDays.\n"
    return {
        "policyEvent": {
            "resourceUrn": urn(resource),
            "policyName": rule,
            "enforcementLevel": level,
            "message": message,
        }
    }


def diagnostic(message: str, severity: str = "error", name: str = "") -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": severity, "message": message, "urn": urn(name) if name else ""}}


def environment(
    events: Sequence[dict[str, Any]], resources: Sequence[dict[str, Any]] = (), *, end: bool = True, **more: Any
) -> Environment:
    """The report of one environment, dev unless it is said otherwise."""
    failure = more.pop("failure", "")
    preview = fold([*events, *([summary("failed" if failure else "succeeded")] if end else [])])
    preview.failure = failure
    redactor = more.pop("redactor", None) or Redactor()
    seen = Seen(**{"name": "dev", "region": "us-east-1", "preview": preview, "state": resources, **more})
    return environment_of(seen, redactor)


def report(*events: Sequence[dict[str, Any]], resources: Sequence[dict[str, Any]] = (), **more: Any) -> Report:
    return report_of((environment([event for some in events for event in some], resources, **more),))
