"""Dev's and prod's own settings on the local stack, prod with every component, three zones, eight pools, ten teams."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.checkout import PROFILE, Checkout
from tests.conftest import Platform
from tests.engine.leftovers import aws_leftovers, kubernetes_leftovers

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]
PROD_POOLS, PROD_TEAMS = 8, 10
OFFICE = "52.95.0.0/24"
"""Stands for the range that a company's people come from; the settings refuse the example in Pulumi.dev.yaml."""


PREPARE = """
from local.paths import this_checkout
from local.pulumi_stack import prepare
prepare(this_checkout(), print)
"""


class Stack:
    """A stack with an environment's own settings; where it is and who looks after it are the local account's."""

    def __init__(self, checkout: Checkout, name: str):
        self.checkout, self.name = checkout, name
        self._file = checkout.folder / f"Pulumi.{name}.yaml"
        self._variables = checkout.local_environment()
        self.must("stack", "init", "--secrets-provider", "passphrase")
        self.document = yaml.safe_load(self._file.read_text())
        self.config: dict[str, Any] = self.document["config"]
        self.config["groundwork:profile"] = PROFILE
        self.config["groundwork:accountId"] = "123456789012"
        self.config["groundwork:cluster"]["admins"] = ["user/platform-admin"]
        if "publicAccessCidrs" in self.config["groundwork:cluster"]:
            self.config["groundwork:cluster"]["publicAccessCidrs"] = [OFFICE]

    def write(self) -> None:
        self._file.write_text(yaml.safe_dump(self.document, sort_keys=False))

    def must(self, *arguments: str) -> str:
        return self.checkout.must("pulumi", *arguments, "--stack", self.name, environment=self._variables)

    def planned(self) -> dict[str, str]:
        """What a preview would do: name of the resource to operation, unchanged ones left out."""
        text = self.must("preview", "--json")
        steps = json.loads(text[text.index("{") :])["steps"]
        return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}


@pytest.fixture(scope="module")
def services(platform: Platform) -> Iterator[Checkout]:
    """The local services with nothing in them."""
    checkout = platform.checkout
    checkout.must("make", "local-down")
    checkout.must(".venv/bin/groundwork", "local", "up", "--until", "services")
    checkout.must(".venv/bin/python", "-c", PREPARE)
    yield checkout
    checkout.run("make", "local-stop")


def prod_sized(config: dict[str, Any]) -> None:
    """As many pools and teams as a large platform has, on top of those that the file shows."""
    pools, teams = config["groundwork:nodePools"], config["groundwork:teams"]
    while len(pools) < PROD_POOLS:
        pools.append({**pools[0], "name": f"gpu-more-{len(pools)}"})
    while len(teams) < PROD_TEAMS:
        teams.append({"name": f"team-{len(teams)}", "quota": teams[0]["quota"]})


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_comes_up_whole_changes_and_leaves_nothing(services: Checkout, environment: str):
    stack = Stack(services, environment)
    if len(stack.config["groundwork:network"]["zones"]) == 3:
        prod_sized(stack.config)
    stack.write()
    stack.must("up", "--yes", "--skip-preview")
    assert stack.planned() == {}

    team = stack.config["groundwork:teams"][0]
    team["quota"]["cpus"] += 8
    newcomer = {"name": "newcomers", "quota": {"cpus": 8, "memoryGib": 32, "gpus": 1, "pods": 20}}
    stack.config["groundwork:teams"].append(newcomer)
    left = stack.config["groundwork:nodePools"].pop()["name"]
    stack.write()
    planned = stack.planned()
    assert {op for name, op in planned.items() if "newcomers" in name} == {"create"}
    assert {op for name, op in planned.items() if left in name} == {"delete"}
    assert planned[f"team-{team['name']}-quota"] == "update"
    stack.must("up", "--yes", "--skip-preview")
    assert stack.planned() == {}

    stack.config["groundwork:protection"] = {"protect": False, "clusterDeletion": False, "deleteContents": True}
    stack.config["groundwork:policy"] = {**stack.config.get("groundwork:policy", {}), "protectStateful": False}
    stack.write()
    stack.must("up", "--yes", "--skip-preview")
    stack.must("destroy", "--yes", "--skip-preview")
    assert not json.loads(stack.must("stack", "export"))["deployment"].get("resources")
    assert {kind: names for kind, names in aws_leftovers(services).items() if names} == {}
    assert kubernetes_leftovers(services) == []
