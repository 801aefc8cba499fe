"""The image builder: a CodeBuild project that makes container images from a Dockerfile and its context in S3.

Nobody needs a container engine of their own, and no image reaches a repository of the platform unseen: a build goes to
the repository `candidates`, is scanned there, and is released under its tag only when the scan found nothing of a
severity or above. Its bill of materials is attached to it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.image_builder_policy import builder_policy, builder_trust
from components.placement import Placement
from components.registry import lifecycle_policy

BUILDSPEC = (Path(__file__).parent / "data" / "image_buildspec.yaml").read_text(encoding="utf-8")
MACHINE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
"""With Docker 26, buildx, AWS CLI 2 and Python, which the commands use
(https://github.com/aws/aws-codebuild-docker-images, al/x86_64/standard/5.0/Dockerfile, read at commit 3d3a2c35)."""
SBOM_IMAGE = "docker.io/anchore/syft:v1.51.1@sha256:95fe0835e5bebc6f8b1f8acef68d47d63d594ef4c0f25c097ff853b23cbac74c"
"""syft 1.51.1 (https://github.com/anchore/syft); its index's digest as ten public repositories pin it, read 2026-11-21
through a code index, not from a registry."""
CANDIDATES = "candidates"
CANDIDATE_DAYS, CANDIDATE_IMAGES = 7, 30
Size = Literal["small", "medium", "large", "xlarge", "2xlarge"]
FailOn = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL", "never"]
QUEUE_MINUTES = 60


@dataclass(frozen=True, kw_only=True)
class ImageBuilderArgs:
    """What the builder needs.

    registry_host: the account's registry. repository_arns: repositories that it may release to.
    context_prefixes: where in the artifact bucket contexts lie, without a slash at the end.
    base_image: given to each Dockerfile as the build argument BASE_IMAGE; empty leaves the Dockerfile's own default.
    sbom_image: syft, by digest.
    fail_on: severity from which on a finding keeps an image from being released.
    minutes: the longest build (5 to 2,160). scan_minutes: how long a scan may take. concurrent: most builds at a time.
    delete_contents: let a destroy delete the candidates that are there. protect: refuse to delete their repository.
    """

    placement: Placement
    registry_host: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]
    artifact_bucket: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    context_prefixes: Sequence[str]
    kms_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    base_image: str = ""
    sbom_image: str = SBOM_IMAGE
    fail_on: FailOn = "CRITICAL"
    size: Size = "medium"
    minutes: int = 60
    scan_minutes: int = 20
    concurrent: int = 4
    log_days: int = 30
    delete_contents: bool = False
    protect: bool = True


class ImageBuilder(pulumi.ComponentResource):
    """A CodeBuild project with its log group, role, and the repository that builds go to before they are released."""

    project: pulumi.Output[str]
    """Name of the project."""

    def __init__(self, name: str, args: ImageBuilderArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:registry:ImageBuilder", name, None, opts)
        self._name, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        candidates = self._candidates(child)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=log_group_name(args.placement),
            retention_in_days=args.log_days,
            kms_key_id=args.logs_key_arn,
            opts=child,
        )
        role, policy = self._role(logs, candidates)
        project = self._project(logs, role, policy)
        self.project = project.name
        self.register_outputs({"project": self.project})

    def _candidates(self, child: pulumi.ResourceOptions) -> aws.ecr.Repository:
        name, args = self._name, self._args
        repository = aws.ecr.Repository(
            f"{name}-candidates",
            name=f"groundwork/{args.placement.environment}/{CANDIDATES}",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.kms_key_arn)
            ],
            force_delete=args.delete_contents,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-candidates-lifecycle",
            repository=repository.name,
            policy=lifecycle_policy(CANDIDATE_IMAGES, CANDIDATE_DAYS),
            opts=child,
        )
        return repository

    def _role(
        self, logs: aws.cloudwatch.LogGroup, candidates: aws.ecr.Repository
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        name, args, child = self._name, self._args, pulumi.ResourceOptions(parent=self)
        placement = args.placement
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{placement.prefix}-images",
            description="CodeBuild builds and releases container images with it",
            assume_role_policy=written_with(
                builder_trust,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                project=project_name(placement),
            ),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            name="builder",
            role=role.name,
            policy=written_with(
                builder_policy,
                log_group_arn=logs.arn,
                bucket_arn=args.artifact_bucket_arn,
                prefixes=list(args.context_prefixes),
                kms_key_arn=args.kms_key_arn,
                repository_arns=list(args.repository_arns),
                candidates_arn=candidates.arn,
                read_arns=[
                    arn for image in (args.base_image, args.sbom_image) for arn in ecr_repositories(placement, image)
                ],
            ),
            opts=child,
        )
        return role, policy

    def _project(
        self, logs: aws.cloudwatch.LogGroup, role: aws.iam.Role, policy: aws.iam.RolePolicy
    ) -> aws.codebuild.Project:
        name, args = self._name, self._args
        variables: dict[str, pulumi.Input[str]] = {
            "REGISTRY": args.registry_host,
            "NAMESPACE": f"groundwork/{args.placement.environment}",
            "BASE_IMAGE": args.base_image,
            "SBOM_IMAGE": args.sbom_image,
            "FAIL_ON": args.fail_on,
            "SCAN_MINUTES": str(args.scan_minutes),
        }
        return aws.codebuild.Project(
            f"{name}-project",
            name=project_name(args.placement),
            description="Builds, scans and releases container images",
            service_role=role.arn,
            build_timeout=args.minutes,
            queued_timeout=QUEUE_MINUTES,
            concurrent_build_limit=args.concurrent,
            encryption_key=args.kms_key_arn,
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            environment=aws.codebuild.ProjectEnvironmentArgs(
                type="LINUX_CONTAINER",
                compute_type=f"BUILD_GENERAL1_{args.size.upper()}",
                image=MACHINE,
                image_pull_credentials_type="CODEBUILD",
                # A Docker daemon runs in the build
                # (https://docs.aws.amazon.com/codebuild/latest/userguide/sample-docker-section.html).
                privileged_mode=True,
                environment_variables=[
                    aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                    for key, value in variables.items()
                    if value != ""
                ],
            ),
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(
                    status="ENABLED", group_name=logs.name
                )
            ),
            # Each build names its own context; without one it ends at once, as there is no such object.
            source=aws.codebuild.ProjectSourceArgs(
                type="S3",
                location=pulumi.Output.concat(args.artifact_bucket, "/images/a-build-names-its-own-context.zip"),
                buildspec=BUILDSPEC,
            ),
            # CodeBuild checks the role's rights when the project is made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def project_name(placement: Placement) -> str:
    """Name of the builder's CodeBuild project."""
    return f"{placement.prefix}-images"


def ecr_repositories(placement: Placement, image: str) -> list[str]:
    """ARN of the ECR repository that an image is in; none for an image of another registry."""
    found = re.match(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.[a-z.]+/([^:@]+)", image)
    return [f"arn:{placement.partition}:ecr:{found[2]}:{found[1]}:repository/{found[3]}"] if found else []


def log_group_name(placement: Placement) -> str:
    """Name of the log group of its builds."""
    return f"/groundwork/{placement.environment}/images"
