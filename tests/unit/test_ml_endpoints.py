"""Deployments against a SageMaker that only keeps records, and rows as requests."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.environment import Environment
from ml.errors import MlError, NotFoundError, SpecError
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker import endpoints, invoke
from ml.targets.sagemaker.endpoints import Target
from ml.targets.sagemaker.invoke import InvocationRequest, requests_in, table_of
from tests.unit.memory_images import MemoryLogs, MemoryRegistry, digest_of
from tests.unit.memory_s3 import environment as environment_of
from tests.unit.ml_contract import REGISTRY, contract

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Records:
    """SageMaker's models, configurations and endpoints, as the calls leave them."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}
        self.configs: dict[str, Any] = {}
        self.endpoints: dict[str, Any] = {}
        self.calls: list[str] = []

    def _get(self, kind: str, records: dict[str, Any], name: str) -> Any:
        if name not in records:
            message = f'Could not find {kind} "arn:aws:sagemaker:::{kind}/{name}".'
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, f"Describe{kind}")
        return records[name]

    def describe_model(self, **call: Any) -> Any:
        return self._get("model", self.models, call["ModelName"])

    def describe_endpoint_config(self, **call: Any) -> Any:
        return self._get("endpoint configuration", self.configs, call["EndpointConfigName"])

    def describe_endpoint(self, **call: Any) -> Any:
        return self._get("endpoint", self.endpoints, call["EndpointName"])

    def list_endpoints(self, **call: Any) -> Any:
        return {"Endpoints": [{"EndpointName": name} for name in self.endpoints]}

    def create_model(self, **call: Any) -> None:
        self.calls.append("create_model")
        self.models[call["ModelName"]] = call

    def create_endpoint_config(self, **call: Any) -> None:
        self.calls.append("create_endpoint_config")
        self.configs[call["EndpointConfigName"]] = call

    def create_endpoint(self, **call: Any) -> None:
        self.calls.append("create_endpoint")
        self.endpoints[call["EndpointName"]] = {**call, "EndpointStatus": "InService", "LastModifiedTime": NOW}

    def update_endpoint(self, **call: Any) -> None:
        self.calls.append("update_endpoint")
        self.endpoints[call["EndpointName"]] |= call

    def delete_endpoint(self, **call: Any) -> None:
        self.calls.append("delete_endpoint")
        del self.endpoints[call["EndpointName"]]


def environment(records: Any) -> Environment:
    return environment_of({"sagemaker": records, "ecr": MemoryRegistry(), "logs": MemoryLogs()})


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "team": "research",
        "job": "research-trial-20261121-101500-00ff",
        "model_data": "s3://artifacts/model.tar.gz",
        "endpoint": "research-trial",
        "instance": EndpointInstance.model_validate({}),
        "image": None,
        "environment": {},
    }
    return Target(**{**values, **changes})


def test_the_container_knows_what_the_open_inference_protocol_calls_its_model() -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target(called="trial"))
    (model,) = records.models.values()
    told = {"SERVING_MODEL_NAME": "trial", "SERVING_MODEL_VERSION": "research-trial-20261121-101500-00ff"}
    assert model["PrimaryContainer"]["Environment"].items() >= told.items()
    wanted = {"SERVING_MODEL_NAME": "flowers"}
    endpoints.deploy(environment(records), contract(), target(called="trial", environment=wanted))
    assert [one["PrimaryContainer"]["Environment"]["SERVING_MODEL_NAME"] for one in records.models.values()] == [
        "trial",
        "flowers",
    ]


def test_a_first_deployment_makes_all_three_with_tags_role_and_network() -> None:
    records = Records()
    assert endpoints.deploy(environment(records), contract(), target()).changed
    assert records.calls == ["create_model", "create_endpoint_config", "create_endpoint"]
    (model,) = records.models.values()
    assert model["PrimaryContainer"]["Image"] == f"{REGISTRY}/serving@{digest_of('0.1.0')}"
    assert model["ExecutionRoleArn"].endswith("role/research-execution")
    assert model["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]
    for made in (model, *records.configs.values(), *records.endpoints.values()):
        whose = {"groundwork:team", "groundwork:environment", "groundwork:owner"}
        assert {tag["Key"] for tag in made["Tags"]} - {"groundwork:audit"} == whose
    state = endpoints.describe(records, "research-trial")
    assert state.jobs == ("research-trial-20261121-101500-00ff",)


@pytest.mark.parametrize(("kind", "key"), [("ml.m5.large", True), ("ml.m5d.large", False), ("ml.g5.xlarge", False)])
def test_the_volume_gets_the_platforms_key_where_the_machine_takes_one(kind: str, key: bool) -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target(instance=EndpointInstance.model_validate({"type": kind})))
    (config,) = records.configs.values()
    assert config.get("KmsKeyId") == (contract().storage.kms_key_arn if key else None)


