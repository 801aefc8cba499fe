"""`groundwork cost` tells what an environment costs, from a preview, its state, or what the engine printed."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from local.errors import LocalStackError
from operations import engine_run, environments
from operations.cli import app
from operations.environments import OperatedEnvironment
from tests.unit.preview_events import NAT, created, deleted, diagnostic, same, summary
from tests.unit.preview_events import state as recorded

pytestmark = pytest.mark.unit
PROVIDER = {"region": "us-east-1"}
QUANTUM = "aws:quantum/computer:Computer"


def state(type_: str, name: str, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:dev::groundwork::{type_}::{name}",
        "type": type_,
        "custom": True,
        "inputs": inputs or {},
    }


AWS = state("pulumi:providers:aws", "aws", PROVIDER)
GATEWAY = state(NAT, "nat")


def run(document: Any, *arguments: str) -> tuple[int, str]:
    text = document if isinstance(document, str) else json.dumps(document)
    result = CliRunner().invoke(app, ["cost", *arguments], input=text)
    return result.exit_code, result.output


class Engine:
    """The engine on a stack, with the events and the state that a test gives it."""

    def __init__(self, *events: dict[str, Any], resources: list[dict[str, Any]] | None = None, failure: str = ""):
        self._events, self._resources, self._failure = events, resources or [], failure
        self.asked: list[str] = []

    def events(self, command: str, *options: str) -> Generator[dict[str, Any]]:
        self.asked.append(command)
        yield from self._events
        if self._failure:
            raise LocalStackError(self._failure)

    def resources(self) -> list[dict[str, Any]]:
        self.asked.append("state")
        return self._resources


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment's settings file; `groundwork cost shop` is led to it."""
    operated = OperatedEnvironment(
        name="shop",
        profile="groundwork-shop",
        account_id="",
        region="us-east-1",
        backend=None,
        secrets_provider=None,
        checkout=tmp_path,
    )
    monkeypatch.setattr(environments, "names", lambda: ["shop"])
    monkeypatch.setattr(environments, "environment", lambda _: operated)
    operated.settings_file.write_text("config: {}\n")
    return operated.settings_file


