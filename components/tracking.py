"""Experiment tracking: where runs are recorded and where they keep their artifacts."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.placement import Placement
from components.tracking_cluster import ClusterTracking, ClusterTrackingArgs
from components.tracking_policy import ARTIFACT_PREFIX, tracking_policy, tracking_trust

Size = Literal["Small", "Medium", "Large"]
Managed = Literal["server", "app"]


@dataclass(frozen=True, kw_only=True)
class TrackingArgs:
    """What MLflow managed by SageMaker needs.

    kind: `server` for a tracking server of a size, `app` for the serverless MLflow app.
    artifact_bucket, artifact_bucket_arn: bucket that runs keep their artifacts in, under `mlflow/`.
    kms_key_arn: key of that bucket.
    size: of a server; Small is for up to 25 users (SageMaker's own figure).
    protect: refuse to delete or replace it, which holds every run's record.
    """

    placement: Placement
    artifact_bucket: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    kind: Managed = "server"
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
    """MLflow managed by SageMaker or on the cluster, or the address of an existing one."""

    uri: pulumi.Output[str]
    """What an MLflow client takes as its tracking URI."""
    artifact_uri: pulumi.Output[str]
    server_arn: pulumi.Output[str] | None
    """ARN of the tracking server or MLflow app that clients need rights on; None where IAM does not decide."""

    def __init__(
        self,
        name: str,
        args: TrackingArgs | ClusterTrackingArgs | ExistingTracking,
        opts: pulumi.ResourceOptions | None = None,
    ):
        super().__init__("groundwork:ml:Tracking", name, None, opts)
        self.artifact_uri = pulumi.Output.concat("s3://", args.artifact_bucket, f"/{ARTIFACT_PREFIX}")
        self.server_arn = None
        if isinstance(args, ExistingTracking):
            self.uri = pulumi.Output.from_input(args.uri)
        elif isinstance(args, ClusterTrackingArgs):
            self.uri = ClusterTracking(f"{name}-cluster", args, pulumi.ResourceOptions(parent=self)).uri
        else:
            self.uri = self.server_arn = self._managed(name, args)
        self.register_outputs({"uri": self.uri, "artifactUri": self.artifact_uri})

    def _managed(self, name: str, args: TrackingArgs) -> pulumi.Output[str]:
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
        guarded = pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[policy])
        if args.kind == "app":
            return aws.sagemaker.MlflowApp(
                f"{name}-app",
                name=args.placement.prefix,
                artifact_store_uri=self.artifact_uri,
                role_arn=role.arn,
                model_registration_mode="AutoModelRegistrationDisabled",
                opts=guarded,
            ).arn
        return aws.sagemaker.MlflowTrackingServer(
            f"{name}-server",
            tracking_server_name=args.placement.prefix,
            artifact_store_uri=self.artifact_uri,
            role_arn=role.arn,
            tracking_server_size=args.size,
            automatic_model_registration=False,
            opts=guarded,
        ).arn
