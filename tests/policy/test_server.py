"""The policy pack as the engine sees it: a process that serves Pulumi's Analyzer protocol."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from policies.rules import RULES

pytestmark = pytest.mark.policy
PACK = Path(__file__).parents[2] / "policies"
analyzer: Any = analyzer_pb2
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.fixture(scope="module")
def engine() -> Generator[Any]:
    """The engine's side of a pack that runs in a process of its own, as the language host starts it."""
    process = subprocess.Popen(
        [sys.executable, "-u", str(PACK), "127.0.0.1:1"], stdout=subprocess.PIPE, cwd=PACK, text=True
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        channel.close()
        process.terminate()
        assert process.wait(10) == 0


def configured(engine: Any, secret: tuple[str, ...] = (), **settings: str) -> None:
    config = {f"groundwork:{key}": value for key, value in settings.items()}
    engine.ConfigureStack(
        analyzer.AnalyzerStackConfigureRequest(
            project="groundwork",
            stack="x",
            config=config,
            config_secret_keys=[f"groundwork:{key}" for key in secret],
        )
    )


def analyzed(engine: Any, kind: str, **inputs: Any) -> dict[str, str]:
    properties = struct_pb2.Struct()
    properties.update(inputs)
    provider = struct_pb2.Struct()
    provider.update(
        {"region": "us-east-1", "defaultTags": '{"tags": {"managed-by": "x", "groundwork:environment": "x"}}'}
    )
    answer = engine.Analyze(
        analyzer.AnalyzeRequest(
            type=kind,
            name="thing",
            urn="urn:thing",
            properties=properties,
            provider=analyzer.AnalyzerProviderResource(type="pulumi:providers:aws", properties=provider),
            options=analyzer.AnalyzerResourceOptions(protect=True),
        )
    )
    return {found.policyName: found.message for found in answer.diagnostics}


def test_the_pack_names_its_rules_and_all_of_them_are_mandatory(engine: Any):
    info = engine.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "groundwork"
    assert {rule.name for rule in info.policies} == {rule.name for rule in RULES}
    assert {rule.enforcementLevel for rule in info.policies} == {analyzer.MANDATORY}


def test_what_is_wrong_is_refused_with_the_rules_name_its_sentence_and_the_way_out(engine: Any):
    found = analyzed(engine, LOG_GROUP, kmsKeyId="k")
    assert set(found) == {"log-retention"}
    assert found["log-retention"].startswith("Every log group has a retention.\n")
    assert "retentionInDays" in found["log-retention"]


def test_a_value_that_a_preview_does_not_know_hides_nothing_else(engine: Any):
    assert set(analyzed(engine, LOG_GROUP, kmsKeyId=UNKNOWN, name=UNKNOWN)) == {"log-retention"}


def test_the_stacks_own_settings_are_the_parameters(engine: Any):
    configured(engine, region="us-east-1")
    assert analyzed(engine, LOG_GROUP, kmsKeyId="k", retentionInDays=7) == {}
    configured(engine, region="us-east-1", policy='{"regions": ["eu-west-1"]}')
    assert set(analyzed(engine, LOG_GROUP, kmsKeyId="k", retentionInDays=7)) == {"regions"}
    configured(engine)


def test_a_setting_that_pulumi_keeps_secret_is_not_a_plain_one(engine: Any):
    def said() -> set[str]:
        answer = engine.AnalyzeStack(analyzer.AnalyzeStackRequest())
        return {found.policyName for found in answer.diagnostics}

    configured(engine, password="x")
    assert said() == {"no-secrets-in-settings"}
    configured(engine, secret=("password",), password="x")
    assert said() == set()


def test_a_rule_is_switched_off_by_the_engines_configuration_and_by_nothing_else(engine: Any):
    def level(value: int) -> None:
        config = {"log-retention": analyzer.PolicyConfig(enforcementLevel=value)}
        engine.Configure(analyzer.ConfigureAnalyzerRequest(policyConfig=config))

    level(analyzer.DISABLED)
    assert analyzed(engine, LOG_GROUP, kmsKeyId="k") == {}
    level(analyzer.MANDATORY)
    assert set(analyzed(engine, LOG_GROUP, kmsKeyId="k")) == {"log-retention"}


def test_the_engine_finds_the_pack_and_its_python():
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "../.venv"}}


def test_a_document_as_deep_as_the_definition_of_a_pod_template_is_read(engine: Any):
    configured(engine)
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"properties": {"inner": schema}}
    kind = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    assert analyzed(engine, kind, spec={"schema": schema}) == {}
