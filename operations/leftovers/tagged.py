"""The net below the tables: resources of kinds that no table knows, found by their tag alone."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from components.tagging import ENVIRONMENT_TAG
from operations.leftovers.finding import Fate, Finding
from operations.leftovers.kind import Clients
from operations.leftovers.ownership import Scope

LISTED = frozenset(
    {
        *("aps:scraper", "aps:workspace", "autoscaling:autoScalingGroup", "budgets:budget", "ce:anomalymonitor"),
        *("ce:anomalysubscription", "cloudtrail:trail", "cloudwatch:alarm", "codebuild:project", "ecr:repository"),
        *("ec2:elastic-ip", "ec2:image", "ec2:instance", "ec2:internet-gateway", "ec2:launch-template"),
        *("ec2:natgateway", "ec2:network-interface", "ec2:placement-group", "ec2:route-table", "ec2:security-group"),
        *("ec2:snapshot", "ec2:subnet", "ec2:volume", "ec2:vpc", "ec2:vpc-endpoint", "ec2:vpc-flow-log"),
        *(
            "eks:cluster",
            "elasticloadbalancing:loadbalancer",
            "elasticloadbalancing:targetgroup",
            "grafana:/workspaces",
        ),
        *("iam:instance-profile", "iam:oidc-provider", "iam:policy", "iam:role", "kms:alias", "kms:key"),
        *("lambda:function", "logs:log-group", "rds:db", "rds:pg", "rds:snapshot", "rds:subgrp", "s3:"),
        *(
            "sagemaker:endpoint",
            "sagemaker:endpoint-config",
            "sagemaker:mlflow-app",
            "sagemaker:mlflow-tracking-server",
        ),
        *("sagemaker:model", "sagemaker:model-package-group", "sagemaker:processing-job", "sagemaker:training-job"),
        *("scheduler:schedule", "secretsmanager:secret", "sns:", "ssm:parameter"),
    }
)
"""Service and resource type, as ARNs have them, of what the tables list themselves. About these the tagging service is
not asked: it also names "previously tagged resources", which are deleted already
(https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html)."""
GO_ALONG = frozenset(
    {
        *("aps:rulegroupsnamespace", "ec2:security-group-rule", "eks:access-entry"),
        *("eks:addon", "eks:nodegroup", "eks:podidentityassociation", "elasticloadbalancing:listener"),
        *("elasticloadbalancing:listener-rule", "sagemaker:model-package"),
    }
)
"""Parts that go with what they belong to."""


def strangers(clients: Clients, scope: Scope, found: Collection[str]) -> Iterator[Finding]:
    """Resources with the environment's tag that no table lists; nothing here knows how to remove them.

    found: ids of what the tables have found, by which the end of an ARN is recognized.
    """
    wanted = [{"Key": ENVIRONMENT_TAG, "Values": [scope.environment]}]
    pages: Any = clients("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=wanted)
    for page in pages:
        for resource in page["ResourceTagMappingList"]:
            arn: str = resource["ResourceARN"]
            known = re.split("[/:]", arn)[-1] in found
            if (kind := kind_of(arn)) not in LISTED | GO_ALONG and not known:
                yield Finding(
                    kind=kind.rstrip(":"),
                    id=arn,
                    name=arn,
                    why=f"tag {ENVIRONMENT_TAG}={scope.environment}",
                    fate=Fate.LEFTOVER,
                    item={"arn": arn},
                    by_hand="this command does not know its kind",
                )


def kind_of(arn: str) -> str:
    """Service and resource type of an ARN: `ec2:vpc`, `s3:`, `rds:db`."""
    parts = arn.split(":", 5)
    service, rest = parts[2], parts[5]
    if rest.startswith("/"):
        return f"{service}:/{rest.split('/')[1]}"
    if "/" in rest and ":" not in rest.split("/", 1)[0]:
        return f"{service}:{rest.split('/', 1)[0]}"
    return f"{service}:{rest.split(':', 1)[0]}" if ":" in rest else f"{service}:"
