"""IAM documents of the image builder: its own role's, and what a team may ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.iam import allow, document, trust, unscoped
from components.team_prefix import team_prefix

READ_IMAGES = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
)
PUSH_IMAGES = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
LOOK_AT_IMAGES = ("ecr:BatchGetImage", "ecr:DescribeImageScanFindings", "ecr:DescribeImages")
"""What members do: which images are there, their findings, and (by BatchGetImage) what is attached to them
(https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html)."""
CONTEXTS = "images"
"""Folder of a team's artifact prefix in which its build contexts lie."""
BUILD_VARIABLES = ("IMAGE_REPOSITORY", "IMAGE_TAG")
"""Variables that a build is started with; all others are the project's."""
NEVER_OVERRIDDEN = (
    "artifacts",
    "autoRetryLimit",
    "cache",
    "encryptionKey",
    "environment.certificate",
    "environment.computeType",
    "environment.fleet.fleetArn",
    "environment.image",
    "environment.imagePullCredentialsType",
    "environment.privilegedMode",
    "environment.registryCredential",
    "environment.type",
    "logsConfig",
    "secondaryArtifacts",
    "secondarySources",
    "serviceRole",
    "source.auth.type",
    "source.buildspec",
)
"""Members of StartBuild that would make the project's role do something else, as condition keys
(https://docs.aws.amazon.com/codebuild/latest/userguide/action-context-keys.html)."""


@dataclass(frozen=True, kw_only=True)
class TeamImages:
    """What a team does about images.

    repository_arns: those that it looks at. project, log_group: the builder's; no project where there is no builder.
    buildable: names of the repositories that it builds for.
    """

    repository_arns: Sequence[pulumi.Input[str]]
    project: str | None
    log_group: str
    buildable: Sequence[str]


def builder_trust(*, partition: str, region: str, account_id: str, project: str) -> str:
    """CodeBuild assumes the role, for this one project
    (https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html)."""
    arn = f"arn:{partition}:codebuild:{region}:{account_id}:project/{project}"
    return document(trust(["codebuild.amazonaws.com"], conditions={"StringEquals": {"aws:SourceArn": arn}}))


def builder_policy(
    *,
    log_group_arn: str,
    bucket_arn: str,
    prefixes: Sequence[str],
    kms_key_arn: str,
    repository_arns: Sequence[str],
    candidates_arn: str,
    read_arns: Sequence[str] = (),
) -> str:
    """Read contexts, write its log, push to the candidates and release to the repositories, look at scans.

    Sources: https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html and
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    """
    everywhere = [candidates_arn, *repository_arns]
    others = [allow("BaseImages", READ_IMAGES, read_arns)] if read_arns else []
    return document(
        allow(
            "Log",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [f"{log_group_arn.removesuffix(':*')}:log-stream:*"],
        ),
        allow(
            "Contexts",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{bucket_arn}/{prefix}/*" for prefix in prefixes],
        ),
        allow("FindContexts", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket_arn]),
        allow("Encryption", ["kms:Decrypt", "kms:DescribeKey"], [kms_key_arn]),
        unscoped(
            "RegistryLogin",
            ["ecr:GetAuthorizationToken"],
            because="GetAuthorizationToken knows no resources",
        ),
        allow("Images", [*READ_IMAGES, *PUSH_IMAGES], everywhere),
        allow("Scans", ["ecr:DescribeImageScanFindings"], [candidates_arn]),
        *others,
    )


def team_images_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    team: str,
    project: str | None,
    log_group: str,
    repository_arns: Sequence[str],
    buildable: Sequence[str],
    bucket_arn: str,
) -> str:
    """What members do about images: look at them all, and build for some repositories from contexts of their own.

    Who may start builds of a project could make its role do anything, by other commands, another machine or another
    role. So a member's build takes a context of the team's own and two variables, and nothing else.

    buildable: names of the repositories; none leaves building to others.
    """
    look = allow("LookAtImages", LOOK_AT_IMAGES, list(repository_arns))
    if project is None:
        return document(look)
    arn = f"arn:{partition}:codebuild:{region}:{account_id}:project/{project}"
    follow = [
        allow("FollowBuilds", ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject"], [arn]),
        allow(
            "ReadBuildLogs",
            ["logs:GetLogEvents"],
            [f"arn:{partition}:logs:{region}:{account_id}:log-group:{log_group}:log-stream:*"],
        ),
    ]
    if not buildable:
        return document(look, *follow)
    bucket = bucket_arn.rpartition(":")[2]
    own = f"{bucket}/{team_prefix(team)}/{CONTEXTS}/*"
    locations = [own, f"arn:{partition}:s3:::{own}"]
    conditions = {
        "StringLike": {"codebuild:source.location": locations},
        "StringEquals": {"codebuild:environment.environmentVariables/IMAGE_REPOSITORY.value": list(buildable)},
        "ForAllValues:StringEquals": {"codebuild:environment.environmentVariables.name": list(BUILD_VARIABLES)},
        "Null": {f"codebuild:{member}": "true" for member in NEVER_OVERRIDDEN},
    }
    return document(look, *follow, allow("Build", ["codebuild:StartBuild"], [arn], conditions))
