"""The ground that leftovers are planted in: an environment on an AWS server, its clients, its tags and its roles."""

import json
from typing import Any

from components.tagging import ENVIRONMENT_TAG
from tests.local.sagemaker_server import SageMakerServer

ACCOUNT = "123456789012"


class Bed:
    """What is planted for which environment. `ids` maps each kind's word to the id of the planted one."""

    subnets: list[str]
    vpc: str

    def __init__(self, server: SageMakerServer):
        self._server = server
        self._clients: dict[str, Any] = {}
        self.ids: dict[str, dict[str, str]] = {}

    def client(self, service: str) -> Any:
        """A client of the server."""
        if service not in self._clients:
            self._clients[service] = self._server.client(service)
        return self._clients[service]

    def prepare(self, environment: str) -> None:
        """From here on, what is planted is this environment's."""
        self._env = environment
        self._name = f"groundwork-{environment}"
        self._tags = {ENVIRONMENT_TAG: environment, "managed-by": "groundwork"}
        self._list = [{"Key": key, "Value": value} for key, value in self._tags.items()]

    def _spec(self, kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": self._list}]

    def _trusted(self, word: str, *services: str, name: str = "") -> None:
        """A role that these services may take."""
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": list(services)},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        self.client("iam").create_role(
            RoleName=name or f"{word}-{self._env}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
