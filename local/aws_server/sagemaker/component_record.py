"""An inference component as it is kept: a model of which copies run on an endpoint's instances.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeInferenceComponent.html
"""

import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.aws_server.operations import Server
from local.aws_server.sagemaker.endpoint_record import Deployment
from local.aws_server.sagemaker.status import WithStatus

KIND = "sagemaker:inference-component"
BUSY = frozenset({"Creating", "Updating", "Deleting"})


@dataclass
class ComponentRecord(WithStatus):
    """One inference component.

    specification: the request's. copies: what is wanted; current: what answers. deployment: what serves. pending: what
    an unfinished CreateInferenceComponent or UpdateInferenceComponent brings, with its specification.
    """

    name: str
    region: str
    arn: str
    endpoint: str
    endpoint_arn: str
    variant: str
    specification: dict[str, Any]
    copies: int
    created: datetime
    modified: datetime
    current: int = 0
    status: str = "Creating"
    failure: str = ""
    deployment: Deployment | None = None
    pending: Deployment | None = None
    pending_specification: dict[str, Any] | None = None
    revisions: int = 1

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.name}"

    def summary(self) -> dict[str, Any]:
        """One entry of ListInferenceComponents."""
        return {
            "InferenceComponentName": self.name,
            "InferenceComponentArn": self.arn,
            "EndpointName": self.endpoint,
            "EndpointArn": self.endpoint_arn,
            "VariantName": self.variant,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "InferenceComponentStatus": self.status,
        }

    def description(self) -> dict[str, Any]:
        """DescribeInferenceComponent's answer."""
        shown = copy.deepcopy(self.specification)
        if container := shown.get("Container"):
            image = container.pop("Image")
            deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.created}
            container["DeployedImage"] = deployed
        failure = {"FailureReason": self.failure} if self.failure else {}
        counts = {"DesiredCopyCount": self.copies, "CurrentCopyCount": self.current}
        return {**self.summary(), "Specification": shown, "RuntimeConfig": counts, **failure}


def load(server: Server, region: str, name: str) -> ComponentRecord | None:
    """A copy of a component's record."""
    return copy.deepcopy(server.records.get(KIND, f"{region}/{name}"))


def components_of(server: Server, region: str, endpoint: str) -> list[ComponentRecord]:
    """Those of an endpoint."""
    found: list[ComponentRecord] = [record for _, record in server.records.items(KIND, f"{region}/")]
    return [record for record in found if record.endpoint == endpoint]


def save(server: Server, record: ComponentRecord) -> None:
    """Once this returns, the record survives this process."""
    server.records.put(KIND, record.key, record)
