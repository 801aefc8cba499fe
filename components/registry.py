"""Container image repositories."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.placement import Placement


@dataclass(frozen=True, kw_only=True)
class ImageRegistryArgs:
    """What the repositories need.

    repositories: purposes, one repository each (`training`, `serving`).
    kms_key_arn: key that encrypts the images.
    keep_images: newest tagged images that are kept (1 or more).
    untagged_days: days after which an image that lost its tag is deleted (1 or more).
    delete_contents: let a destroy delete repositories that still hold images.
    protect: refuse to delete or replace the repositories.
    """

    placement: Placement
    repositories: Sequence[str]
    kms_key_arn: pulumi.Input[str]
    keep_images: int = 100
    untagged_days: int = 7
    delete_contents: bool = False
    protect: bool = True


class ImageRegistry(pulumi.ComponentResource):
    """ECR repositories whose tags never move and whose images are scanned when pushed."""

    urls: dict[str, pulumi.Output[str]]
    """Purpose to repository URL without a tag."""
    arns: dict[str, pulumi.Output[str]]
    """Purpose to repository ARN."""

    def __init__(self, name: str, args: ImageRegistryArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:registry:ImageRegistry", name, None, opts)
        self.urls, self.arns = {}, {}
        for purpose in args.repositories:
            repository = aws.ecr.Repository(
                f"{name}-{purpose}",
                name=f"groundwork/{args.placement.environment}/{purpose}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.kms_key_arn)
                ],
                force_delete=args.delete_contents,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{purpose}-lifecycle",
                repository=repository.name,
                policy=lifecycle_policy(args.keep_images, args.untagged_days),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.urls[purpose], self.arns[purpose] = repository.repository_url, repository.arn
        self.register_outputs({"urls": self.urls})


def lifecycle_policy(keep_images: int, untagged_days: int) -> str:
    """ECR lifecycle policy: untagged images go after some days, tagged ones beyond a number.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days"}
    rules = [
        {
            "rulePriority": 1,
            "description": f"Untagged images live {untagged_days} days",
            "selection": {**untagged, "countNumber": untagged_days},
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": f"The newest {keep_images} images stay",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep_images},
            "action": {"type": "expire"},
        },
    ]
    return json.dumps({"rules": rules})
