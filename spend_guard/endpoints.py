"""Endpoints: what they cost is metered from look to look, because SageMaker keeps no record of how long one ran."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from prices import Machines

CHARGED = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
"""States in which its machines run (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html)."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that is charged for. machines: what runs now; variants without machines cost by use, and are left
    out (`by_use` says that there are some)."""

    name: str
    arn: str
    role_arn: str
    created: datetime
    machines: tuple[Machines, ...]
    by_use: bool


@dataclass(frozen=True, kw_only=True)
class Metered:
    """What an endpoint has cost this month. until: the look up to which it is counted."""

    team: str
    usd: Decimal
    until: datetime

    def after(self, now: datetime, hourly: Decimal) -> "Metered":
        """With what came on top since the last look."""
        hours = Decimal(str(max((now - self.until).total_seconds(), 0))) / 3600
        return Metered(team=self.team, usd=self.usd + hourly * hours, until=now)


def endpoints(sagemaker: Any) -> Iterator[Endpoint]:
    """Every endpoint that is charged for."""
    request: dict[str, Any] = {"MaxResults": 100}
    while True:
        answer = sagemaker.list_endpoints(**request)
        for summary in answer["Endpoints"]:
            if summary["EndpointStatus"] in CHARGED:
                yield _describe(sagemaker, summary["EndpointName"])
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]


def _describe(sagemaker: Any, name: str) -> Endpoint:
    answer: Mapping[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=answer["EndpointConfigName"])
    types = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
    machines: list[Machines] = []
    by_use = False
    for variant in answer.get("ProductionVariants") or ():
        kind = types.get(variant["VariantName"])
        if kind:
            machines.append(Machines(kind, variant.get("CurrentInstanceCount") or 0))
        else:
            by_use = True
    return Endpoint(
        name=name,
        arn=answer["EndpointArn"],
        role_arn=config.get("ExecutionRoleArn") or _role(sagemaker, config["ProductionVariants"]),
        created=answer["CreationTime"],
        machines=tuple(one for one in machines if one.count),
        by_use=by_use,
    )


def _role(sagemaker: Any, variants: list[Mapping[str, Any]]) -> str:
    model = next((variant["ModelName"] for variant in variants if variant.get("ModelName")), None)
    return sagemaker.describe_model(ModelName=model).get("ExecutionRoleArn", "") if model else ""
