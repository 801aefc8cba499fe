"""An endpoint as it is kept."""

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws_server.sagemaker.plane import Plane, now

KIND = "sagemaker:endpoint"
BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass
class Deployment:
    """What an endpoint runs: a copy of its configuration and containers, so that deleting either changes nothing.

    containers: variant name to {"Image", "ModelDataUrl"?, "ModelDataSource"?, "Environment", "ExecutionRoleArn"?}.
    weights, counts: variant name to its weight and instance count, as they are now.
    """

    config: dict[str, Any]
    containers: dict[str, dict[str, Any]]
    weights: dict[str, float]
    counts: dict[str, int]
    folder: str

    def variant(self, name: str) -> dict[str, Any]:
        """A production variant's configuration."""
        return next(each for each in self.config["ProductionVariants"] if each["VariantName"] == name)


@dataclass
class EndpointRecord:
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

    def enter(self, status: str, failure: str = "") -> None:
        """Moves to a status; an earlier FailureReason goes."""
        self.status, self.failure, self.modified = status, failure[:1024], now()

    def summary(self) -> dict[str, Any]:
        """One entry of ListEndpoints."""
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "EndpointStatus": self.status,
        }

    def description(self) -> dict[str, Any]:
        """DescribeEndpoint's answer."""
        shown = self.deployment or self.pending
        assert shown is not None
        answer: dict[str, Any] = {**self.summary(), "EndpointConfigName": shown.config["EndpointConfigName"]}
        if self.failure:
            answer["FailureReason"] = self.failure
        if self.deployment is not None:
            answer["ProductionVariants"] = self._variants(self.deployment)
            if capture := self.deployment.config.get("DataCaptureConfig"):
                enabled = capture.get("EnableCapture", True)
                answer["DataCaptureConfig"] = {
                    "EnableCapture": enabled,
                    "CaptureStatus": "Started" if enabled else "Stopped",
                    "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                    "DestinationS3Uri": capture["DestinationS3Uri"],
                    "KmsKeyId": capture.get("KmsKeyId", ""),
                }
        if self.pending is not None and self.deployment is not None:
            answer["PendingDeploymentSummary"] = {
                "EndpointConfigName": self.pending.config["EndpointConfigName"],
                "StartTime": self.modified,
                "ProductionVariants": [
                    {"VariantName": name, "DesiredWeight": weight, "DesiredInstanceCount": self.pending.counts[name]}
                    for name, weight in self.pending.weights.items()
                ],
            }
        if self.deployment_config:
            answer["LastDeploymentConfig"] = self.deployment_config
        return answer

    def _variants(self, deployment: Deployment) -> list[dict[str, Any]]:
        variants: list[dict[str, Any]] = []
        for name, weight in deployment.weights.items():
            count = deployment.counts[name]
            image = deployment.containers[name]["Image"]
            shown = {
                "VariantName": name,
                "DeployedImages": [
                    {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.created},
                ],
                "CurrentWeight": weight,
                "DesiredWeight": weight,
            }
            if serverless := deployment.variant(name).get("ServerlessConfig"):
                shown["CurrentServerlessConfig"] = shown["DesiredServerlessConfig"] = serverless
            else:
                shown |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
            variants.append(shown)
        return variants


def load(plane: Plane, region: str, name: str) -> EndpointRecord | None:
    """A copy of an endpoint's record."""
    return copy.deepcopy(plane.server.records.get(KIND, f"{region}/{name}"))


def save(plane: Plane, record: EndpointRecord) -> None:
    """Once this returns, the record survives this process."""
    plane.server.records.put(KIND, record.key, record)
