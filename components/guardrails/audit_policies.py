"""What CloudTrail may do with the audit bucket and its key, as data."""

from components.iam import Statement, document

TRAIL_SERVICE = "cloudtrail.amazonaws.com"


def trail_bucket_policy(bucket_arn: str, account_id: str, trail_arn: str) -> str:
    """CloudTrail writes for this trail alone, and nothing comes or goes without TLS.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """
    writes = f"{bucket_arn}/AWSLogs/{account_id}/*"
    return document(
        _trail("TrailLooks", "s3:GetBucketAcl", bucket_arn, {"StringEquals": {"aws:SourceArn": trail_arn}}),
        _trail(
            "TrailWrites",
            "s3:PutObject",
            writes,
            {"StringEquals": {"aws:SourceArn": trail_arn, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},  # a denial is for everybody
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def trail_key_policy(partition: str, account_id: str, trail_arn: str) -> str:
    """IAM policies of the account decide who reads the logs; CloudTrail encrypts for this trail alone.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html.
    `kms:*` on the account's root is needed: without it nobody can ever change the key again
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
    """
    account: Statement = {
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",  # in a key policy this is the key itself
    }
    of_this_trail = {"StringEquals": {"aws:SourceArn": trail_arn}}
    encrypts = {
        **of_this_trail,
        "StringLike": {
            "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:{partition}:cloudtrail:*:{account_id}:trail/*"
        },
    }
    return document(
        account,
        _trail("TrailEncrypts", "kms:GenerateDataKey", "*", encrypts),
        _trail("TrailLooksAtTheKey", "kms:DescribeKey", "*", of_this_trail),
    )


def _trail(sid: str, action: str, resource: str, conditions: dict[str, dict[str, str]]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": TRAIL_SERVICE},
        "Action": action,
        "Resource": resource,
        "Condition": conditions,
    }