def test_another_teams_endpoint_is_listed_with_what_the_list_says() -> None:
    class OthersAreDenied(Records):
        def describe_endpoint(self, **call: Any) -> Any:
            if not call["EndpointName"].startswith("research-"):
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeEndpoint")
            return super().describe_endpoint(**call)

        def get_paginator(self, name: str) -> Any:
            assert name == "list_endpoints"
            entries = [
                {"EndpointStatus": "InService", "LastModifiedTime": NOW, **one} for one in self.endpoints.values()
            ]
            return SimpleNamespace(paginate=lambda **_: [{"Endpoints": entries}])

    records = OthersAreDenied()
    endpoints.deploy(environment(records), contract(), target())
    records.endpoints["ranking-x"] = {"EndpointName": "ranking-x"}
    own, other = endpoints.list_all(records)
    assert own.jobs == ("research-trial-20261121-101500-00ff",)
    assert (other.name, other.status, other.jobs) == ("ranking-x", "InService", ())
    assert [one.name for one in endpoints.list_all(records, "research-")] == ["research-trial"]


def test_the_same_deployment_again_changes_nothing() -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target())
    records.calls.clear()
    assert not endpoints.deploy(environment(records), contract(), target()).changed
    assert records.calls == []


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ({"job": "research-trial-20261122-101500-00ff"}, ["create_model", "create_endpoint_config", "update_endpoint"]),
        ({"environment": {"A": "1"}}, ["create_model", "create_endpoint_config", "update_endpoint"]),
        ({"image": "serving:0.2.0"}, ["create_model", "create_endpoint_config", "update_endpoint"]),
        (
            {"instance": EndpointInstance.model_validate({"count": 2})},
            ["create_endpoint_config", "update_endpoint"],
        ),
    ],
)
def test_what_changes_makes_what_it_needs_and_updates_the_endpoint(change: dict[str, Any], calls: list[str]) -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target())
    records.calls.clear()
    assert endpoints.deploy(environment(records), contract(), target(**change)).changed
    assert records.calls == calls


def test_an_endpoint_in_the_middle_of_a_change_is_left_alone() -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target())
    records.endpoints["research-trial"]["EndpointStatus"] = "Updating"
    with pytest.raises(MlError, match="is Updating: wait until that is over"):
        endpoints.deploy(environment(records), contract(), target(job="other"))


def test_an_endpoint_that_never_came_up_is_made_anew() -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target())
    records.endpoints["research-trial"]["EndpointStatus"] = "Failed"
    records.calls.clear()
    assert endpoints.deploy(environment(records), contract(), target()).changed
    assert records.calls == ["delete_endpoint", "create_endpoint"]


def test_names_stay_within_what_sagemaker_takes() -> None:
    records = Records()
    longest = target(job="r" * 31 + "-20261121-101500-00ff", endpoint="research-" + "e" * 22)
    endpoints.deploy(environment(records), contract(), longest)
    for name in (*records.models, *records.configs, *records.endpoints):
        assert len(name) <= 63


def test_an_endpoint_that_is_not_there_names_near_ones() -> None:
    records = Records()
    endpoints.deploy(environment(records), contract(), target())
    with pytest.raises(NotFoundError, match="Near: research-trial"):
        endpoints.describe(records, "research-trail")


def test_csv_is_sent_in_parts_that_each_have_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoke, "PART_BYTES", 8)
    parts = requests_in(b"a,b\n1,2\n3,4\n5,6\n", "rows.csv", None)
    assert [part.body for part in parts] == [b"a,b\n1,2\n3,4\n", b"a,b\n5,6\n"]
    assert {part.content_type for part in parts} == {"text/csv"}


def test_json_goes_whole_and_lines_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoke, "PART_BYTES", 4)
    assert requests_in(b"[[1],[2]]", "rows.json", None) == [InvocationRequest(b"[[1],[2]]", "application/json")]
    assert [part.body for part in requests_in(b"[1]\n[2]\n", "rows.jsonl", None)] == [b"[1]\n", b"[2]\n"]


def test_what_a_file_holds_must_be_known_and_not_be_nothing() -> None:
    with pytest.raises(SpecError, match="--content-type"):
        requests_in(b"x", "rows.data", None)
    with pytest.raises(SpecError, match="is empty"):
        requests_in(b" \n", "rows.csv", None)
    monstrous = b"[" + b"1," * invoke.MAX_BODY_BYTES + b"1]"
    with pytest.raises(SpecError, match="Use CSV or JSON lines"):
        requests_in(monstrous, "rows.json", None)


@pytest.mark.parametrize(
    ("answers", "rows"),
    [
        ([b'{"predictions": [1, 2]}', b'{"predictions": [3]}'], [1, 2, 3]),
        ([b"[[0.1, 0.9]]"], [[0.1, 0.9]]),
        ([b'{"label": "x"}'], [{"label": "x"}]),
        ([b'{"a": 1}\n{"a": 2}\n'], [{"a": 1}, {"a": 2}]),
        ([b"late\non time\n"], ["late", "on time"]),
        ([b"7"], [7]),
    ],
)
def test_answers_become_one_prediction_a_row(answers: list[bytes], rows: list[Any]) -> None:
    assert table_of(answers) == rows
