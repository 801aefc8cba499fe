"""The registries that ECR can copy from, by the word that settings use."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Upstream:
    """A registry.

    url: its address. needs_secret: it answers only those who log in.
    """

    url: str
    needs_secret: bool = False


UPSTREAMS: Mapping[str, Upstream] = {
    "ecr": Upstream("public.ecr.aws"),
    "k8s": Upstream("registry.k8s.io"),
    "quay": Upstream("quay.io"),
    "docker": Upstream("registry-1.docker.io", needs_secret=True),
    "github": Upstream("ghcr.io", needs_secret=True),
}
"""Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-creating-rule.html"""
