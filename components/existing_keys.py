"""KMS keys that somebody else looks after: whether the platform may use them, by their own policies."""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

import pulumi
import pulumi_aws as aws

from components.existing import refuse_unless_it_fits
from components.iam import Statement

USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant")
"""What IAM policies of the account must be able to allow: buckets, images, Kubernetes secrets and jobs need them."""


def existing_key(
    name: str, arn: str, purpose: str, wanted: pulumi.Input[str], parent: pulumi.Resource
) -> pulumi.Output[str]:
    """The key's ARN, once it was seen to fit.

    The engine reads the key (`Key.get`): it is in the state as external, which a destroy forgets and never deletes.

    wanted: the policy that the platform would have given a key of this purpose.
    Fails with pulumi.RunError and everything that does not fit.
    """
    key = aws.kms.Key.get(name, arn.rpartition("/")[2], opts=pulumi.ResourceOptions(parent=parent))

    def check(known: Sequence[Any]) -> str:
        enabled, use, spec, rotates, policy, like = known
        found = problems(enabled=enabled, use=use, spec=spec, policy=json.loads(policy), wanted=json.loads(like))
        refuse_unless_it_fits(f"keys.existing.{purpose}", f"the key {arn}", found)
        if not rotates:
            pulumi.log.warn(f"groundwork:keys.existing.{purpose}: the material of {arn} is not rotated.")
        return arn

    seen = (key.is_enabled, key.key_usage, key.customer_master_key_spec, key.enable_key_rotation, key.policy, wanted)
    return pulumi.Output.all(*seen).apply(check)


def problems(*, enabled: bool, use: str, spec: str, policy: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What keeps the platform from using the key, each as a sentence without its full stop."""
    found: list[str] = []
    if not enabled:
        found.append("it is disabled")
    if (use, spec) != ("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
        found.append(f"it is for {use} with {spec}; AWS's services encrypt with ENCRYPT_DECRYPT and SYMMETRIC_DEFAULT")
    given = cast(list[dict[str, Any]], _listed(policy.get("Statement")))
    for statement in cast(list[Statement], _listed(wanted.get("Statement"))):
        if not any(_covers(each, statement) for each in given):
            found.append(f"its policy lacks this statement, or one that says as much: {json.dumps(statement)}")
    return found


def _covers(given: Mapping[str, Any], wanted: Statement) -> bool:
    """Whether a statement of the key's policy allows what ours would. A condition of its own is its keeper's matter."""
    if given.get("Effect") != "Allow" or "Action" not in given:
        return False
    principals = _principals(given.get("Principal"))
    asked = _principals(wanted.get("Principal"))
    actions = cast(list[str], _listed(given["Action"]))
    # Ours says kms:* where the account's IAM decides: of that, only what the platform needs is asked for.
    needed = [USE if action == "kms:*" else (action,) for action in cast(list[str], _listed(wanted["Action"]))]
    return ("*" in principals or asked <= principals) and all(
        any(fnmatchcase(action.lower(), pattern.lower()) for pattern in actions) for group in needed for action in group
    )


def _principals(principal: Any) -> set[str]:
    """Each principal by one name: an account is written by its number or by the ARN of its root."""
    named = list(cast(Mapping[str, Any], principal).values()) if isinstance(principal, Mapping) else [principal]
    texts = [str(text) for value in named for text in _listed(value)]
    return {text.split(":")[4] if text.endswith(":root") else text for text in texts}


def _listed(value: Any) -> list[Any]:
    return [] if value is None else cast(list[Any], value) if isinstance(value, list) else [value]
