"""`groundwork cost` reads what the engine prints."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from operations.cli import app

pytestmark = pytest.mark.unit
PROVIDER = {"region": "us-east-1"}


def state(type_: str, name: str, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:dev::groundwork::{type_}::{name}",
        "type": type_,
        "custom": True,
        "inputs": inputs or {},
    }


AWS = state("pulumi:providers:aws", "aws", PROVIDER)
NAT = state("aws:ec2/natGateway:NatGateway", "nat")


def run(document: Any, *arguments: str) -> tuple[int, str]:
    text = document if isinstance(document, str) else json.dumps(document)
    result = CliRunner().invoke(app, ["cost", *arguments], input=text)
    return result.exit_code, result.output


def test_a_preview_is_summed_up_with_what_goes_left_out():
    steps = [
        {"op": "create", "newState": AWS},
        {"op": "same", "newState": NAT},
        {"op": "delete", "oldState": state("aws:eks/cluster:Cluster", "cluster")},
    ]
    code, told = run({"steps": steps}, "--resources")
    assert code == 0
    assert "| `nat:gateway` | 730 hour | 0.045 | 32.85 |" in told
    assert "**32.85**" in told
    assert "eks:cluster" not in told


def test_a_stacks_state_is_summed_up():
    component = {"urn": "urn:pulumi:dev::groundwork::x:y:Z::z", "type": "x:y:Z", "custom": False}
    code, told = run({"version": 3, "deployment": {"resources": [component, AWS, NAT]}}, "-", "--resources")
    assert code == 0
    assert "**32.85**" in told


def test_what_nobody_works_with_still_uses_a_node():
    _, told = run({"deployment": {"resources": [AWS]}})
    assert "`ec2:c6a.large`" in told


def test_what_has_no_price_is_named():
    _, told = run({"deployment": {"resources": [AWS, state("aws:quantum/computer:Computer", "q")]}})
    assert "Without a price, and so not in the sum: aws:quantum/computer:Computer" in told


@pytest.mark.parametrize("document", ["no JSON", "[]", "{}", {"deployment": {"resources": [NAT]}}])
def test_anything_else_is_refused_in_a_sentence(document: Any):
    code, told = run(document)
    assert code == 1
    assert "pulumi preview --json" in told
    assert "Traceback" not in told


def test_a_program_gets_the_same_as_a_document():
    document = {"deployment": {"resources": [AWS, NAT, state("aws:quantum/computer:Computer", "q")]}}
    code, told = run(document, "--resources", "-o", "json")
    assert code == 0
    found = json.loads(told)
    assert found["usdAMonth"] == "32.850"
    assert [line["price"] for line in found["lines"]] == ["nat:gateway"]
    assert [each["resource"] for each in found["unpriced"]] == ["q"]
