"""IAM principals as settings write them."""

import re
from collections.abc import Sequence
from typing import Any

import pulumi

from components.placement import Placement


def principal_arn(principal: str, placement: Placement) -> pulumi.Input[str]:
    """The ARN of a principal that is written as an ARN, or as role/NAME or user/NAME of the platform's own account."""
    if principal.startswith("arn:"):
        return principal
    return pulumi.Output.concat("arn:", placement.partition, ":iam::", placement.account_id, ":", principal)


def logical_name(principal: str) -> str:
    """A word for a principal that resources are named by: its kind and name, without an account."""
    kind_and_path = principal.split(":")[-1]
    kind, _, path = kind_and_path.partition("/")
    return re.sub(r"[^A-Za-z0-9-]+", "-", f"{kind}-{path.rsplit('/', 1)[-1]}")


def same_principal(caller_arn: str, principal: str) -> bool:
    """Whether a caller's ARN, as STS tells it, is that of an IAM role or user.

    A caller with an assumed role has an ARN without the role's path:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    assumed = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+", caller_arn)
    if not assumed:
        return caller_arn == principal
    partition, account, role = assumed.groups()
    return bool(re.fullmatch(rf"arn:{partition}:iam::{account}:role/(.+/)?{re.escape(role)}", principal))


def warn_unless_admin(caller_arn: pulumi.Input[str], admins: Sequence[pulumi.Input[str]]) -> None:
    """Says before anything is made that the caller will not be let into the cluster, where that is so.

    A warning and not an error: a preview by a reader's role is right to go on.
    """

    def warn(known: Sequence[Any]) -> None:
        caller, *principals = (str(value) for value in known)
        if not any(same_principal(caller, principal) for principal in principals):
            pulumi.log.warn(
                f"{caller} is none of groundwork:cluster.admins ({', '.join(principals)}): `pulumi up` as this caller "
                f"cannot make anything in the cluster."
            )

    pulumi.Output.all(caller_arn, *admins).apply(warn)
