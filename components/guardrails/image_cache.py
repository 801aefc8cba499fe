"""Copies of public images in the account's own registry, so that a node needs no other registry to start a pod."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.guardrails.upstreams import UPSTREAMS
from components.iam import allow, document, written_with
from components.placement import Placement

LONGEST_PREFIX = 30
"""https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreatePullThroughCacheRule.html"""


@dataclass(frozen=True, kw_only=True)
class ImageCacheArgs:
    """What the copies need.

    upstreams: names of UPSTREAMS.
    secret_arns: upstream to the Secrets Manager secret with its login, for those that need one. The secret's name
        begins with `ecr-pullthroughcache/`; it lies in the same account and region, with `username` and `accessToken`.
    node_role_name: role of the cluster's nodes, which fill the cache when they first ask for an image.
    """

    placement: Placement
    upstreams: tuple[str, ...]
    secret_arns: Mapping[str, str] = field(default_factory=dict[str, str])
    node_role_name: pulumi.Input[str]


class ImageCache(pulumi.ComponentResource):
    """One pull-through cache rule an upstream, under a prefix that no other environment of the account has."""

    prefixes: dict[str, str]
    """Upstream to what stands before an image's name: `<account>.dkr.ecr.<region>.amazonaws.com/<prefix>/<image>`."""

    def __init__(self, name: str, args: ImageCacheArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:ImageCache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.prefixes = {upstream: cache_prefix(args.placement.environment, upstream) for upstream in args.upstreams}
        for upstream, prefix in self.prefixes.items():
            aws.ecr.PullThroughCacheRule(
                f"{name}-{upstream}",
                ecr_repository_prefix=prefix,
                upstream_registry_url=UPSTREAMS[upstream].url,
                credential_arn=args.secret_arns.get(upstream),
                opts=child,
            )
        aws.iam.RolePolicy(
            f"{name}-policy",
            name="image-cache",
            role=args.node_role_name,
            policy=written_with(
                fill_policy,
                partition=args.placement.partition,
                region=args.placement.region,
                account_id=args.placement.account_id,
                prefixes=list(self.prefixes.values()),
            ),
            opts=child,
        )
        self.register_outputs({})


def cache_prefix(environment: str, upstream: str) -> str:
    """First part of the names of an upstream's copies."""
    return f"gw-{environment}/{upstream}"


def fill_policy(partition: str, region: str, account_id: str, prefixes: list[str]) -> str:
    """Who first asks for an image makes its repository and fetches it.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
    """
    registry = f"arn:{partition}:ecr:{region}:{account_id}:repository"
    return document(
        allow(
            "FillTheCache",
            ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"],
            [f"{registry}/{prefix}/*" for prefix in prefixes],
        )
    )
