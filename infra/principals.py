"""IAM principals as settings write them."""

import re

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
