"""Who read and wrote data and models: a trail, in a bucket that nobody can rewrite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.bucket_guards import closed, encrypted, versioned
from components.guardrails.audit_policies import trail_bucket_policy, trail_key_policy
from components.iam import written_with
from components.placement import Placement

LockMode = Literal["governance", "compliance"]


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """What the trail needs.

    watched_bucket_arns: buckets whose objects' reads and writes are logged.
    management_events: log every call that changes resources as well, of every region. A second trail with them in one
        account costs 2 dollars per 100,000 events.
    lock_days: days that a log cannot be changed or deleted; 0 leaves it to permissions.
    lock_mode: `governance` yields to who has s3:BypassGovernanceRetention, `compliance` to nobody, the account's root
        included.
    keep_days: days after which a log is gone (lock_days or more).
    key_deletion_window_days: days that the deleted key of the logs can still be saved (7 to 30).
    delete_contents: let a destroy delete the bucket with the logs in it.
    protect: refuse to delete or replace bucket and key.
    """

    placement: Placement
    watched_bucket_arns: Sequence[pulumi.Input[str]]
    management_events: bool = False
    lock_days: int = 0
    lock_mode: LockMode = "governance"
    keep_days: int = 365
    key_deletion_window_days: int = 30
    delete_contents: bool = False
    protect: bool = True


class AuditTrail(pulumi.ComponentResource):
    """A CloudTrail trail of data events, with signed digests, to an encrypted bucket with object lock."""

    bucket: pulumi.Output[str]
    trail_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AuditTrailArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:AuditTrail", name, None, opts)
        self._name, self._args = name, args
        placement = args.placement
        # Written rather than read from the trail: the bucket and the key must know the trail before it is made.
        trail_arn = placement.arn("cloudtrail", f"trail/{placement.prefix}")
        key = self._key(trail_arn)
        bucket, guards = self._bucket(trail_arn, key.arn)
        trail = aws.cloudtrail.Trail(
            f"{name}-trail",
            name=placement.prefix,
            s3_bucket_name=bucket.bucket,
            kms_key_id=key.arn,
            enable_log_file_validation=True,
            is_multi_region_trail=args.management_events,
            include_global_service_events=True,
            advanced_event_selectors=self._selectors(),
            # CloudTrail checks at once that it may write; and no log may lie there before the lock does.
            opts=pulumi.ResourceOptions(parent=self, depends_on=guards),
        )
        self.bucket, self.trail_arn = bucket.bucket, trail.arn
        self.register_outputs({"bucket": self.bucket, "trailArn": self.trail_arn})

    def _key(self, trail_arn: pulumi.Output[str]) -> aws.kms.Key:
        args, placement = self._args, self._args.placement
        key = aws.kms.Key(
            f"{self._name}-key",
            description=f"{placement.prefix}: audit logs",
            enable_key_rotation=True,
            deletion_window_in_days=args.key_deletion_window_days,
            policy=written_with(
                trail_key_policy,
                partition=placement.partition,
                account_id=placement.account_id,
                trail_arn=trail_arn,
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(
            f"{self._name}-key-alias",
            name=f"alias/{placement.prefix}-audit",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key

    def _bucket(
        self, trail_arn: pulumi.Output[str], key_arn: pulumi.Output[str]
    ) -> tuple[aws.s3.Bucket, list[pulumi.Resource]]:
        """The bucket, and what must be there before the first log comes."""
        name, args, child = f"{self._name}-logs", self._args, pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.concat(args.placement.prefix, "-audit-", args.placement.account_id),
            # Always on: to switch it on later replaces the bucket. Only a default retention makes it bind.
            object_lock_enabled=True,
            force_destroy=args.delete_contents,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        block = closed(name, bucket.bucket, child)
        versioning = versioned(name, bucket.bucket, child)
        encryption = encrypted(name, bucket.bucket, key_arn, child)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=written_with(
                trail_bucket_policy,
                bucket_arn=bucket.arn,
                account_id=args.placement.account_id,
                trail_arn=trail_arn,
            ),
            # S3 refuses concurrent changes of these two.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[_lifecycle(args.keep_days)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        guards: list[pulumi.Resource] = [policy, encryption]
        if args.lock_days:
            guards.append(self._lock(bucket, versioning))
        return bucket, guards

    def _lock(self, bucket: aws.s3.Bucket, versioning: aws.s3.BucketVersioning) -> pulumi.Resource:
        retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
            mode=self._args.lock_mode.upper(), days=self._args.lock_days
        )
        return aws.s3.BucketObjectLockConfiguration(
            f"{self._name}-logs-lock",
            bucket=bucket.bucket,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )

    def _selectors(self) -> list[aws.cloudtrail.TrailAdvancedEventSelectorArgs]:
        """What is logged.

        Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
        """
        watched = [pulumi.Output.concat(arn, "/") for arn in self._args.watched_bucket_arns]
        objects = aws.cloudtrail.TrailAdvancedEventSelectorArgs(
            name="Objects of the data and model buckets",
            field_selectors=[
                _field("eventCategory", equals=["Data"]),
                _field("resources.type", equals=["AWS::S3::Object"]),
                _field("resources.ARN", starts_withs=watched),
            ],
        )
        if not self._args.management_events:
            return [objects]
        management = aws.cloudtrail.TrailAdvancedEventSelectorArgs(
            name="Management events", field_selectors=[_field("eventCategory", equals=["Management"])]
        )
        return [objects, management]


def _field(
    field: str,
    *,
    equals: Sequence[pulumi.Input[str]] | None = None,
    starts_withs: Sequence[pulumi.Input[str]] | None = None,
) -> aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs:
    return aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(
        field=field, equals=equals, starts_withs=starts_withs
    )


def _lifecycle(keep_days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="expire",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=keep_days),
        # A version goes when its lock ends, whatever the rule says.
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=1
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=7
        ),
    )
