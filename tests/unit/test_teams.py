"""One team at a time: what of the platform is a team's, what may change with it, and its lines in the settings."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from infra.settings import SettingsError, parse
from infra.stack import deploy
from local.errors import LocalStackError
from operations.teams.bound import changes, violations
from operations.teams.ownership import Place, Whose, belonging
from operations.teams.report import as_document, as_text
from operations.teams.settings_file import SettingsFile, Wish
from operations.teams.steps import Step, foreseen
from operations.teams.update import Planned
from operations.teams.work import team_of
from policies.values import UNKNOWN_TEXT
from tests.unit.recording import Recording, Registration, record
from tests.unit.shipped import ROOT, settings_of

pytestmark = pytest.mark.unit
TEAM = "newcomers"
STACK = "urn:pulumi:dev::groundwork::pulumi:pulumi:Stack::groundwork-dev"
QUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue"
COHORT = "kubernetes:kueue.x-k8s.io/v1beta2:Cohort"
PARAMETER = "aws:ssm/parameter:Parameter"


def with_newcomers(settings: dict[str, Any]) -> dict[str, Any]:
    more = copy.deepcopy(settings)
    first = more["teams"][0]
    entry = {"name": TEAM, "quota": {**first["quota"], "gpus": 2}, "approvers": ["role/ml-approvers"]}
    more["teams"].append(entry)
    more["guardrails"]["budget"]["teams"][TEAM] = 50
    return more


def urns_of(recording: Recording) -> dict[str, Registration]:
    """URN to registration; of a URN's own type alone, which is what ownership reads."""
    urns: dict[str, Registration] = {}
    for item in recording.registrations:
        urns[f"urn:pulumi:dev::groundwork::{item.type}::{item.name}"] = item
    return urns


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_all_that_a_team_more_brings_is_its_own_and_nothing_changes_but_what_holds_all_teams(environment: str):
    settings = settings_of(environment)
    before = urns_of(record(deploy, stack=environment, config=settings))
    after = urns_of(record(deploy, stack=environment, config=with_newcomers(settings)))
    by_name = {(item.name, not item.custom): urn for urn, item in after.items()}
    parents = {urn: by_name.get((item.parent, True), "") for urn, item in after.items()}

    def whose(urn: str, team: str = TEAM) -> tuple[Whose, str]:
        place = Place(urn=urn, type=after[urn].type, parent=parents[urn])
        found = belonging(team, place, lambda one: parents.get(one, ""))
        return found.whose, found.kind

    came = after.keys() - before.keys()
    assert len(came) > 20
    assert {urn: whose(urn) for urn in came if whose(urn)[0] is not Whose.OWN} == {}
    changed = {urn for urn in before if before[urn].inputs != after[urn].inputs}
    assert {whose(urn)[0] for urn in changed} == {Whose.SHARED}
    assert {whose(urn)[1] for urn in changed} <= {"index", "cohort", "queue", "anomalies"}
    # And nothing of what was there before is taken for the new team's, or for one whose name begins alike.
    assert [urn for urn in before if whose(urn)[0] is Whose.OWN] == []
    assert [urn for urn in came if whose(urn, "new")[0] is Whose.OWN] == []


def step(name: str, operation: str = "update", **more: Any) -> Step:
    given: dict[str, Any] = {"type": PARAMETER, "whose": Whose.OWN, **more}
    return Step(urn=f"{STACK.rsplit('::', 2)[0]}::{given['type']}::{name}", name=name, operation=operation, **given)


def shares(number: str, **more: Any) -> dict[str, Any]:
    resource = {"name": "nvidia.com/gpu", "nominalQuota": number}
    return {"spec": {"resourceGroups": [{"flavors": [{"name": "g5", "resources": [resource]}]}], **more}}


def refused(*steps: Step, **told: bool) -> list[str]:
    return [f"{one.step.name} {one.why}" for one in violations(TEAM, steps, **told)]


def test_a_step_on_what_is_none_of_the_teams_is_refused_by_name():
    strange = step("network", "replace", type="aws:ec2/vpc:Vpc", whose=Whose.OTHERS)
    assert refused(step("team-newcomers-submit", "create"), strange) == [
        "network is none of newcomers's, and would be replaced"
    ]


def test_the_list_of_teams_may_change_by_the_team_alone():
    def index(number: int, before: str, after: str) -> Step:
        states = {"old": {"insecureValue": before}, "new": {"insecureValue": after}}
        return step(f"contract-team-index-{number}", whose=Whose.SHARED, kind="index", **states)

    assert refused(index(0, '["a"]', '["a", "newcomers"]')) == []
    assert refused(index(0, '["a", "b"]', '["a", "newcomers"]'), index(1, '["c"]', '["b", "c"]')) == []
    (why,) = refused(index(0, '["a", "b"]', '["a", "newcomers"]'))
    assert why == "contract-team-index-0 would change for b as well"


