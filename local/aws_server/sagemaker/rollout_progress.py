"""How far an update has come, as DescribeEndpoint tells it.

Statuses: VariantStatus of the service model. Messages: the examples of
https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html (deployment state change).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws_server.sagemaker.plane import now


@dataclass(frozen=True)
class Stage:
    """What is being done with a variant of the new fleet, since when."""

    status: str
    message: str
    since: datetime

    def shown(self) -> dict[str, Any]:
        """As a VariantStatus of the API."""
        return {"Status": self.status, "StatusMessage": self.message, "StartTime": self.since}


@dataclass
class Progress:
    """Of one update: instances that take requests, in the new fleet (`active`) and in the old one, by variant."""

    started: datetime = field(default_factory=now)
    stages: dict[str, Stage] = field(default_factory=dict[str, Stage])
    active: dict[str, int] = field(default_factory=dict[str, int])
    old: dict[str, int] = field(default_factory=dict[str, int])

    def enter(self, status: str, instances: Mapping[str, int], message: str) -> None:
        """All variants move to a stage; `{}` in the message stands for the variant's instances."""
        moment = now()
        self.stages = {name: Stage(status, message.format(count), moment) for name, count in instances.items()}
