"""All resource types of the table, by token."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from local.providers.aws.services import (
    amp,
    budgets,
    cloudtrail,
    cloudwatch,
    codebuild,
    codeconnections,
    cost_explorer,
    ec2_endpoints,
    ec2_launch,
    ec2_network,
    ec2_routing,
    ec2_security,
    ecr,
    ecr_pull_through,
    ecr_registry,
    eks,
    eks_access,
    eks_node_groups,
    functions,
    grafana,
    iam,
    iam_oidc,
    kms,
    logs,
    mlflow_app,
    rds,
    s3_bucket,
    s3_object_lock,
    s3_settings,
    sagemaker,
    schedules,
    sns,
    ssm,
)
from local.providers.aws.table import REPLACES, Property, Resource

_MODULES = (
    amp,
    sns,
    cloudwatch,
    ec2_network,
    ec2_routing,
    ec2_endpoints,
    ec2_security,
    ec2_launch,
    kms,
    rds,
    s3_bucket,
    s3_settings,
    ecr,
    iam,
    eks,
    eks_access,
    eks_node_groups,
    logs,
    mlflow_app,
    sagemaker,
    ssm,
    codebuild,
    codeconnections,
    ecr_registry,
    iam_oidc,
    budgets,
    cloudtrail,
    cost_explorer,
    ecr_pull_through,
    s3_object_lock,
    grafana,
    functions,
    schedules,
)
_REGION = Property("region", computed=True, replaces=REPLACES)


def _with_region(resource: Resource) -> Resource:
    """Since version 7 every resource of a regional service has a `region` of its own."""
    return replace(resource, properties=(*resource.properties, _REGION)) if resource.regional else resource


RESOURCES: Final[Mapping[str, Resource]] = {
    resource.type: _with_region(resource) for module in _MODULES for resource in module.TYPES
}
"""Token (`aws:ec2/vpc:Vpc`) → entry."""
