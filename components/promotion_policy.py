"""IAM statements for models that are promoted from one account to another.

The account that they come from opens the files of registered models, and the key that encrypts them, to members' roles
of the accounts that they go to; those roles may read them there and write nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.iam import Statement, allow
from components.record_policy import APPROVED_FOLDER
from components.team_prefix import team_prefix

READ = ("s3:GetObject", "s3:GetObjectTagging")
SHARED_FILES = (
    "jobs/*/output/model.tar.gz",
    "jobs/*/record.json",
    "registry/*",
    f"{APPROVED_FOLDER}/*",
    "inputs/*",
    "validations/*",
)
"""Below a team's prefix in the artifact bucket: models, the records of their runs, the reports of their gates, the
inputs that members uploaded with their specs, of which the held-out rows are one, and the results of validations."""
LISTED = ("inputs/*", "validations/*")
"""Of these, the folders that are copied whole."""


@dataclass(frozen=True, kw_only=True)
class PromotionSource:
    """An environment of another account that models come from. environment: its stack's name."""

    environment: str
    account_id: str


def readers_of_models(bucket_arn: str, partition: str, readers: Sequence[str]) -> list[Statement]:
    """A bucket's statements that let members' roles of these accounts read registered models."""
    if not readers:
        return []
    own = team_prefix("*")
    return [
        {
            "Sid": "PromotionsReadModels",
            "Effect": "Allow",
            "Principal": {"AWS": _accounts(partition, readers)},
            "Action": list(READ),
            "Resource": [f"{bucket_arn}/{own}/{files}" for files in SHARED_FILES],
            "Condition": _members(partition, readers),
        },
        {
            "Sid": "PromotionsListInputs",
            "Effect": "Allow",
            "Principal": {"AWS": _accounts(partition, readers)},
            "Action": ["s3:ListBucket"],
            "Resource": [bucket_arn],
            "Condition": {
                **_members(partition, readers),
                "StringLike": {"s3:prefix": [f"{own}/{files}" for files in LISTED]},
            },
        },
    ]


def readers_of_key(partition: str, region: str, readers: Sequence[str]) -> list[Statement]:
    """A key's statement that lets the same roles decrypt what they read from S3, and nothing else."""
    if not readers:
        return []
    via = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return [
        {
            "Sid": "PromotionsDecrypt",
            "Effect": "Allow",
            "Principal": {"AWS": _accounts(partition, readers)},
            "Action": ["kms:Decrypt"],
            "Resource": "*",  # in a key policy this is the key itself
            "Condition": {**_members(partition, readers), **via},
        }
    ]


def reading_from(sources: Sequence[PromotionSource], *, partition: str, region: str, team: str) -> list[Statement]:
    """What a member's role needs, of the accounts that models come from."""
    statements: list[Statement] = []
    for number, source in enumerate(sources):
        bucket = f"arn:{partition}:s3:::groundwork-{source.environment}-artifacts-{source.account_id}"
        sagemaker = f"arn:{partition}:sagemaker:{region}:{source.account_id}"
        own = team_prefix(team)
        statements += [
            allow(f"Source{number}Files", READ, [f"{bucket}/{own}/{files}" for files in SHARED_FILES]),
            allow(
                f"Source{number}Inputs",
                ["s3:ListBucket"],
                [bucket],
                {"StringLike": {"s3:prefix": [f"{own}/{files}" for files in LISTED]}},
            ),
            allow(
                f"Source{number}Packages",
                ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
                [f"{sagemaker}:model-package/{team}-*"],
            ),
            # The key's id is not known here; that it is the one for data, its alias says.
            allow(
                f"Source{number}Key",
                ["kms:Decrypt"],
                [f"arn:{partition}:kms:{region}:{source.account_id}:key/*"],
                {
                    "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/groundwork-{source.environment}-data"},
                },
            ),
        ]
    return statements


def _accounts(partition: str, readers: Sequence[str]) -> list[str]:
    return [f"arn:{partition}:iam::{account}:root" for account in readers]


def _members(partition: str, readers: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Of all principals of these accounts, the roles that members of teams submit with."""
    roles = [f"arn:{partition}:iam::{account}:role/groundwork-*-submit" for account in readers]
    return {"ArnLike": {"aws:PrincipalArn": roles}}
