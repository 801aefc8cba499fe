"""IAM documents do not grow with the number of teams, and a list of members that would not fit is refused."""

import json
from collections import defaultdict
from typing import Any

import pytest

from components.team_policy import TEAM_TAG, submit_trust
from infra.settings import SettingsError, parse
from infra.stack import deploy
from policies.iam_documents import DOCUMENTS
from tests.resource_page import ENVIRONMENTS
from tests.unit.recording import ACCOUNT, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
MANY = [f"role/data-scientist-{number:03}" for number in range(60)]


def with_teams(count: int) -> dict[str, Any]:
    """Production with so many teams, whose names are all of one length."""
    settings = settings_of("prod")
    guardrails = settings.get("guardrails") or {}
    if "budget" in guardrails:
        guardrails = {**guardrails, "budget": {**guardrails["budget"], "teams": {}}}
    team = {"quota": {"cpus": 1, "gpus": 0}, "approvers": ["role/ml-approvers"]}
    teams = [{"name": f"team-{number:03}", **team} for number in range(count)]
    return {**settings, "teams": teams, "guardrails": guardrails}


def sizes(count: int) -> dict[str, set[int]]:
    """Resource, without its team, to the lengths of its documents."""
    found: dict[str, set[int]] = defaultdict(set)
    for item in record(deploy, stack="prod", config=with_teams(count)).registrations:
        for path, _ in DOCUMENTS.get(item.type, ()):
            text = item.inputs.get(path.partition(".")[0])
            if isinstance(text, str):
                name = "-".join(word for word in item.name.split("-") if not word.isdigit())
                found[name].add(len(text))
    return dict(found)


def test_no_document_grows_with_the_number_of_teams():
    # Not 500: anything that a document held of each team would show with the third, and so many take a minute.
    assert sizes(2) == sizes(8)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_inline_policies_of_every_role_leave_room_for_longer_names(environment: str):
    # 10,240 characters together, white space aside
    # (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    inline: dict[str, int] = defaultdict(int)
    for item in record(deploy, stack=environment, config=settings_of(environment)).registrations:
        if item.type == "aws:iam/rolePolicy:RolePolicy":
            inline[str(item.inputs["role"])] += len("".join(str(item.inputs["policy"]).split()))
    assert {role: size for role, size in inline.items() if size > 9_200} == {}


def test_a_team_with_more_members_than_a_policy_holds_is_told_of_the_attribute():
    settings = settings_of("prod")
    settings["teams"][0]["members"] = MANY
    with pytest.raises(SettingsError, match=r"memberTag: true.*groundwork:team=research"):
        parse("prod", settings)


def test_a_tagged_member_assumes_the_role_whoever_it_is_and_nobody_else_of_the_account():
    text = submit_trust(partition="aws", account_id=ACCOUNT, members=[], tagged="research")
    [statement] = json.loads(text)["Statement"]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}
    assert statement["Condition"]["StringEquals"] == {f"aws:PrincipalTag/{TEAM_TAG}": "research"}
    assert len(text) < 500


def test_named_and_tagged_members_go_together():
    role = f"arn:aws:iam::{ACCOUNT}:role/lead"
    text = submit_trust(partition="aws", account_id=ACCOUNT, members=[role], tagged="research")
    assert [item["Sid"] for item in json.loads(text)["Statement"]] == ["Members", "TaggedMembers"]
