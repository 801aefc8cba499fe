"""The platform itself keeps every rule, as each environment that ships sets it; changed for the worse it does not."""

from functools import cache
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


@cache
def platform(environment: str) -> list[Resource]:
    return resources_of(record(deploy, stack=environment, config=settings_of(environment)))


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_the_platform_keeps_every_rule(environment: str):
    assert complaints(platform(environment), parameters_of(settings_of(environment))) == []


def test_an_accounts_own_stack_keeps_every_rule():
    recording = record_account(everything())
    parameters = from_stack_config("groundwork-account", {"groundwork-account:region": "us-east-1"}, [])
    assert complaints(resources_of(recording), parameters) == []


def test_production_whose_settings_protect_nothing_is_refused():
    nothing = {"protect": False, "clusterDeletion": False, "deleteContents": True}
    settings = settings_of("prod") | {"protection": nothing}
    found = complaints(resources_of(record(deploy, stack="prod", config=settings)), parameters_of(settings))
    assert {line.split(":")[0] for line in found} == {"stateful-protected"}
    for said in ("is not protected", "deletionProtection = false", "forceDestroy = true", "forceDelete = true"):
        assert any(said in line for line in found), said


@pytest.mark.parametrize(
    ("policy", "rule"),
    [({"instanceFamilies": ["t3"]}, "instance-families"), ({"regions": ["eu-central-1"]}, "regions")],
    ids=["other families", "another region"],
)
def test_what_production_may_be_made_of_is_a_setting(policy: dict[str, Any], rule: str):
    found = complaints(platform("prod"), parameters_of(settings_of("prod") | {"policy": policy}))
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
