"""What CI's roles of an environment have in common: the services that it consists of, its tag, and its state."""

from components.iam import Statement, allow

ENVIRONMENT_TAG = "groundwork:environment"
DEPLOYED_SERVICES = (
    *(
        "aps",
        "autoscaling",
        "cloudtrail",
        "cloudwatch",
        "ec2",
        "ecr",
        "eks",
        "elasticloadbalancing",
        "events",
        "grafana",
        "kms",
    ),
    *("logs", "rds", "sagemaker", "sns", "ssm", "tag"),
)
"""Regional services that an environment consists of, without those that are scoped by name.

Deploy gets each as a whole. The provider reads back every attribute of what it makes, by calls that differ from one of
its versions to the next, so a list of single actions breaks with each upgrade; and most of these resources have names
that AWS chooses. What holds the role back is the tag: `OtherEnvironments` denies it whatever carries another's."""
GLOBAL_SERVICES = ("budgets", "ce")
"""Services that live in no region of ours."""
NAMED_SERVICES = ("s3", "secretsmanager")
READ_VERBS = ("Describe*", "Get*", "List*")
"""Preview reads what the provider reads, by verb, for the reason of DEPLOYED_SERVICES. What these verbs would let out
besides settings is denied: see `data_stays`."""


def state_paths(environment: str) -> tuple[str, ...]:
    """Objects of an environment's state in a bucket, as Pulumi's own backend lays them out: `.pulumi/meta.yaml`, and by
    project and stack `stacks/`, `history/`, `backups/` and `locks/`."""
    stack = f"groundwork/{environment}"
    return (
        ".pulumi/meta.yaml",
        f".pulumi/stacks/{stack}.json*",
        f".pulumi/history/{stack}/*",
        f".pulumi/backups/{stack}/*",
        f".pulumi/locks/organization/{stack}/*",
    )


def state_access(
    partition: str, environment: str, bucket_name: str, kms_key_arn: str | None, *, write: bool
) -> list[Statement]:
    """The environment's own state in a bucket of Pulumi's own backend, and no other environment's."""
    bucket = f"arn:{partition}:s3:::{bucket_name}"
    paths = [f"{bucket}/{path}" for path in state_paths(environment)]
    change = ["s3:DeleteObject", "s3:PutObject"] if write else []
    statements = [
        allow("FindState", ["s3:GetBucketLocation", "s3:ListBucket"], [bucket]),
        allow("State", ["s3:GetObject", *change], paths),
    ]
    if kms_key_arn:
        use = ["kms:Decrypt", *(["kms:Encrypt", "kms:GenerateDataKey"] if write else [])]
        statements.append(allow("StateKey", use, [kms_key_arn]))
    return statements
