"""Rules by which ECR keeps copies of other registries' images."""

from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource

_GONE = ("PullThroughCacheRuleNotFoundException",)

PULL_THROUGH_CACHE_RULE = Resource(
    type="aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
    service="ecr",
    docs=page("pullthroughcacherule", "ecr"),
    id="{ecrRepositoryPrefix}",
    properties=(
        Property("ecrRepositoryPrefix", required=True, replaces=REPLACES),
        Property("upstreamRegistryUrl", required=True, replaces=REPLACES),
        Property("upstreamRepositoryPrefix", computed=True, replaces=REPLACES),
        Property("credentialArn"),
        Property("customRoleArn"),
    ),
    create=Call(
        "CreatePullThroughCacheRule",
        {
            "ecrRepositoryPrefix": "$ecrRepositoryPrefix",
            "upstreamRegistryUrl": "$upstreamRegistryUrl",
            "upstreamRepositoryPrefix": "$upstreamRepositoryPrefix",
            "credentialArn": "$credentialArn",
            "customRoleArn": "$customRoleArn",
        },
    ),
    reads=(
        Read(
            "DescribePullThroughCacheRules",
            {"ecrRepositoryPrefixes": ["$id"]},
            "pullThroughCacheRules[0]",
            gone=_GONE,
        ),
    ),
    updates=(
        Call(
            "UpdatePullThroughCacheRule",
            {"ecrRepositoryPrefix": "$id", "credentialArn": "$credentialArn", "customRoleArn": "$customRoleArn"},
            on=("credentialArn", "customRoleArn"),
        ),
    ),
    delete=(Call("DeletePullThroughCacheRule", {"ecrRepositoryPrefix": "$id"}, ignore=_GONE),),
    outputs={"registryId": "registryId"},
    stable=("registryId",),
    unique=("ecrRepositoryPrefix",),
)

TYPES = (PULL_THROUGH_CACHE_RULE,)
