"""Every resource type of the AWS provider plugin against the AWS server, through the whole of its life.

Each property that the table lists is changed once (a property without a change here fails the test), from the program's
side and behind its back, and each change does what the table says: an update in place or a replacement.
"""

import copy
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local.providers.aws.table import Property, Resource
from local.providers.aws.types import RESOURCES
from local.providers.harness import AwsServer, Live, Plugin, ProviderError

# The import mode of this suite puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
from aws_provider_cases import DEFAULT_TAGS, Case, World

TABLES = [importlib.import_module(file.stem) for file in sorted(Path(__file__).parent.glob("aws_*cases*.py"))]
CASES: dict[str, Case] = {token: case for table in TABLES for token, case in table.CASES.items()}
CANNOT_BE_LEFT_OUT: dict[tuple[str, str], str] = {
    key: why for table in TABLES for key, why in getattr(table, "CANNOT_BE_LEFT_OUT", {}).items()
}
"""The examples of all services: each file has those of the parts of the platform that use them."""

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as running:
        yield running


@pytest.fixture(scope="module")
def shared_world(server: AwsServer) -> Iterator[World]:
    plugin = Plugin(server.environment, {"region": "us-east-1", "defaultTags": json.dumps({"tags": DEFAULT_TAGS})})
    yield World(plugin, server)
    plugin.close()


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The world, without the test's own subjects afterwards."""
    yield shared_world
    for live in shared_world.plugin.forget("subject"):
        with suppress(ProviderError):
            shared_world.plugin.delete(live)


def changed_inputs(world: World, case: Case, live: Live, name: str) -> dict[str, Any]:
    value = case.changes[name]
    with_it = case.with_change[name](world) if name in case.with_change else {}
    news = {**live.inputs, **with_it, name: value(world) if callable(value) else copy.deepcopy(value)}
    if "__defaults" in news:
        news["__defaults"] = [each for each in news["__defaults"] if each != name]
    return {key: item for key, item in news.items() if item is not None}


def updatable(resource: Resource, case: Case) -> list[Property]:
    return [p for p in resource.properties if p.name in case.changes and (not p.replaces or p.name in case.in_place)]


def assert_settled(plugin: Plugin, live: Live) -> None:
    """A refresh finds what was written, and the next preview is empty."""
    found = plugin.read(live)
    assert found is not None
    assert found.inputs == live.inputs
    assert found.state == live.state
    difference = plugin.diff(found, live.inputs)
    assert difference.changes == difference.DIFF_NONE, dict(difference.detailedDiff)


def test_every_type_of_the_table_has_a_case() -> None:
    assert set(CASES) == set(RESOURCES)


@pytest.mark.parametrize("token", CASES)
def test_every_property_is_changed_or_says_why_not(token: str) -> None:
    case, resource = CASES[token], RESOURCES[token]
    named = {*case.changes, *case.unchanged, "tags", "region", "expectedBucketOwner"}
    assert {prop.name for prop in resource.properties} - named == set()


@pytest.mark.parametrize("token", CASES)
def test_every_replacing_property_cites_its_documentation(token: str) -> None:
    resource = RESOURCES[token]
    assert resource.docs.startswith("https://www.pulumi.com/registry/packages/aws/api-docs/")
    assert all(prop.replaces for prop in resource.properties if prop.replaces_if)


@pytest.mark.parametrize("token", CASES)
def test_created_read_back_imported_and_deleted(world: World, token: str) -> None:
    case, plugin = CASES[token], world.plugin
    inputs = case.inputs(world)
    planned = plugin.preview_create(token, "subject", inputs)
    live = plugin.create(token, "subject", inputs)
    assert set(live.state) - set(planned) <= {"id"}, "the preview promised fewer outputs than there are"
    assert_settled(plugin, live)

    imported = plugin.read(Live(token, "subject", case.import_id(live) if case.import_id else live.id))
    assert imported is not None
    assert imported.id == live.id
    required = {prop.name for prop in RESOURCES[token].properties if prop.required and prop.path == ""}
    assert {name for name in required if f"{{{name}" in RESOURCES[token].id} <= set(imported.inputs)
    unreadable = {prop.name for prop in RESOURCES[token].properties if prop.path == ""}
    difference = plugin.diff(imported, {name: value for name, value in live.inputs.items() if name not in unreadable})
    assert {path for path in difference.detailedDiff if path not in unreadable} == set()

    plugin.delete(live)
    if not case.stays:
        assert plugin.read(live) is None
        plugin.delete(live)


