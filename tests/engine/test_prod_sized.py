"""Dev's and prod's own settings on the local stack, prod with every component, three zones, eight pools, ten teams.

Every component: also those that prod's file names in a comment, because a company fills them in.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from components.permissions_boundary import boundary_policy
from tests.checkout import PROFILE, Checkout
from tests.conftest import Platform
from tests.engine.leftovers import aws_leftovers, kubernetes_leftovers

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]
PROD_POOLS, PROD_TEAMS = 8, 10
ACCOUNT = "123456789012"
PEOPLES_ROLES = ("ci-groundwork-prod-preview", "ci-jenkins", "ml-approvers")
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
        self.config["groundwork:accountId"] = ACCOUNT
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
        teams.append(like(teams[0], f"team-{len(teams)}"))


def like(team: dict[str, Any], name: str) -> dict[str, Any]:
    """A team with the quota and the people of another one."""
    return {"name": name, **{key: value for key, value in team.items() if key in ("quota", "approvers")}}


def every_component(checkout: Checkout, config: dict[str, Any]) -> str:
    """Adds what a company adds to prod's file; returns the ARN of the boundary, which the account's own stack makes."""
    iam = checkout.aws("iam")
    boundary = iam.create_policy(
        PolicyName="groundwork-boundary", PolicyDocument=boundary_policy("aws", ACCOUNT, ["us-east-1"])
    )["Policy"]["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for role in PEOPLES_ROLES:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
    config["groundwork:guardrails"]["permissionsBoundary"] = boundary
    config["groundwork:tracking"] = {
        "kind": "cluster",
        "image": "registry.example.com/mlflow:3.17.2",
        "host": "mlflow.ml.example.com",
        "certificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0b7e0a2e-1111-4222-8333-944455556666",
    }
    config["groundwork:monitoring"]["emails"] = ["ml-oncall@example.com"]
    config["groundwork:monitoring"]["endpoints"] = [{"name": "research-late", "latencyMs": 200, "availability": 99.9}]
    config["groundwork:ci"] = {
        "previewRoles": [f"role/{PEOPLES_ROLES[0]}"],
        "jenkins": {
            "image": "registry.example.com/jenkins/inbound-agent:1.0",
            "controllerRole": f"role/{PEOPLES_ROLES[1]}",
        },
    }
    return boundary


def forget_the_account(checkout: Checkout, boundary: str) -> None:
    """Takes away what `every_component` made in the account."""
    iam = checkout.aws("iam")
    for role in PEOPLES_ROLES:
        iam.delete_role(RoleName=role)
    iam.delete_policy(PolicyArn=boundary)


def boundaries_of_roles(checkout: Checkout) -> dict[str, str | None]:
    """The boundary of each role that the environment made."""
    iam = checkout.aws("iam")
    names = [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    ours = [name for name in names if name.startswith("groundwork-prod")]
    roles = {name: iam.get_role(RoleName=name)["Role"] for name in ours}
    return {name: role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for name, role in roles.items()}


@pytest.mark.full
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_comes_up_whole_changes_and_leaves_nothing(services: Checkout, environment: str):
    stack = Stack(services, environment)
    boundary = ""
    if environment == "prod":
        prod_sized(stack.config)
        boundary = every_component(services, stack.config)
    stack.write()
    stack.must("up", "--yes", "--skip-preview")
    assert stack.planned() == {}
    if environment == "prod":
        assert set(boundaries_of_roles(services).values()) == {boundary}

    team = stack.config["groundwork:teams"][0]
    team["quota"]["cpus"] += 8
    stack.config["groundwork:teams"].append(like(team, "newcomers"))
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
    if environment == "prod":
        forget_the_account(services, boundary)
    assert {kind: names for kind, names in aws_leftovers(services).items() if names} == {}
    assert kubernetes_leftovers(services) == []
