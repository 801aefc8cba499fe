"""Where a component's resources are made and how they are named."""

from dataclasses import dataclass

import pulumi

PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}
"""Region prefix to ARN partition, where that is not `aws` (botocore's endpoint data, `data/partitions.json`)."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What every component needs to know to name things.

    prefix: first part of every physical name, `groundwork-<environment>`; unique in an account.
    environment: the environment's name, used in names and paths only.
    region: AWS region.
    account_id: 12 digits; part of the names that must be unique in the world.
    """

    prefix: str
    environment: str
    region: str
    account_id: pulumi.Input[str]

    @property
    def partition(self) -> str:
        """ARN partition of the region."""
        return next((name for start, name in PARTITIONS.items() if self.region.startswith(start)), "aws")

    @property
    def dns_suffix(self) -> str:
        """Last part of the names of AWS services as VPC endpoints know them."""
        return "cn.com.amazonaws" if self.partition == "aws-cn" else "com.amazonaws"

    def arn(self, service: str, resource: str) -> pulumi.Output[str]:
        """ARN of something in this account and region."""
        return pulumi.Output.concat(
            "arn:", self.partition, f":{service}:{self.region}:", self.account_id, ":", resource
        )

    def aws_managed_policy(self, name: str) -> str:
        """ARN of a policy that AWS maintains."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"
