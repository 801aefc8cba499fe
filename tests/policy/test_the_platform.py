"""The platform itself keeps every rule, as each environment that ships sets it; changed for the worse it does not."""

from typing import Any

import pytest

from infra.sections.policy import PolicySettings
from infra.stack import deploy
from policies.judge import judge, judge_stack
from policies.model import Resource
from policies.parameters import Parameters, from_stack_config
from policies.rules import RULES
from tests.policy.recorded import parameters_of, resources_of
from tests.unit.recording import record
from tests.unit.shipped import settings_of
from tests.unit.test_account import everything
from tests.unit.test_account import record as record_account

pytestmark = pytest.mark.policy


def complaints(resources: list[Resource], parameters: Parameters) -> list[str]:
    single = [f"{rule.name}: {message}" for item in resources for rule, message in judge(RULES, item, parameters)]
    return single + [f"{rule.name}: {found.message}" for rule, found in judge_stack(RULES, resources, parameters)]


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_the_platform_keeps_every_rule(environment: str):
    settings = settings_of(environment)
    recording = record(deploy, stack=environment, config=settings)
    assert complaints(resources_of(recording), parameters_of(settings)) == []


def test_an_accounts_own_stack_keeps_every_rule():
    recording = record_account(everything())
    parameters = from_stack_config("groundwork-account", {"groundwork-account:region": "us-east-1"}, [])
    assert complaints(resources_of(recording), parameters) == []


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("protection", {"protect": False, "clusterDeletion": True, "deleteContents": False}, "stateful-protected"),
        ("protection", {"protect": True, "clusterDeletion": False, "deleteContents": False}, "stateful-protected"),
        ("protection", {"protect": True, "clusterDeletion": True, "deleteContents": True}, "stateful-protected"),
        ("policy", {"instanceFamilies": ["t3"]}, "instance-families"),
        ("policy", {"regions": ["eu-central-1"]}, "regions"),
    ],
    ids=["nothing protected", "the cluster may go", "buckets are emptied", "other families", "another region"],
)
def test_settings_of_production_that_a_rule_forbids_are_refused(key: str, value: dict[str, Any], rule: str):
    settings = settings_of("prod") | {key: value}
    recording = record(deploy, stack="prod", config=settings)
    found = complaints(resources_of(recording), parameters_of(settings))
    assert {line.split(":")[0] for line in found} == {rule}


def test_the_settings_and_the_pack_know_the_same_parameters_with_the_same_defaults():
    strict = Parameters()
    for name, field in PolicySettings.model_fields.items():
        assert getattr(strict, name) == field.get_default(call_default_factory=True)
    given = {
        "regions": ["eu-west-1"],
        "instanceFamilies": ["g6"],
        "protectStateful": False,
        "requireBudget": False,
    }
    assert set(PolicySettings.spelling()) == set(given)
    told = parameters_of({"policy": given, "region": "us-east-1"})
    assert (told.regions, told.instance_families) == (("eu-west-1",), ("g6",))
    assert (told.protect_stateful, told.require_budget) == (False, False)
