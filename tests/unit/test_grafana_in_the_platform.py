"""Which Grafana an environment gets, and what the whole program hands to it."""

from typing import Any

import pytest
import yaml

from infra.settings import Settings, parse
from infra.stack import deploy
from infra.wiring.gpu_prices import RULES, gpu_price_rule_files
from tests.unit.recording import Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
GROUP = "94482488-3041-7012-2f3a-0123456789ab"
ON_CLUSTER, MANAGED = "groundwork:monitoring:Grafana", "groundwork:monitoring:ManagedGrafana"


def deployed_with(grafana: dict[str, Any]) -> Recording:
    config = settings_of("prod")
    config["monitoring"] = {**config.get("monitoring", {}), "grafana": grafana}
    return record(deploy, config=config)


def test_without_prometheus_there_is_no_grafana():
    config = settings_of("prod")
    config["monitoring"] = {**config.get("monitoring", {}), "prometheus": False}
    recording = record(deploy, config=config)
    assert not recording.of(ON_CLUSTER)
    assert not recording.of("aws:amp/workspace:Workspace")


def test_an_environment_with_prometheus_has_grafana_on_its_cluster_unless_told_otherwise():
    recording = record(deploy, config=settings_of("prod"))
    assert len(recording.of(ON_CLUSTER)) == 1
    assert not recording.of(MANAGED)
    workspace = recording.one("aws:amp/workspace:Workspace")
    (query, _) = recording.policy("aws:iam/rolePolicy:RolePolicy", "grafana-policy")
    assert query["Resource"][0].endswith(workspace.name)
    identity = recording.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", "grafana-identity").inputs
    assert identity["clusterName"] == "groundwork-dev"


def test_a_way_to_sign_in_makes_it_a_managed_one():
    recording = deployed_with({"signIn": "AWS_SSO", "adminGroups": [GROUP]})
    assert len(recording.of(MANAGED)) == 1
    assert not recording.of(ON_CLUSTER)


def test_grafana_can_be_left_out():
    recording = deployed_with({"enabled": False})
    assert not recording.of(ON_CLUSTER)
    assert not recording.of(MANAGED)


def settings(environment: str) -> Settings:
    return parse(environment, settings_of(environment))


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_every_gpu_that_a_pool_may_start_has_a_price(environment: str):
    rules = yaml.safe_load(gpu_price_rule_files(settings(environment))[RULES])
    priced = {
        rule["labels"]["instance_type"] for group in rules["groups"] for rule in group["rules"] if "labels" in rule
    }
    assert {name.split(".")[0] for name in priced} == {
        family
        for pool in settings(environment).node_pools
        if pool.accelerator == "nvidia"
        for family in pool.machine_families
    }


def test_without_nvidia_pools_there_are_no_prices_to_know():
    assert gpu_price_rule_files(settings("dev").model_copy(update={"node_pools": ()})) == {}
