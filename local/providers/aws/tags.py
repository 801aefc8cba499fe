"""Tags: the provider's default tags, and the ways in which services write tags."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.table import Tagging
from local.providers.values import UNKNOWN


def all_tags(default_tags: Mapping[str, str], tags: Any) -> Any:
    """`tagsAll`: a resource's own tags over the provider's default tags."""
    if tags is UNKNOWN:
        return UNKNOWN
    return {**default_tags, **(tags or {})}


def own_tags(actual: Mapping[str, str], default_tags: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """The tags that belong into a resource's inputs: all but those that the default tags bring by themselves.

    A default tag that somebody changed shows, and so does one that the resource sets itself.
    """
    return {key: value for key, value in actual.items() if key in before or default_tags.get(key) != value}


def wire(tagging: Tagging, tags: Mapping[str, str]) -> Any:
    """Tags as the service takes them in `Tagging.member` of its create operation."""
    if tagging.style == "map":
        return dict(tags)
    if tagging.style == "kms":
        return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    if tagging.style == "ec2":
        return [{"ResourceType": tagging.ec2_type, "Tags": pairs}]
    return pairs


def wire_list(tagging: Tagging, tags: Mapping[str, str]) -> Any:
    """Tags as the service takes them in its tagging operation."""
    if tagging.style == "ec2":
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    return wire(tagging, tags)


def parsed(raw: Any) -> dict[str, str]:
    """Tags as a mapping, from any style; those that AWS itself sets (`aws:`) are not the user's."""
    pairs = raw.items() if isinstance(raw, Mapping) else [_pair(item) for item in raw or []]
    return {str(key): str(value) for key, value in pairs if not str(key).startswith("aws:")}


def _pair(item: Mapping[str, str]) -> tuple[str, str]:
    members = {name.lower(): value for name, value in item.items()}
    return members.get("key", members.get("tagkey", "")), members.get("value", members.get("tagvalue", "")) or ""
