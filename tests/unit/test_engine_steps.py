"""What a URN and a resource of a state say."""

import pytest

from operations.engine_steps import dependencies, name_of, provider_urn, targets, type_of

pytestmark = pytest.mark.unit
URN = "urn:pulumi:dev::groundwork::groundwork:ml:Team$aws:iam/role:Role::team-research"


def test_a_urn_says_the_resources_own_type_and_its_name():
    assert (type_of(URN), name_of(URN)) == ("aws:iam/role:Role", "team-research")


def test_a_name_may_hold_what_parts_a_urn():
    urn = f"{URN}::and::more"
    assert (type_of(urn), name_of(urn)) == ("aws:iam/role:Role", "team-research::and::more")


@pytest.mark.parametrize("text", ["", "research"])
def test_a_text_that_is_no_urn_is_all_name(text: str):
    assert (type_of(text), name_of(text)) == ("", text)


def test_a_provider_is_referred_to_by_urn_and_id():
    assert provider_urn(f"{URN}::0f3c") == URN


def test_a_resource_depends_on_what_it_names_and_on_what_its_properties_come_from():
    resource = {"dependencies": ["a", "b"], "propertyDependencies": {"role": ["b", "c"], "name": None}}
    assert dependencies(resource) == {"a", "b", "c"}
    assert dependencies({}) == set()


def test_each_target_is_named_once():
    assert targets(["b", "a", "b"]) == ["--target", "b", "--target", "a"]
