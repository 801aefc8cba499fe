"""Image repositories."""

from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource, Tagging

_GONE = ("RepositoryNotFoundException",)

REPOSITORY = Resource(
    type="aws:ecr/repository:Repository",
    service="ecr",
    docs=page("repository", "ecr"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=256, path="repositoryName"),
        Property("imageTagMutability", default="MUTABLE"),
        Property("imageScanningConfiguration", "block", computed=True, fields=(Property("scanOnPush", required=True),)),
        Property(
            "encryptionConfigurations",
            "blocks",
            computed=True,
            replaces=REPLACES,
            path="encryptionConfiguration",
            fields=(Property("encryptionType", default="AES256"), Property("kmsKey", computed=True)),
        ),
        Property("forceDelete", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateRepository",
        {
            "repositoryName": "$name",
            "imageTagMutability": "$imageTagMutability",
            "imageScanningConfiguration": "$imageScanningConfiguration",
            "encryptionConfiguration": "$encryptionConfigurations.0",
        },
    ),
    reads=(
        Read("DescribeRepositories", {"repositoryNames": ["$id"]}, "repositories[0]", gone=_GONE),
        Read("ListTagsForResource", {"resourceArn": "$document.repositoryArn"}, "tags", into="tags"),
    ),
    updates=(
        Call(
            "PutImageTagMutability",
            {"repositoryName": "$id", "imageTagMutability": "$imageTagMutability"},
            on=("imageTagMutability",),
        ),
        Call(
            "PutImageScanningConfiguration",
            {"repositoryName": "$id", "imageScanningConfiguration": "$imageScanningConfiguration"},
            on=("imageScanningConfiguration",),
        ),
    ),
    delete=(Call("DeleteRepository", {"repositoryName": "$id", "force": "$forceDelete"}, ignore=_GONE),),
    outputs={"arn": "repositoryArn", "registryId": "registryId", "repositoryUrl": "repositoryUri"},
    stable=("arn", "registryId", "repositoryUrl"),
    tagging=Tagging(
        member="tags",
        style="pairs",
        path="tags",
        add=Call("TagResource", {"resourceArn": "$arn", "tags": "$tags"}),
        remove=Call("UntagResource", {"resourceArn": "$arn", "tagKeys": "$tagKeys"}),
    ),
    unique=("name",),
)

LIFECYCLE_POLICY = Resource(
    type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
    service="ecr",
    docs=page("lifecyclepolicy", "ecr"),
    id="{repository}",
    properties=(
        Property("repository", required=True, replaces=REPLACES, path="repositoryName"),
        Property("policy", "json", required=True, replaces=REPLACES, path="lifecyclePolicyText"),
    ),
    create=Call("PutLifecyclePolicy", {"repositoryName": "$repository", "lifecyclePolicyText": "$policy"}),
    reads=(Read("GetLifecyclePolicy", {"repositoryName": "$id"}, gone=("LifecyclePolicyNotFoundException", *_GONE)),),
    delete=(
        Call(
            "DeleteLifecyclePolicy",
            {"repositoryName": "$id"},
            ignore=("LifecyclePolicyNotFoundException", *_GONE),
        ),
    ),
    outputs={"registryId": "registryId"},
    stable=("registryId",),
    unique=("repository",),
)

TYPES = (REPOSITORY, LIFECYCLE_POLICY)
