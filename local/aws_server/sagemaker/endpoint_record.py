"""An endpoint as it is kept."""

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.status import WithStatus

KIND = "sagemaker:endpoint"
BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass
class Deployment:
    """What an endpoint or an inference component runs: a copy of its configuration and containers, so that deleting
    either changes nothing.

    containers: variant name to {"Image", "ModelDataUrl"?, "ModelDataSource"?, "Environment", "ExecutionRoleArn"?}; a
        variant that hosts inference components has none.
    weights, counts: variant name to its weight and instance count, as they are now; shadow variants are among them.
    """

    config: dict[str, Any]
    containers: dict[str, dict[str, Any]]
    weights: dict[str, float]
    counts: dict[str, int]
    folder: str

    @property
    def production(self) -> list[str]:
        """Names of the variants that answer."""
        return [each["VariantName"] for each in self.config["ProductionVariants"]]

    @property
    def component(self) -> str:
        """Name of the inference component whose copies these are; "" where a variant has a model of its own."""
        return self.config.get("InferenceComponentName", "")

    @property
    def hosts(self) -> list[str]:
        """Names of the variants that have no model: inference components bring theirs."""
        return [name for name in self.production if name not in self.containers]

    @property
    def shadows(self) -> list[str]:
        """Names of the variants that get copies of requests."""
        return [each["VariantName"] for each in self.config.get("ShadowProductionVariants") or ()]

    def variant(self, name: str) -> dict[str, Any]:
        """A variant's configuration."""
        variants = [*self.config["ProductionVariants"], *(self.config.get("ShadowProductionVariants") or ())]
        return next(each for each in variants if each["VariantName"] == name)


@dataclass
class EndpointRecord(WithStatus):
    """One endpoint.

    deployment: what serves. pending: what an unfinished CreateEndpoint or UpdateEndpoint brings.
    """

    name: str
    region: str
    arn: str
    created: datetime
    modified: datetime
    status: str = "Creating"
    failure: str = ""
    deployment: Deployment | None = None
    pending: Deployment | None = None
    deployment_config: dict[str, Any] = field(default_factory=dict[str, Any])
    revisions: int = 0

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.name}"

    def summary(self) -> dict[str, Any]:
        """One entry of ListEndpoints."""
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "EndpointStatus": self.status,
        }


def load(plane: Plane, region: str, name: str) -> EndpointRecord | None:
    """A copy of an endpoint's record."""
    return copy.deepcopy(plane.server.records.get(KIND, f"{region}/{name}"))


def save(plane: Plane, record: EndpointRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
