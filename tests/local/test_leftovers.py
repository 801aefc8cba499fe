"""What a teardown left behind: planted in an AWS server, one of every kind, found, priced and removed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from operations.leftovers.finding import Fate, Report
from operations.leftovers.ownership import Scope
from operations.leftovers.removal import remove
from operations.leftovers.scan import KINDS, Retention, scan
from operations.leftovers.subject import Subject
from operations.teardown.work import running
from tests.local.leftover_bed import ACCOUNT
from tests.local.leftover_plants import Plants
from tests.local.sagemaker_server import SageMakerServer

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
SCOPE = Scope(environment="gone", region="us-east-1", account_id=ACCOUNT, others=("gone-too",))
"""The neighbour's name begins like the environment's own."""
NOT_PLANTED = {"MLflow app"}
"""A server has one MLflow, which the tracking server is."""


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plants]:
    server = SageMakerServer(tmp_path_factory.mktemp("leftovers"))
    server.start()
    try:
        server.prepare()
        planted = Plants(server)
        planted.plant("gone", only_once=True)
        planted.plant("gone-too", only_once=False)
        yield planted
    finally:
        server.stop()


def look(plants: Plants, retention: Retention | None = None, scope: Scope = SCOPE) -> Report:
    return scan(plants.client, scope, retention)


def ids(report: Report, *fates: Fate) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.fate in (fates or tuple(Fate)):
            found.setdefault(finding.kind, set()).add(finding.id)
    return found


def test_a_planted_leftover_of_every_kind_is_found_and_the_neighbours_are_not(plants: Plants):
    report = look(plants)
    assert report.unseen == {}
    found = ids(report, Fate.LEFTOVER)
    assert {kind: id_ for kind, id_ in plants.ids["gone"].items() if id_ not in found.get(kind, set())} == {}
    assert set(found) == {kind.word for kind in KINDS} - NOT_PLANTED
    theirs = set(plants.ids["gone-too"].values())
    assert {id_ for every in found.values() for id_ in every} & theirs == set()


def test_each_leftover_says_why_it_is_ours_and_what_it_costs_a_month(plants: Plants):
    by_kind = {finding.kind: finding for finding in look(plants).findings if finding.id in plants.ids["gone"].values()}
    assert by_kind["instance"].why == "tag eks:eks-cluster-name=groundwork-gone"
    assert by_kind["subnet"].why.startswith("lies in vpc-")
    assert by_kind["log group"].why == "its name"
    assert by_kind["topic"].why == "tag groundwork:environment=gone"
    dollars = {kind: finding.usd_month and round(float(finding.usd_month), 2) for kind, finding in by_kind.items()}
    assert (dollars["NAT gateway"], dollars["address"], dollars["volume"], dollars["key"]) == (32.85, 3.65, 0.8, 1.0)
    assert (dollars["load balancer"], dollars["cluster"]) == (16.43, 73.0)
    assert dollars["snapshot"] is None  # no price is known: that is said, and never counted as nothing
    assert dollars["role"] == 0


def test_what_a_setting_keeps_is_in_a_list_of_its_own(plants: Plants):
    protected = ids(look(plants, Retention(protect=True)), Fate.RETAINED)
    assert {"bucket", "repository", "key", "cluster", "tracking server", "database"} <= set(protected)
    assert "NAT gateway" not in protected
    full = look(plants, Retention(delete_contents=False))
    assert ids(full, Fate.RETAINED) == {"bucket": {plants.ids["gone"]["bucket"]}}  # the repository is empty
    assert [finding.note for finding in full.of(Fate.RETAINED)] == [
        "protection.deleteContents is false, and it is not empty"
    ]
    held = look(plants, Retention(held=frozenset({plants.ids["gone"]["VPC"], f"default/{'groundwork-gone-clock'}"})))
    notes = {finding.kind: finding.note for finding in held.of(Fate.RETAINED)}
    assert notes.pop("VPC") == notes.pop("schedule") == "the stack still holds it"
    assert {"subnet", "NAT gateway", "network interface"} <= set(notes)
    assert set(notes.values()) == {"belongs to what is kept"}


def test_a_kind_that_no_table_knows_is_found_by_its_tag(plants: Plants):
    tags = [{"Key": "groundwork:environment", "Value": "gone"}]
    tables = plants.client("dynamodb")
    arn = tables.create_table(
        TableName="stray",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tags,
    )["TableDescription"]["TableArn"]
    [stray] = [finding for finding in look(plants).findings if finding.id == arn]
    assert (stray.kind, stray.fate, stray.by_hand) == (
        "dynamodb:table",
        Fate.LEFTOVER,
        "this command does not know its kind",
    )
    tables.delete_table(TableName="stray")


def test_an_endpoints_log_group_is_whose_tag_it_has_and_else_a_teams_unless_another_environment_has_that_team(
    plants: Plants,
):
    logs, mine = plants.client("logs"), replace(SCOPE, teams=("research",))
    shared = replace(mine, shared_teams=("research",))

    def told(scope: Scope) -> dict[str, tuple[str, str]]:
        found = [finding for finding in look(plants, scope=scope).findings if "Endpoints" in finding.id]
        return {finding.name.rsplit("/", 1)[1]: (finding.why, finding.by_hand) for finding in found}

    groups: dict[str, dict[str, str]] = {
        "research-late": {},
        "research-now": {"groundwork:environment": "gone", "groundwork:team": "research"},
        "research-there": {"groundwork:environment": "gone-too", "groundwork:team": "research"},
        "dissolved-x": {"groundwork:environment": "gone", "groundwork:team": "dissolved"},
        "stranger-x": {},
    }
    for name, tags in groups.items():
        logs.create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{name}", **({"tags": tags} if tags else {}))
    tagged = {
        "research-now": ("tag groundwork:environment=gone, groundwork:team=research", ""),
        "dissolved-x": ("tag groundwork:environment=gone, groundwork:team=dissolved", ""),
    }
    assert told(mine) == {**tagged, "research-late": ("its name: endpoints of team research", "")}
    by_hand = told(shared).pop("research-late")[1]
    assert "another environment has a team research too" in by_hand
    assert {name: why for name, why in told(shared).items() if name != "research-late"} == tagged
    for name in groups:
        logs.delete_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{name}")


class DiedError(Exception):
    """Stands for a kill: nothing after it runs, and nothing was kept in memory."""


def dies_after(count: int, plants: Plants, said: list[str]) -> Report | None:
    """A run of the removal that ends in the middle once it has removed so many; None where it did."""
    removed: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        removed.extend([text] if text.endswith(": removed") else [])
        if len(removed) == count:
            raise DiedError

    try:
        return remove(plants.client, lambda: look(plants), tell, patience_s=20, pause_s=0.2)
    except DiedError:
        return None


def test_what_runs_for_teams_is_seen_before_anything_goes(plants: Plants):
    subject = Subject(clients=plants.client, scope=SCOPE, retention=Retention(), state=())
    seen = {(finding.kind, finding.name) for finding in running(subject)}
    assert seen == {(kind, "team-gone") for kind in ("training job", "processing job", "endpoint")}


def test_removing_leaves_what_aws_has_scheduled_and_not_one_of_the_neighbours_less(plants: Plants):
    neighbour = replace(SCOPE, environment="gone-too", others=("gone",))
    before = ids(look(plants, scope=neighbour))
    said: list[str] = []
    deaths = 0
    while (report := dies_after(10, plants, said)) is None:
        deaths += 1
    print(f"killed {deaths} times, and went on each time")
    assert deaths >= 4
    assert report.empty, [(finding.kind, finding.id, finding.note) for finding in report.of(Fate.LEFTOVER)] + said
    assert {finding.kind for finding in report.findings} == {"key", "secret"}
    assert all(finding.note.startswith("AWS deletes it on 20") for finding in report.of(Fate.SCHEDULED))
    after = ids(look(plants, scope=neighbour))
    running = {"training job", "processing job"}  # these end by themselves
    assert {kind: found for kind, found in before.items() if kind not in running} == {
        kind: found for kind, found in after.items() if kind not in running
    }
    again: list[str] = []
    assert remove(plants.client, lambda: look(plants), again.append).empty
    assert again == []