def lead(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Engine:
    monkeypatch.setattr(engine_run, "stack_engine", lambda _: engine)
    return engine


def told(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["cost", "shop", "-o", "json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_environment_is_priced_as_its_preview_would_leave_it(shop: Path, monkeypatch: pytest.MonkeyPatch):
    nat, gone = recorded("nat", NAT), recorded("old", NAT)
    engine = lead(monkeypatch, Engine(*same(nat), *deleted(gone), *created("second", NAT), summary(), resources=[gone]))
    found = told("--resources")
    assert engine.asked == ["preview"]
    assert [(line["resource"], line["usdAMonth"]) for line in found["lines"]] == [
        ("nat", "32.850"),
        ("second", "32.850"),
    ]
    assert (found["environment"], found["region"], found["usdAMonth"]) == ("shop", "us-east-1", "65.700")


def test_what_is_there_now_needs_no_preview(shop: Path, monkeypatch: pytest.MonkeyPatch):
    engine = lead(monkeypatch, Engine(resources=[recorded("nat", NAT)]))
    assert [line["resource"] for line in told("--state", "--resources")["lines"]] == ["nat"]
    assert engine.asked == ["state"]
    lead(monkeypatch, Engine())
    code, said = run("", "shop", "--state")
    assert (code, "Nothing of 'shop' is there yet" in said, "groundwork cost shop" in said) == (1, True, True)


def test_a_preview_that_ends_early_is_no_estimate(shop: Path, monkeypatch: pytest.MonkeyPatch):
    lead(monkeypatch, Engine(*created("nat", NAT), diagnostic("error", "it broke"), failure="it broke"))
    code, said = run("", "shop")
    assert code == 1
    assert "it broke" in said
    assert "dollars" not in said


def test_a_change_that_a_policy_refuses_is_priced_and_said_to_be_refused(shop: Path, monkeypatch: pytest.MonkeyPatch):
    lead(monkeypatch, Engine(*created("nat", NAT), summary(), failure="a rule does not hold"))
    code, said = run("", "shop")
    assert code == 0
    assert "A policy refuses this change" in said
    assert "| nat | `nat:gateway` | 730 hour | 0.045 | 32.85 |" in said


def test_the_settings_say_how_much_is_used(shop: Path, monkeypatch: pytest.MonkeyPatch):
    shop.write_text("config:\n  groundwork:costs: {nodes: {g5.xlarge: 2}, natGb: 100, logGb: 0}\n")
    lead(monkeypatch, Engine(*same(recorded("nat", NAT)), summary()))
    found = told()
    quantities = {line["price"]: line["quantity"] for line in found["lines"]}
    assert (quantities["ec2:g5.xlarge"], quantities["nat:data"]) == ("1460", "100")
    assert "cloudwatch:logs-ingested" not in quantities
    assert found["usage"]["nodes"] == {"g5.xlarge": 2}
    # Machines with GPUs, with EKS's fee for them, are told apart: 2 × 730 × 1.006 × 1.12.
    assert found["accelerators"]["idleUsdAMonth"] == "1645.011200"
    _, said = run("", "shop")
    assert "Counted with nodes {g5.xlarge: 2}, nodeDiskGib 80, natGb 100, s3Gb 10" in said
    assert "1645.01 a month always run" in said


def test_wrong_use_is_told_with_everything_that_is_wrong(shop: Path, monkeypatch: pytest.MonkeyPatch):
    shop.write_text("config:\n  groundwork:costs: {natGB: 1, logGb: -1, nodes: {big: 1}, s3Gb: much}\n")
    lead(monkeypatch, Engine())
    code, said = run("", "shop")
    assert code == 1
    assert "groundwork:costs.natGB: there is no such setting; did you mean groundwork:costs.natGb?" in said
    assert "groundwork:costs.logGb: -1 is not allowed; allowed is 0 or more" in said
    assert "groundwork:costs.s3Gb" in said
    assert "an EC2 instance type, such as c6a.large" in said


def test_pools_of_gpus_have_a_ceiling_apart_from_the_sum(shop: Path, monkeypatch: pytest.MonkeyPatch):
    group = {"instanceTypes": ["p5.48xlarge"], "scalingConfig": {"minSize": 0, "maxSize": 1}}
    lead(monkeypatch, Engine(*created("pool", "aws:eks/nodeGroup:NodeGroup", group), summary()))
    found = told("--resources")
    assert found["usdAMonth"] == "0"
    assert float(found["accelerators"]["limitUsdAMonth"]) > 30_000


def test_a_preview_is_summed_up_with_what_goes_left_out():
    steps = [
        {"op": "create", "newState": AWS},
        {"op": "same", "newState": GATEWAY},
        {"op": "delete", "oldState": state("aws:eks/cluster:Cluster", "cluster")},
    ]
    code, said = run({"steps": steps}, "--resources")
    assert code == 0
    assert "| nat | `nat:gateway` | 730 hour | 0.045 | 32.85 |" in said
    assert "**32.85**" in said
    assert "eks:cluster" not in said


@pytest.mark.parametrize("way", ["-", "NAME", "--file -", "--file NAME", ""])
def test_what_the_engine_printed_is_summed_up_however_it_is_named(way: str, tmp_path: Path):
    component = {"urn": "urn:pulumi:dev::groundwork::x:y:Z::z", "type": "x:y:Z", "custom": False}
    document = {"version": 3, "deployment": {"resources": [component, AWS, GATEWAY]}}
    file = tmp_path / "export.json"
    file.write_text(json.dumps(document))
    code, said = run(document, *way.replace("NAME", str(file)).split(), "--resources")
    assert code == 0, said
    assert "**32.85**" in said


def test_a_file_and_an_environment_are_its_resources_with_the_environments_use(shop: Path):
    shop.write_text("config:\n  groundwork:costs: {natGb: 1000}\n")
    code, said = run({"deployment": {"resources": [AWS]}}, "shop", "--file", "-", "--by", "item")
    assert code == 0
    assert "| `nat:data` | 1000 GB | 0.045 | 45.00 |" in said


def test_what_is_no_environment_and_no_file_is_told_what_there_is():
    code, said = run("", "nowhere")
    assert code == 1
    assert "There is no Pulumi.nowhere.yaml" in said
    code, said = run("", "dev", "--state", "--file", "-")
    assert code == 2


def test_what_nobody_works_with_still_uses_a_node():
    _, said = run({"deployment": {"resources": [AWS]}})
    assert "`ec2:c6a.large`" in said


def test_what_has_no_price_is_named_and_a_pipeline_may_stop_at_it():
    document = {"deployment": {"resources": [AWS, *(state(QUANTUM, f"q{number}") for number in range(7))]}}
    code, said = run(document)
    assert code == 0
    assert f"Without a price, and so not in the sum:\n- {QUANTUM}: nobody has entered" in said
    assert "(q0, q1, q2, q3, q4 and 2 more)" in said
    assert run(document, "--strict")[0] == 3
    assert run({"deployment": {"resources": [AWS, GATEWAY]}}, "--strict")[0] == 0


@pytest.mark.parametrize("document", ["no JSON", "[]", "{}", {"deployment": {"resources": [GATEWAY]}}])
def test_anything_else_is_refused_in_a_sentence(document: Any):
    code, said = run(document)
    assert code == 1
    assert "pulumi preview --json" in said
    assert "Traceback" not in said


def test_a_program_gets_the_same_as_a_document():
    role = state("aws:iam/role:Role", "role")
    document = {"deployment": {"resources": [AWS, GATEWAY, role, state(QUANTUM, "q")]}}
    code, said = run(document, "--resources", "-o", "json")
    assert code == 0
    found = cast(dict[str, Any], json.loads(said))
    assert found["usdAMonth"] == "32.850"
    assert [(line["price"], line["type"]) for line in found["lines"]] == [("nat:gateway", NAT)]
    assert all(line["source"] and line["date"] for line in found["lines"])
    assert [each["resource"] for each in found["unpriced"]] == ["q"]
    assert {"type": "aws:iam/role:Role", "reason": "IAM"} in found["free"]
