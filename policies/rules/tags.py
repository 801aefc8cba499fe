"""Everything on AWS says whose it is."""

from collections.abc import Iterator

from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import UNKNOWN, at

REQUIRED = ("managed-by", "groundwork:environment")
PROVIDER = "pulumi:providers:aws"


@resource_rule("tags-present", "Every AWS resource carries the platform's tags.")
def tags_present(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """AWS resources whose provider does not tag them: its default tags reach every resource that takes tags."""
    if not resource.type.startswith("aws:"):
        return
    tags = at(resource.provider, "defaultTags.tags")
    if tags is UNKNOWN:
        return
    missing = [key for key in REQUIRED if not (isinstance(tags, dict) and tags.get(key))]
    if missing:
        yield (
            f"{resource.name} is made by a provider that does not set {', '.join(missing)}. Hand the platform's "
            f"provider to it (infra/providers.py: `aws_provider`), or give its provider these default tags."
        )
