"""Experiment tracking: where runs are recorded and where they keep their artifacts."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.iam import allow, document, trust, written_with
from components.placement import Placement

ARTIFACT_PREFIX = "mlflow"
Size = Literal["Small", "Medium", "Large"]


@dataclass(frozen=True, kw_only=True)
class TrackingArgs:
    """What a managed tracking server needs.

    artifact_bucket, artifact_bucket_arn: bucket that runs keep their artifacts in, under `mlflow/`.
    kms_key_arn: key of that bucket.
    size: of the server; Small is for up to 25 users (SageMaker's own figure).
    protect: refuse to delete or replace the server, which holds every run's record.
    """

    placement: Placement
    artifact_bucket: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    size: Size = "Small"
    protect: bool = True


@dataclass(frozen=True, kw_only=True)
class ExistingTracking:
    """A tracking server that somebody else looks after.

    uri: its HTTP(S) address.
    artifact_bucket: bucket that its runs keep their artifacts in, under `mlflow/`.
    """

    uri: str
    artifact_bucket: pulumi.Input[str]


class Tracking(pulumi.ComponentResource):
    """An MLflow tracking server managed by SageMaker, or the address of an existing one."""

    uri: pulumi.Output[str]
    """What an MLflow client takes as its tracking URI."""
    artifact_uri: pulumi.Output[str]
    server_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: TrackingArgs | ExistingTracking, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:Tracking", name, None, opts)
        self.artifact_uri = pulumi.Output.concat("s3://", args.artifact_bucket, f"/{ARTIFACT_PREFIX}")
        if isinstance(args, ExistingTracking):
            self.uri, self.server_arn = pulumi.Output.from_input(args.uri), None
        else:
            self.server_arn = self._server(name, args)
            self.uri = self.server_arn
        self.register_outputs({"uri": self.uri, "artifactUri": self.artifact_uri})

    def _server(self, name: str, args: TrackingArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-server-role",
            name=f"{args.placement.prefix}-tracking",
            description="The MLflow tracking server reads and writes artifacts with it",
            assume_role_policy=written_with(tracking_trust, account_id=args.placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-server-policy",
            name="artifacts",
            role=role.name,
            policy=written_with(tracking_policy, bucket_arn=args.artifact_bucket_arn, kms_key_arn=args.kms_key_arn),
            opts=child,
        )
        server = aws.sagemaker.MlflowTrackingServer(
            f"{name}-server",
            tracking_server_name=args.placement.prefix,
            artifact_store_uri=self.artifact_uri,
            role_arn=role.arn,
            tracking_server_size=args.size,
            automatic_model_registration=False,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[policy]),
        )
        return server.arn


def tracking_trust(account_id: str) -> str:
    """SageMaker assumes the role, on behalf of this account alone."""
    return document(trust(["sagemaker.amazonaws.com"], conditions={"StringEquals": {"aws:SourceAccount": account_id}}))


def tracking_policy(bucket_arn: str, kms_key_arn: str) -> str:
    """The tracking server's own rights: the artifacts' prefix and the key that encrypts it.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html
    """
    return document(
        allow(
            "ListArtifacts",
            ["s3:ListBucket"],
            [bucket_arn],
            {"StringLike": {"s3:prefix": [ARTIFACT_PREFIX, f"{ARTIFACT_PREFIX}/*"]}},
        ),
        allow(
            "Artifacts",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            [f"{bucket_arn}/{ARTIFACT_PREFIX}/*"],
        ),
        allow("Encryption", ["kms:Decrypt", "kms:GenerateDataKey"], [kms_key_arn]),
    )
