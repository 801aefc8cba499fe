"""All resource types of the table, by token."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from local.providers.aws.services import ec2_network, iam, s3_bucket
from local.providers.aws.table import REPLACES, Property, Resource

_REGION = Property("region", computed=True, replaces=REPLACES)


def _with_region(resource: Resource) -> Resource:
    """Since version 7 every resource of a regional service has a `region` of its own."""
    return replace(resource, properties=(*resource.properties, _REGION)) if resource.regional else resource


RESOURCES: Final[Mapping[str, Resource]] = {
    resource.type: _with_region(resource) for module in (ec2_network, s3_bucket, iam) for resource in module.TYPES
}
"""Token (`aws:ec2/vpc:Vpc`) → entry."""
