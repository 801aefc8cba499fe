"""What a member of a team meets: IAM refuses names that do not begin with the team's, networks fail, the SDK checks."""

import os
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ml.aws import Clients
from ml.commands.endpoint_status import status_if_there
from ml.commands.endpoints import find
from ml.commands.jobs import _follow
from ml.commands.output import Format
from ml.environment import Environment
from ml.errors import EnvironmentNotReadyError, NotFoundError
from ml.sessions import _accept_least_privilege, _with_network
from ml.targets.sagemaker import jobs
from tests.unit.memory_s3 import environment
from tests.unit.ml_contract import contract

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class ForResearch:
    """SageMaker as a member of the team research sees it: one job, one endpoint."""

    def _check(self, operation: str, name: str) -> None:
        if not name.startswith("research-"):
            message = f"not authorized to perform: sagemaker:{operation} on resource: {name}"
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)
        if name not in {"research-flights", "research-flights-20261121-101500-00ff", "research-config"}:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": f"Could not find {name}."}}, operation
            )

    def list_training_jobs(self, **call: Any) -> Any:
        names = ["research-flights-20261121-101500-00ff", "ranking-flights-20261121-101500-00ff"]
        return {
            "TrainingJobSummaries": [
                {"TrainingJobName": name} for name in names if call.get("NameContains", "") in name
            ]
        }

    def describe_training_job(self, **call: Any) -> Any:
        self._check("DescribeTrainingJob", call["TrainingJobName"])
        return {
            "TrainingJobName": call["TrainingJobName"],
            "TrainingJobStatus": "Completed",
            "CreationTime": NOW,
            "AlgorithmSpecification": {},
        }

    def list_endpoints(self, **call: Any) -> Any:
        names = ["research-flights", "ranking-queue"]
        return {"Endpoints": [{"EndpointName": name} for name in names if call.get("NameContains", "") in name]}

    def describe_endpoint(self, **call: Any) -> Any:
        self._check("DescribeEndpoint", call["EndpointName"])
        return {
            "EndpointName": call["EndpointName"],
            "EndpointStatus": "InService",
            "EndpointConfigName": "research-config",
            "LastModifiedTime": NOW,
        }

    def describe_endpoint_config(self, **call: Any) -> Any:
        self._check("DescribeEndpointConfig", call["EndpointConfigName"])
        return {"ProductionVariants": [{"ModelName": "research-flights-20261121-101500-00ff-12345678"}]}


def test_a_job_named_without_the_team_is_not_found_and_near_ones_are_named() -> None:
    with pytest.raises(NotFoundError, match=r"Near: .*research-flights"):
        jobs.find(ForResearch(), "flights")
    assert jobs.find(ForResearch(), "research-flights").name == "research-flights-20261121-101500-00ff"


def test_another_teams_job_is_refused_and_not_said_to_be_missing() -> None:
    with pytest.raises(ClientError, match="not authorized"):
        jobs.find(ForResearch(), "ranking-flights-20261121-101500-00ff")


def test_an_endpoint_is_found_without_the_teams_name() -> None:
    assert find(ForResearch(), "flights").name == "research-flights"
    theirs = environment({"sagemaker": ForResearch()})
    assert status_if_there(theirs, "nothing-like-it", Format.TEXT) is None


def test_a_model_trainer_that_names_no_network_gets_the_platforms() -> None:
    config = _with_network({}, contract())
    networking = config["SageMaker"]["PythonSDK"]["Modules"]["ModelTrainer"]["networking"]
    assert networking == {"subnets": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}
    assert config["SchemaVersion"] == "1.0"


def test_what_the_sdks_own_configuration_says_comes_first() -> None:
    own = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"ModelTrainer": {"networking": {"a": 1}}}}}}
    assert _with_network(own, contract())["SageMaker"]["PythonSDK"]["Modules"]["ModelTrainer"]["networking"] == {"a": 1}


def test_the_sdks_check_of_roles_is_left_out_unless_somebody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "true")
    _accept_least_privilege()
    assert os.environ["SAGEMAKER_VALIDATE_ROLE"] == "true"
    monkeypatch.delenv("SAGEMAKER_VALIDATE_ROLE")
    _accept_least_privilege()
    assert os.environ["SAGEMAKER_VALIDATE_ROLE"] == "false"


def test_a_follower_that_loses_the_environment_says_that_the_job_does_not_depend_on_it() -> None:
    class Gone:
        region = "us-east-1"

        def client(self, service: str) -> Any:
            return self

        def describe_training_job(self, **_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://api.sagemaker.us-east-1.amazonaws.com/")

    environment = Environment(name="dev", profile="groundwork-dev", clients=cast("Clients", Gone()))
    with pytest.raises(EnvironmentNotReadyError, match="ml logs -f research-x --env dev") as raised:
        _follow(environment, "research-x", Format.TEXT, show_log=False)
    assert "does not answer" in str(raised.value)
