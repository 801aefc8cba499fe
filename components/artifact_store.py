"""Buckets for data, artifacts and logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.bucket_guards import closed, encrypted, versioned
from components.iam import Statement, document, written_with
from components.placement import Placement
from components.promotion_policy import readers_of_models
from components.record_policy import EVERY_TEAM, record_objects, records_kept

LOGS = "logs"
PURPOSES = ("data", "artifacts", LOGS)


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """What the buckets need.

    kms_key_arn: key that encrypts data and artifacts.
    retention_days: days after which a superseded or deleted object version is gone for good (1 or more).
    log_retention_days: days that access logs are kept (1 or more).
    delete_contents: let a destroy delete buckets that still hold objects.
    protect: refuse to delete or replace the buckets.
    readers: accounts that models are promoted to.
    """

    placement: Placement
    kms_key_arn: pulumi.Input[str]
    retention_days: int = 90
    log_retention_days: int = 365
    delete_contents: bool = False
    protect: bool = True
    readers: Sequence[str] = ()


class ArtifactStore(pulumi.ComponentResource):
    """Versioned, encrypted buckets that only TLS clients can reach: data, artifacts, and the logs of access to both."""

    data_bucket: pulumi.Output[str]
    data_bucket_arn: pulumi.Output[str]
    artifact_bucket: pulumi.Output[str]
    artifact_bucket_arn: pulumi.Output[str]
    log_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:storage:ArtifactStore", name, None, opts)
        self._name = name
        self._args = args
        logs, may_log = self._bucket(LOGS)
        data, _ = self._bucket("data", logs, may_log)
        artifacts, _ = self._bucket("artifacts", logs, may_log)
        self.data_bucket, self.data_bucket_arn = data.bucket, data.arn
        self.artifact_bucket, self.artifact_bucket_arn = artifacts.bucket, artifacts.arn
        self.log_bucket = logs.bucket
        self.register_outputs(
            {"dataBucket": self.data_bucket, "artifactBucket": self.artifact_bucket, "logBucket": self.log_bucket}
        )

    def _bucket(
        self, purpose: str, logs: aws.s3.Bucket | None = None, may_log: aws.s3.BucketPolicy | None = None
    ) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """A bucket with everything that makes it safe, and its policy.

        logs, may_log: bucket that takes the access logs, and the policy that lets S3 write them there. Without them
            this is that bucket.
        """
        name, args = f"{self._name}-{purpose}", self._args
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.concat(args.placement.prefix, f"-{purpose}-", args.placement.account_id),
            force_destroy=args.delete_contents,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        block = closed(name, bucket.bucket, child)
        versioning = versioned(name, bucket.bucket, child)
        # A bucket that takes server access logs cannot use SSE-KMS by default
        # (https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html).
        encrypted(name, bucket.bucket, None if logs is None else args.kms_key_arn, child)
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=written_with(
                POLICIES[purpose],
                bucket_arn=bucket.arn,
                account_id=args.placement.account_id,
                **self._shared_with(purpose),
            ),
            # S3 refuses concurrent changes of these two.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[self._lifecycle(logs is None)],
            # Noncurrent versions exist only once versioning is on.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        if logs is not None:
            aws.s3.BucketLogging(
                f"{name}-logging",
                bucket=bucket.bucket,
                target_bucket=logs.bucket,
                target_prefix=log_prefix(purpose),
                # S3 checks that it may write there.
                opts=pulumi.ResourceOptions(parent=self, depends_on=may_log),
            )
        return bucket, policy

    def _shared_with(self, purpose: str) -> dict[str, pulumi.Input[Any]]:
        """What only the policy of the artifacts' bucket depends on."""
        if purpose != "artifacts":
            return {}
        return {"partition": self._args.placement.partition, "readers": list(self._args.readers)}

    def _lifecycle(self, takes_logs: bool) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
        return aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="expire",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=self._args.retention_days
            ),
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=self._args.log_retention_days)
            if takes_logs
            else None,
            abort_incomplete_multipart_upload=(
                aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(days_after_initiation=7)
            ),
        )


def bucket_policy(bucket_arn: str, account_id: str) -> str:
    """Refuses every request that does not come over TLS."""
    return document(_tls_only(bucket_arn))


def artifact_bucket_policy(
    bucket_arn: str, account_id: str, partition: str = "aws", readers: Sequence[str] = ()
) -> str:
    """`bucket_policy`, and of any team's records nobody deletes an object or writes one again.

    It holds for administrators too: whoever wants to change a record has to change this policy first, which the
    account's trail shows. A destroy that may delete contents takes the policy away before it empties the bucket.
    readers: accounts whose members read registered models here.
    """
    objects = record_objects(bucket_arn, EVERY_TEAM)
    everybody: list[Statement] = [{**statement, "Principal": {"AWS": "*"}} for statement in records_kept(objects)]
    return document(_tls_only(bucket_arn), *everybody, *readers_of_models(bucket_arn, partition, readers))


def log_bucket_policy(bucket_arn: str, account_id: str) -> str:
    """`bucket_policy`, and S3 may write the access logs of this account's buckets.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    deliveries: list[Statement] = [
        {
            "Sid": f"AccessLogsOf{purpose.capitalize()}",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/{log_prefix(purpose)}*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        }
        for purpose in PURPOSES
        if purpose != LOGS
    ]
    return document(*deliveries, _tls_only(bucket_arn))


POLICIES = {LOGS: log_bucket_policy, "data": bucket_policy, "artifacts": artifact_bucket_policy}
"""The policy of each purpose's bucket."""


def log_prefix(purpose: str) -> str:
    """Where in the log bucket the access logs of a bucket lie."""
    return f"access/{purpose}/"


def _tls_only(bucket_arn: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},  # a denial is for everybody
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