def test_shares_of_other_teams_are_counted_anew_only_on_request_and_nothing_else_of_them_changes():
    queue = step("queues-team-a", type=QUEUE, whose=Whose.SHARED, kind="queue", old=shares("4"), new=shares("3"))
    assert refused(queue) == ["queues-team-a is another team's, whose share would be counted anew (g5 4 → 3)"]
    assert refused(queue, recount=True) == []
    cohort = step("queues-cohort-p", type=COHORT, whose=Whose.SHARED, kind="cohort", old=shares("1"), new=shares("2"))
    assert refused(cohort) == []
    strict = {**shares("3", queueingStrategy="StrictFIFO")}
    more = step("queues-team-a", type=QUEUE, whose=Whose.SHARED, kind="queue", old=shares("4"), new=strict)
    assert refused(more, recount=True) == [
        "queues-team-a holds all teams, and more than shares would change in it: spec.queueingStrategy"
    ]
    gone = step("queues-team-a", "delete", type=QUEUE, whose=Whose.SHARED, kind="queue", old=shares("4"))
    assert refused(gone, recount=True) == ["queues-team-a holds all teams, and would be deleted"]


def test_the_alarm_about_anomalies_may_take_or_lose_one_monitor():
    def subscription(before: list[str], after: list[str], **more: Any) -> Step:
        states = {"old": {"monitorArnLists": before}, "new": {"monitorArnLists": after, **more}}
        return step("anomalies-subscription", whose=Whose.SHARED, kind="anomalies", **states)

    assert refused(subscription(["m"], ["m", UNKNOWN_TEXT])) == []
    assert refused(subscription(["m", "n"], ["m"])) == []
    assert len(refused(subscription(["m", "n", "o"], ["m"]))) == 1
    assert refused(subscription(["m"], ["m"], frequency="DAILY")) == [
        "anomalies-subscription holds all teams, and more than its monitors would change: frequency"
    ]


def test_a_namespace_goes_only_with_its_team():
    ends = step("team-newcomers-namespace", "replace", type="kubernetes:core/v1:Namespace")
    assert refused(ends) == [
        "team-newcomers-namespace would be replaced, with every object in it, running jobs among them"
    ]
    assert refused(ends, removing=True) == []


def event(urn: str, operation: str, parent: str, kind: str, **inputs: Any) -> Mapping[str, Any]:
    state = {"parent": parent, "custom": not kind.startswith("groundwork:"), "inputs": inputs}
    metadata = {"urn": urn, "op": operation, "type": kind, "old": None, "new": state}
    return {"resourcePreEvent": {"metadata": metadata}}


def test_a_previews_events_are_read_as_the_team_sees_them():
    team = "urn:pulumi:dev::groundwork::groundwork:ml:Team::team-newcomers"
    role = "urn:pulumi:dev::groundwork::groundwork:ml:Team$aws:iam/role:Role::team-newcomers-submit"
    other = "urn:pulumi:dev::groundwork::groundwork:ml:Team$aws:iam/role:Role::team-new-submit"
    events = [
        event(role, "create", team, "aws:iam/role:Role"),  # before its parent: the engine works on several at once
        event(team, "create", STACK, "groundwork:ml:Team"),
        event(other, "update", team.replace("newcomers", "new"), "aws:iam/role:Role"),
        event(STACK, "update", "", "pulumi:pulumi:Stack"),
        {"diagnosticEvent": {"message": "debug"}},
        event(role.replace("submit", "x"), "same", team, "aws:iam/role:Role"),
    ]
    found = foreseen(TEAM, events, lambda _: None)
    assert [(one.name, one.whose, one.component) for one in found.steps] == [
        ("team-newcomers-submit", Whose.OWN, False),
        ("team-newcomers", Whose.OWN, True),
        ("team-new-submit", Whose.OTHERS, False),
    ]


def test_what_is_shown_has_no_secret_and_says_what_is_left_alone():
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": "horse"}
    planned = Planned(
        team=TEAM,
        steps=(
            step("team-newcomers-quota", old={"spec": {"pods": "1"}}, new={"spec": {"pods": "2"}}),
            step("contract-team-newcomers", old={"insecureValue": "a"}, new={"insecureValue": secret}),
        ),
        pending=(step("network", whose=Whose.OTHERS),),
        untouched=260,
    )
    text = as_text("dev", planned, ["s3://b/teams/newcomers/"])
    assert "spec.pods: 1 → 2" in text
    assert "260 resources of the stack are not touched" in text
    assert "waits for `groundwork stack up dev`: network" in text
    assert "kept: s3://b/teams/newcomers/" in text
    assert "horse" not in text + str(as_document("dev", planned, "planned"))


