"""Encryption keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.existing_keys import existing_key
from components.iam import Statement, document, written_with
from components.placement import Placement
from components.promotion_policy import readers_of_key

PURPOSES = {
    "data": "buckets, images and what jobs write",
    "cluster": "Kubernetes secrets",
    "logs": "log groups",
}
LOGS_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
)


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """What the keys need.

    rotation_days: days between rotations of the key material (90 to 2560,
        https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html).
    deletion_window_days: days that a deleted key can still be saved (7 to 30).
    protect: refuse to delete the keys, without which what they encrypt is lost.
    readers: accounts that models are promoted to: what S3 gives them they may decrypt.
    existing: purpose (`data`, `cluster`, `logs`) to the ARN of a key that is there; none is made for it.
    """

    placement: Placement
    rotation_days: int = 365
    deletion_window_days: int = 30
    protect: bool = True
    readers: Sequence[str] = ()
    existing: Mapping[str, str] = field(default_factory=dict[str, str])


class Keys(pulumi.ComponentResource):
    """One rotated KMS key a purpose, so that who reads logs need not be able to read data."""

    data_arn: pulumi.Output[str]
    cluster_arn: pulumi.Output[str]
    logs_arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:security:Keys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        arns: dict[str, pulumi.Output[str]] = {}
        for purpose, use in PURPOSES.items():
            policy = written_with(
                {"logs": logs_key_policy, "data": data_key_policy}.get(purpose, key_policy),
                partition=args.placement.partition,
                region=args.placement.region,
                account_id=args.placement.account_id,
                **({"readers": list(args.readers)} if purpose == "data" else {}),
            )
            if (arn := args.existing.get(purpose)) is not None:
                arns[purpose] = existing_key(f"{name}-{purpose}-existing", arn, purpose, policy, self)
                continue
            key = aws.kms.Key(
                f"{name}-{purpose}",
                description=f"{args.placement.prefix}: {use}",
                enable_key_rotation=True,
                rotation_period_in_days=args.rotation_days,
                deletion_window_in_days=args.deletion_window_days,
                policy=policy,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            aws.kms.Alias(
                f"{name}-{purpose}-alias",
                name=f"alias/{args.placement.prefix}-{purpose}",
                target_key_id=key.key_id,
                opts=child,
            )
            arns[purpose] = key.arn
        self.data_arn, self.cluster_arn, self.logs_arn = arns["data"], arns["cluster"], arns["logs"]
        self.register_outputs(
            {"dataArn": self.data_arn, "clusterArn": self.cluster_arn, "logsArn": self.logs_arn},
        )


def key_policy(partition: str, region: str, account_id: str) -> str:
    """Lets IAM policies of the account decide who uses the key, which is AWS's default key policy.

    `kms:*` on the account's root is needed: without it nobody can ever change the key again
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
    """
    return document(_account_decides(partition, account_id))


def data_key_policy(partition: str, region: str, account_id: str, readers: Sequence[str]) -> str:
    """`key_policy`, and members of the `readers` (accounts) decrypt what S3 gives them."""
    return document(_account_decides(partition, account_id), *readers_of_key(partition, region, readers))


def own_logs_key(
    name: str,
    placement: Placement,
    purpose: str,
    description: str,
    deletion_window_days: int,
    opts: pulumi.ResourceOptions,
) -> aws.kms.Key:
    """A rotating key, with an alias after its purpose, that CloudWatch Logs may use beside this account."""
    key = aws.kms.Key(
        name,
        description=f"{placement.prefix}: {description}",
        enable_key_rotation=True,
        deletion_window_in_days=deletion_window_days,
        policy=written_with(
            logs_key_policy,
            partition=placement.partition,
            region=placement.region,
            account_id=placement.account_id,
        ),
        opts=opts,
    )
    aws.kms.Alias(f"{name}-alias", name=f"alias/{placement.prefix}-{purpose}", target_key_id=key.key_id, opts=opts)
    return key


def logs_key_policy(partition: str, region: str, account_id: str) -> str:
    """`key_policy`, and CloudWatch Logs may use the key for the log groups of this account alone.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    use: Statement = {
        "Sid": "LogGroupsOfThisAccount",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": list(LOGS_ACTIONS),
        "Resource": "*",  # in a key policy this is the key itself
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{partition}:logs:{region}:{account_id}:log-group:*"}
        },
    }
    # A request to describe a key carries no encryption context, so that the condition above would never hold.
    look: Statement = {
        "Sid": "LogsLookAtTheKey",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:DescribeKey"],
        "Resource": "*",  # in a key policy this is the key itself
    }
    return document(_account_decides(partition, account_id), use, look)


def _account_decides(partition: str, account_id: str) -> Statement:
    return {
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",  # in a key policy this is the key itself
    }