def test_a_group_whose_rules_go_before_it_may_be_gone_already(world: World) -> None:
    inputs = {"vpcId": world.vpc, "description": "jobs", "revokeRulesOnDelete": True}
    live = world.plugin.create("aws:ec2/securityGroup:SecurityGroup", "subject", inputs)
    for _ in range(2):
        world.plugin.delete(live)


@pytest.mark.parametrize(
    ("token", "name"),
    [(token, prop.name) for token, case in CASES.items() for prop in updatable(RESOURCES[token], case)],
)
def test_a_change_updates_and_a_change_behind_its_back_is_seen(world: World, token: str, name: str) -> None:
    case, plugin = CASES[token], world.plugin
    live = plugin.create(token, "subject", case.inputs(world))
    news = changed_inputs(world, case, live, name)
    difference = plugin.diff(live, news)
    if plugin.checked(live, news) != live.inputs:
        assert list(difference.detailedDiff), f"{name} changed unseen"
    replaced = list(difference.replaces)
    if replaced:  # a field of the block, not the block
        assert any(field.replaces for field in RESOURCES[token].property(name).fields)
        return
    before = copy.deepcopy(live)

    somebody_else = copy.deepcopy(live)
    plugin.update(somebody_else, news)
    assert_settled(plugin, somebody_else)

    refreshed = plugin.read(before)
    assert refreshed is not None
    if RESOURCES[token].property(name).path != "":
        assert refreshed.inputs != before.inputs or refreshed.state != before.state, "the refresh saw nothing"
        drift = plugin.diff(refreshed, before.inputs)
        prop = RESOURCES[token].property(name)
        if name in before.inputs or not prop.computed:
            assert name in {path.split(".")[0] for path in drift.detailedDiff}
            plugin.update(refreshed, before.inputs)
            assert_settled(plugin, refreshed)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (token, name)
        for token, case in CASES.items()
        for name in case.changes
        if RESOURCES[token].property(name).replaces and name not in case.in_place
    ],
)
def test_a_change_replaces(world: World, token: str, name: str) -> None:
    case, plugin = CASES[token], world.plugin
    live = plugin.create(token, "subject", case.inputs(world))
    news = changed_inputs(world, case, live, name)
    difference = plugin.diff(live, news)
    assert name in {path.split(".")[0] for path in difference.replaces}
    if difference.deleteBeforeReplace:
        plugin.delete(live)
    else:
        news = {
            key: value for key, value in news.items() if key not in live.inputs.get("__defaults", []) or key == name
        }
    replacement = plugin.create(token, "subject", news)
    assert_settled(plugin, replacement)
    if not difference.deleteBeforeReplace:
        plugin.delete(live)
        assert plugin.read(replacement) is not None, "deleting the old one took the new one away"


@pytest.mark.parametrize("token", [token for token, resource in RESOURCES.items() if resource.tagging])
def test_tags_change_in_place_and_default_tags_are_kept(world: World, token: str) -> None:
    case, plugin = CASES[token], world.plugin
    live = plugin.create(token, "subject", {**case.inputs(world), "tags": {"team": "vision", "stage": "one"}})
    assert live.state["tagsAll"] == {**DEFAULT_TAGS, "team": "vision", "stage": "one"}
    assert_settled(plugin, live)

    somebody_else = copy.deepcopy(live)
    plugin.update(somebody_else, {**live.inputs, "tags": {"team": "speech"}})
    assert somebody_else.state["tagsAll"] == {**DEFAULT_TAGS, "team": "speech"}
    refreshed = plugin.read(live)
    assert refreshed is not None
    assert refreshed.inputs["tags"] == {"team": "speech"}
    assert "tags" in plugin.diff(refreshed, live.inputs).detailedDiff
    plugin.update(refreshed, live.inputs)
    assert_settled(plugin, refreshed)


def test_a_property_left_out_returns_to_its_default(world: World) -> None:
    left_out = 0
    for token, case in CASES.items():
        if token == "aws:eks/cluster:Cluster":
            continue
        live = world.plugin.create(token, "subject", case.inputs(world))
        for prop in RESOURCES[token].properties:
            if prop.name not in live.inputs or prop.required or prop.replaces or prop.autoname:
                continue
            if (token, prop.name) in CANNOT_BE_LEFT_OUT:
                continue
            news = {name: value for name, value in live.inputs.items() if name != prop.name}
            world.plugin.update(live, news)
            assert_settled(world.plugin, live)
            left_out += 1
    assert left_out >= 20
