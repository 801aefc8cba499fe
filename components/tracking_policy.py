"""IAM policies of whatever keeps the record of runs, and the place of the runs' artifacts."""

from components.iam import allow, document, trust

ARTIFACT_PREFIX = "mlflow"
"""Prefix of the artifact bucket under which runs keep their artifacts."""


def tracking_trust(account_id: str) -> str:
    """SageMaker assumes the role, on behalf of this account alone."""
    return document(trust(["sagemaker.amazonaws.com"], conditions=_of_this_account(account_id)))


def pod_trust(account_id: str) -> str:
    """Pods of this account's clusters assume the role.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    actions = ["sts:AssumeRole", "sts:TagSession"]
    return document(
        trust(["pods.eks.amazonaws.com"], sid="Pods", actions=actions, conditions=_of_this_account(account_id))
    )


def tracking_policy(bucket_arn: str, kms_key_arn: str) -> str:
    """A managed server's own rights: the artifacts' prefix and the key that encrypts it.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html
    """
    return document(
        _list_artifacts(bucket_arn),
        allow(
            "Artifacts",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            [f"{bucket_arn}/{ARTIFACT_PREFIX}/*"],
        ),
        allow("Encryption", ["kms:Decrypt", "kms:GenerateDataKey"], [kms_key_arn]),
    )


def self_hosted_policy(bucket_arn: str, kms_key_arn: str, secret_arn: str) -> str:
    """Rights of a server on the cluster: it shows artifacts, which clients write, and signs in to its database."""
    return document(
        _list_artifacts(bucket_arn),
        allow("ReadArtifacts", ["s3:GetObject"], [f"{bucket_arn}/{ARTIFACT_PREFIX}/*"]),
        allow("DatabaseSignIn", ["secretsmanager:GetSecretValue"], [secret_arn]),
        # Of the artifacts and of the secret: both are encrypted with the same key.
        allow("Encryption", ["kms:Decrypt"], [kms_key_arn]),
    )


def _list_artifacts(bucket_arn: str) -> dict[str, object]:
    prefixes = {"StringLike": {"s3:prefix": [ARTIFACT_PREFIX, f"{ARTIFACT_PREFIX}/*"]}}
    return allow("ListArtifacts", ["s3:ListBucket"], [bucket_arn], prefixes)


def _of_this_account(account_id: str) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": account_id}}