def test_the_differences_of_two_documents_are_found_by_path():
    old, new = {"a": [1, {"b": 2}], "c": 3}, {"a": [1, {"b": 4}, 5], "d": 6}
    assert sorted(changes(old, new), key=str) == [
        (("a", 1, "b"), 2, 4),
        (("a", 2), None, 5),
        (("c",), 3, None),
        (("d",), None, 6),
    ]


def file_of(environment: str) -> SettingsFile:
    name = f"Pulumi.{environment}.yaml"
    return SettingsFile(name=name, text=(ROOT / name).read_text())


def teams_of(file: SettingsFile) -> dict[str, Any]:
    return {team["name"]: team for team in yaml.safe_load(file.text)["config"]["groundwork:teams"]}


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_a_team_comes_changes_and_goes_in_every_shipped_file_and_leaves_it_as_it_was(environment: str):
    before = file_of(environment)
    wish = Wish(
        quota={"cpus": 8, "gpus": 1},
        members=["role/a", "role/a"],
        approvers=["role/ml-approvers"],
        guaranteed={"g5-g6": 0},
        budget=50,
    )
    added = before.with_team(TEAM, wish)
    assert teams_of(added)[TEAM] == {
        "name": TEAM,
        "members": ["role/a"],
        "approvers": ["role/ml-approvers"],
        "quota": {"cpus": 8, "gpus": 1},
        "queue": {"guaranteed": {"g5-g6": 0}},
    }
    assert added.budgets[TEAM] == 50
    changed = added.with_change(
        TEAM,
        Wish(quota={"pods": 9}, members=["role/b"], without_members=["role/a"], member_tag=True, lend=0, budget=60),
    )
    assert teams_of(changed)[TEAM] == {
        "name": TEAM,
        "members": ["role/b"],
        "approvers": ["role/ml-approvers"],
        "quota": {"cpus": 8, "gpus": 1, "pods": 9},
        "queue": {"guaranteed": {"g5-g6": 0}, "lend": 0},
        "memberTag": True,
    }
    settings = {**settings_of(environment), "teams": list(teams_of(changed).values())}
    settings["guardrails"]["budget"] = yaml.safe_load(changed.text)["config"]["groundwork:guardrails"]["budget"]
    parse(environment, settings)
    assert changed.without_team(TEAM).text == before.text


def test_what_the_settings_have_or_lack_already_is_said():
    file = file_of("dev")
    for wrong, words in (
        (lambda: file.with_team("research", Wish()), "has the team 'research' already"),
        (lambda: file.with_change("vision", Wish()), "no team 'vision'; it has research, ranking"),
        (lambda: file.without_team("vision"), "no team 'vision'"),
        (lambda: file.with_change("research", Wish(without_members=["role/x"])), "role/x is none of its members"),
    ):
        with pytest.raises(LocalStackError, match=words):
            wrong()


def test_a_budget_needs_the_environments():
    text = file_of("dev").text.replace("budget: {monthlyUsd: 1000, teams: {research: 400, ranking: 400}}", "trail: {}")
    with pytest.raises(LocalStackError, match=r"no groundwork:guardrails.budget"):
        SettingsFile(name="Pulumi.dev.yaml", text=text).with_team(TEAM, Wish(budget=5))


def test_a_file_that_no_line_can_be_put_into_is_left_to_its_author():
    text = "config:\n  groundwork:teams: &all\n    - {name: a}\n  groundwork:other: *all\n"
    with pytest.raises(LocalStackError, match="Edit it by hand, then `groundwork team apply ENV NAME`"):
        SettingsFile(name="Pulumi.dev.yaml", text=text).with_team(TEAM, Wish())


def test_a_jobs_team_is_the_one_with_the_longest_name_that_it_begins_with():
    assert team_of("a-b-job", ["a", "a-b"]) == "a-b"
    assert team_of("a-job", ["a", "a-b"]) == "a"
    assert team_of("ab-job", ["a", "a-b"]) == ""


def test_a_team_cannot_be_called_like_the_list_of_teams():
    settings = settings_of("dev")
    settings["teams"][0]["name"] = "index-0"
    settings["guardrails"].pop("budget")
    with pytest.raises(SettingsError, match="index-0"):
        parse("dev", settings)
