"""Where an image is pulled from: its own registry, or the account's copy of it."""

import pulumi

from components.guardrails.image_cache import cache_prefix
from components.guardrails.upstreams import UPSTREAMS
from infra.wiring.context import Context

HOSTS = {**{upstream.url: word for word, upstream in UPSTREAMS.items()}, "docker.io": "docker"}
"""How an image names its registry, to the word that settings have for it."""


def pulled(context: Context, image: str) -> pulumi.Input[str]:
    """The image as the nodes shall pull it: by the pull-through cache, where `guardrails.imageCache` has its registry.

    Tag and digest stay: the copy is the same image
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-working-pulling.html).
    """
    host, _, rest = image.partition("/")
    upstream = HOSTS.get(host)
    if upstream is None or upstream not in context.settings.guardrails.image_cache.upstreams:
        return image
    place = context.placement
    # The public's name of an AWS registry ends otherwise in China.
    suffix = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
    registry = pulumi.Output.concat(place.account_id, f".dkr.ecr.{place.region}.{suffix}")
    return pulumi.Output.concat(registry, f"/{cache_prefix(context.environment, upstream)}/{rest}")
