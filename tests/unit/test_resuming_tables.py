"""How each type is found after a kill: every type has a row, its calls are AWS's, its ids those of the providers."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from local.providers.aws.types import RESOURCES
from operations.resuming.finder import Finder, Look, Place, Settles, Wanted, is_tagged, parsed_tags, tagged
from operations.resuming.finding import FINDERS, Search
from operations.resuming.kubernetes import object_id

pytestmark = pytest.mark.unit
PLACE = Place("dev", "111122223333", "eu-west-1")
SETTLING_LESS = ("aws:codeconnections/connection:Connection",)
"""Types for which `created` waits for something that is no work of AWS's."""


@cache
def operations_of(service: str) -> dict[str, Any]:
    """botocore's own models of a service's operations, by the name of boto3's method."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def wanted(kind: str, **inputs: Any) -> Wanted:
    return Wanted(f"urn:pulumi:dev::groundwork::{kind}::data", kind, inputs, PLACE)


def test_every_type_that_the_platform_makes_is_found_by_a_row():
    page = (Path(__file__).parents[2] / "docs" / "resources.md").read_text()
    made = set(re.findall(r"^\| (\w+) \(aws (\w+)\)", page, re.MULTILINE))
    rows = {(kind.rpartition(":")[2], kind.split(":")[1].split("/")[0]) for kind in FINDERS}
    assert len(made) > 40
    assert made - rows == set()


def test_every_type_that_the_local_provider_knows_is_found_by_a_row():
    assert set(RESOURCES) - set(FINDERS) == set()
    assert set(FINDERS) - set(RESOURCES) == set()


@pytest.mark.parametrize("kind", sorted(FINDERS))
def test_a_row_has_an_id_by_inputs_or_by_a_call_or_a_reason_for_neither(kind: str):
    finder = FINDERS[kind]
    assert bool(finder.id) != bool(finder.again)
    assert ("{found}" in finder.id) == (finder.look is not None)


@pytest.mark.parametrize("kind", sorted(kind for kind, each in FINDERS.items() if each.look or each.settles))
def test_the_calls_of_a_row_are_operations_of_aws(kind: str):
    finder = FINDERS[kind]
    calls: list[tuple[str, str, set[str]]] = []
    if finder.look:
        calls.append((finder.look.service, finder.look.lists, set(finder.look.arguments)))
        calls += [(finder.look.service, each.operation, set(each.arguments)) for each in finder.look.details]
    if finder.settles:
        calls.append((finder.settles.service, finder.settles.operation, set(finder.settles.arguments)))
    for service, operation, given in calls:
        shape = operations_of(service)[operation].input_shape
        assert set(shape.required_members if shape else ()) <= given <= set(shape.members if shape else ())


@pytest.mark.parametrize("kind", sorted(kind for kind, each in FINDERS.items() if each.settles))
def test_the_statuses_of_a_row_are_words_that_aws_says(kind: str):
    settles = FINDERS[kind].settles
    assert settles is not None
    shape: Any = operations_of(settles.service)[settles.operation].output_shape
    for part in re.sub(r"\[0\]", "", settles.status).split("."):
        shape = shape.members[part]
        shape = shape.member if shape.type_name == "list" else shape
    said = {word.lower() for word in getattr(shape, "enum", [])}
    if said:
        assert {word.lower() for word in (*settles.busy, *settles.failed)} <= said


@pytest.mark.parametrize("kind", sorted(kind for kind, each in RESOURCES.items() if each.created))
def test_what_the_provider_waits_for_is_waited_for_after_a_kill(kind: str):
    if kind in SETTLING_LESS or kind == "aws:amp/workspaceConfiguration:WorkspaceConfiguration":
        return
    settles = FINDERS[kind].settles
    assert settles is not None
    created = RESOURCES[kind].created
    assert created is not None
    assert not set(settles.busy) & set(created.until)


@pytest.mark.parametrize(
    "kind", sorted(k for k, each in RESOURCES.items() if not each.id.startswith("answer:") and not each.import_id)
)
def test_an_id_by_inputs_is_the_one_that_the_provider_makes(kind: str):
    if FINDERS[kind].again:
        return
    assert FINDERS[kind].id.replace("?default", "") == RESOURCES[kind].id


def test_a_template_takes_the_first_input_that_is_set_and_what_stands_for_none():
    one = wanted("x", b="second", path="/team/", tag={"key": "k"})
    assert one.fill("{a|b}/{region}:{account}:{partition}") == "second/eu-west-1:111122223333:aws"
    assert one.fill("{path?/}|{other?/}|{tag.key}") == "/team/|/|k"


@pytest.mark.parametrize(
    "value", [None, {"4dabf18193072939515e22adb298388d": "1b47"}, "04da6b54-80e4-46f7-96ec-b56ff0331ba9"]
)
def test_what_is_missing_secret_or_not_known_yet_is_no_part_of_an_id(value: Any):
    with pytest.raises(LookupError):
        wanted("x", name=value).fill("{name}")


def test_a_resource_is_known_by_its_name_and_its_environment():
    own = wanted("x", tags={"Name": "groundwork-dev-network"})
    assert is_tagged({"Name": "groundwork-dev-network", "groundwork:environment": "dev", "more": "1"}, own)
    assert not is_tagged({"Name": "groundwork-dev-network", "groundwork:environment": "prod"}, own)
    assert not is_tagged({"Name": "groundwork-dev-network"}, own)
    assert not is_tagged({}, wanted("x"))


@pytest.mark.parametrize(
    "raw", [{"a": "b"}, [{"Key": "a", "Value": "b"}], [{"TagKey": "a", "TagValue": "b"}], [{"key": "a", "value": "b"}]]
)
def test_tags_are_read_as_every_service_writes_them(raw: Any):
    assert parsed_tags(raw) == {"a": "b"}


def test_an_object_of_kubernetes_goes_by_namespace_and_name():
    kind = "kubernetes:core/v1:ConfigMap"
    assert object_id(wanted(kind, metadata={"name": "a", "namespace": "b"})) == "b/a"
    assert object_id(wanted(kind, metadata={"name": "a"})) == "a"
    with pytest.raises(LookupError):
        object_id(wanted(kind, metadata={}))


class Listing:
    """A client that lists other things at every call, and has them in a status that changes."""

    def __init__(self, *answers: list[str], states: tuple[str, ...] = ()):
        self.answers, self.states, self.calls = list(answers), list(states), 0

    def can_paginate(self, operation: str) -> bool:
        return False

    def describe_vpcs(self, **arguments: Any) -> Any:
        assert arguments == {"Filters": [{"Name": "tag:Name", "Values": ["groundwork-dev-network"]}]}
        self.calls += 1
        ids = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        tags = [
            {"Key": "Name", "Value": "groundwork-dev-network"},
            {"Key": "groundwork:environment", "Value": "dev"},
        ]
        return {"Vpcs": [{"VpcId": each, "Tags": tags} for each in ids]}

    def describe_cluster(self, name: str) -> Any:
        return {"cluster": {"status": self.states.pop(0) if len(self.states) > 1 else self.states[0]}}


VPC = "aws:ec2/vpc:Vpc"


def search(client: Listing, known: dict[str, frozenset[str]] | None = None, **rest: Any) -> Search:
    return Search(
        clients=lambda service, region: client,
        known=known or {},
        **{"tell": lambda text: None, "visible_s": 0.0, "poll_s": 0.0, "sleep": lambda seconds: None, **rest},
    )


def network() -> Wanted:
    return wanted(VPC, tags={"Name": "groundwork-dev-network"})


def test_what_aws_lists_only_later_is_looked_for_again():
    client = Listing([], [], ["vpc-1"])
    assert search(client, visible_s=60.0).find([network()])[0].id == "vpc-1"
    assert client.calls == 3


def test_what_is_not_there_was_not_made():
    assert search(Listing([])).find([network()])[0].id == ""


def test_what_the_state_has_already_is_not_taken_for_what_was_made():
    assert search(Listing(["vpc-1"]), {VPC: frozenset({"vpc-1"})}).find([network()])[0].id == ""


def test_two_of_one_kind_are_not_chosen_from():
    with pytest.raises(Exception, match="vpc-1, vpc-2"):
        search(Listing(["vpc-1", "vpc-2"])).find([network()])


def test_what_aws_still_makes_is_waited_for():
    told: list[str] = []
    client = Listing(states=("CREATING", "CREATING", "ACTIVE"))
    found = search(client, tell=told.append).find([wanted("aws:eks/cluster:Cluster", name="groundwork-dev")])
    assert (found[0].id, found[0].broken) == ("groundwork-dev", "")
    assert len(told) == 2
    assert "CREATING" in told[0]


def test_what_aws_could_not_make_is_said_to_be_broken():
    client = Listing(states=("CREATING", "FAILED"))
    found = search(client).find([wanted("aws:eks/cluster:Cluster", name="groundwork-dev")])
    assert found[0].broken == "FAILED"


def test_a_type_without_a_row_is_refused_with_the_way_out():
    with pytest.raises(Exception, match=r"(?s)cannot be told: no table says.*pulumi refresh"):
        search(Listing([])).find([wanted("aws:new/thing:Thing")])


def test_finders_of_ec2_ask_for_the_name_tag():
    finder: Finder = tagged("describe_vpcs", "Vpcs", "VpcId")
    assert isinstance(finder.look, Look)
    assert not isinstance(finder.settles, Settles)
