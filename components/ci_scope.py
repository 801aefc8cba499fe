"""What CI's roles of an environment have in common: the services that it consists of, its tag, and its state."""

from dataclasses import dataclass

from components.iam import Statement, allow, unscoped

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


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Where settings of an environment stand that are not in its own file, and what its roles must read for them.

    exports: whether CloudFormation's exports are read.
    states: Terraform states, each as BUCKET/KEY.
    state_key_arns: the KMS keys of those states.
    stacks: other stacks in the environment's state bucket, each as PROJECT/STACK.
    """

    exports: bool = False
    states: tuple[str, ...] = ()
    state_key_arns: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()

    def objects(self, partition: str, state_bucket: str | None) -> list[str]:
        """The objects in S3 that are read, and no others: each state and each stack by its own name."""
        names = list(self.states)
        if state_bucket:
            # Pulumi's own backend may compress a stack's file, which then ends in .gz or .zst.
            names += [f"{state_bucket}/.pulumi/stacks/{stack}.json*" for stack in self.stacks]
        return [f"arn:{partition}:s3:::{name}" for name in names]


NOTHING_ELSEWHERE = Elsewhere()


def elsewhere_access(partition: str, region: str, elsewhere: Elsewhere, state_bucket: str | None) -> list[Statement]:
    """Reads of the values of settings that stand elsewhere."""
    statements: list[Statement] = []
    if elsewhere.exports:
        statements.append(
            unscoped(
                "ReadExports",
                ["cloudformation:ListExports"],
                because="the list of exports knows no resources",
                conditions={"StringEquals": {"aws:RequestedRegion": [region]}},
            )
        )
    if objects := elsewhere.objects(partition, state_bucket):
        statements.append(allow("ReadElsewhere", ["s3:GetObject"], objects))
    if elsewhere.state_key_arns:
        statements.append(allow("ReadElsewhereKeys", ["kms:Decrypt"], list(elsewhere.state_key_arns)))
    return statements


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
