"""Where runners keep caches between jobs, and the key that encrypts these and the runners' logs."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket_guards import closed, encrypted
from components.iam import Statement, document, written_with
from components.keys import own_logs_key
from components.placement import Placement


@dataclass(frozen=True, kw_only=True)
class CiCacheArgs:
    """What the cache needs.

    keep_days: days after which a cached object goes (1 or more).
    deletion_window_days: days that the deleted key can still be saved (7 to 30).
    """

    placement: Placement
    keep_days: int = 14
    deletion_window_days: int = 30


class CiCache(pulumi.ComponentResource):
    """An encrypted bucket for caches alone: nothing in it is worth keeping, so a destroy takes it along."""

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: CiCacheArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:CiCache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = own_logs_key(
            f"{name}-key", args.placement, "ci", "caches and logs of CI runners", args.deletion_window_days, child
        )
        bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.concat(args.placement.prefix, "-ci-cache-", args.placement.account_id),
            force_destroy=True,
            opts=child,
        )
        self.bucket, self.bucket_arn, self.key_arn = bucket.bucket, bucket.arn, key.arn
        self._guards(name, args)
        self.register_outputs({"bucket": self.bucket, "keyArn": self.key_arn})

    def _guards(self, name: str, args: CiCacheArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        block = closed(name, self.bucket, child)
        encrypted(name, self.bucket, self.key_arn, child)
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=self.bucket,
            policy=written_with(cache_bucket_policy, bucket_arn=self.bucket_arn),
            # S3 refuses concurrent changes of these two.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=self.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.keep_days),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=1
                        )
                    ),
                )
            ],
            opts=child,
        )


def cache_bucket_policy(bucket_arn: str) -> str:
    """Refuses every request that does not come over TLS."""
    denial: Statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},  # a denial is for everybody
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return document(denial)
