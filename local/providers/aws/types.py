"""All resource types of the table, by token."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from local.providers.aws.services import (
    ec2_endpoints,
    ec2_network,
    ec2_routing,
    ec2_security,
    ecr,
    eks,
    eks_access,
    iam,
    kms,
    logs,
    s3_bucket,
    s3_settings,
    sagemaker,
    ssm,
)
from local.providers.aws.table import REPLACES, Property, Resource

_MODULES = (
    ec2_network,
    ec2_routing,
    ec2_endpoints,
    ec2_security,
    kms,
    s3_bucket,
    s3_settings,
    ecr,
    iam,
    eks,
    eks_access,
    logs,
    sagemaker,
    ssm,
)
_REGION = Property("region", computed=True, replaces=REPLACES)


def _with_region(resource: Resource) -> Resource:
    """Since version 7 every resource of a regional service has a `region` of its own."""
    return replace(resource, properties=(*resource.properties, _REGION)) if resource.regional else resource


RESOURCES: Final[Mapping[str, Resource]] = {
    resource.type: _with_region(resource) for module in _MODULES for resource in module.TYPES
}
"""Token (`aws:ec2/vpc:Vpc`) → entry."""
