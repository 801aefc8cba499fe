"""What belongs to a bucket: AWS splits a bucket's settings over resources of their own."""

from collections.abc import Callable, Iterator, Sequence

from policies.model import Resource
from policies.values import at

BUCKET = "aws:s3/bucket:Bucket"


def buckets_without(
    resources: Sequence[Resource], kind: str, suits: Callable[[Resource], bool] = lambda _: True
) -> Iterator[Resource]:
    """The buckets that no resource of this kind, which suits, is about."""
    settings = [item for item in resources if item.type == kind and suits(item)]
    for bucket in resources:
        if bucket.type == BUCKET and not any(_about(item, bucket) for item in settings):
            yield bucket


def _about(item: Resource, bucket: Resource) -> bool:
    """Whether a resource's `bucket` is this one: by where the value comes from, or by the name itself."""
    if bucket.urn and bucket.urn in item.refers_to.get("bucket", frozenset()):
        return True
    name = at(item.props, "bucket")
    return isinstance(name, str) and name in (at(bucket.props, "bucket"), at(bucket.props, "id"))
