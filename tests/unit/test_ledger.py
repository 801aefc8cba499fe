"""The ledger: entries around creations, and what `ml gc` makes of them beside what there is."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.audit import AuditLog, append
from ml.environment import Environment, owning_team
from ml.garbage.compare import Action, Rules, compare, intents, reads, uploads
from ml.garbage.costs import cost_of
from ml.garbage.things import Inventory, Thing
from ml.ledger import Closing, Entry, EntryKey, Ledger, creating
from tests.unit.memory_s3 import CALLER, MemoryS3, environment, refusal
from tests.unit.ml_contract import contract

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=40)
RULES = Rules(now=NOW)
ML = Path(__file__).parents[2] / "ml"


def entries_of(here: Environment) -> list[Entry]:
    return Ledger(here, contract(), "research").entries()


def phases(s3: MemoryS3) -> list[str]:
    return [key.rpartition("/")[2].removesuffix(".json") for key in s3.keys("artifacts", "teams/research/ledger/")]


def test_an_entry_is_written_before_what_it_tells_of_and_completed_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    here = environment()
    s3 = here.clients.client("s3")
    with creating(
        here,
        contract(),
        "research",
        "endpoint",
        "research-trial",
        expires=timedelta(hours=8),
        details={"instance_type": "ml.m5.large"},
    ) as creation:
        assert phases(s3) == ["opened"]
        creation.arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/research-trial"
        creation.told_by(append(here, contract(), "research", "deploy", "research-trial"))
    (entry,) = entries_of(here)
    assert phases(s3) == ["created", "opened"]
    assert entry.by == {"arn": CALLER, "owner": "ada"}
    assert entry.expires is not None
    assert timedelta(hours=7, minutes=59) < entry.expires - datetime.now(UTC) < timedelta(hours=8)
    assert entry.details == {"instance_type": "ml.m5.large"}
    assert entry.arn == creation.arn
    assert entry.head == AuditLog(here, contract(), "research").beginning
    assert entry.line is not None
    assert entry.line.number == 1
    assert entry.is_open


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (refusal("ValidationException", 400, "CreateModel"), ["closed", "opened"]),
        (refusal("InternalFailure", 500, "CreateModel"), ["opened"]),
        (OSError("the network is gone"), ["opened"]),
        (KeyboardInterrupt(), ["opened"]),
    ],
    ids=["refused", "a failure of AWS", "no answer", "broken off"],
)
def test_only_a_refusal_closes_an_entry_that_was_opened(error: BaseException, left: list[str]) -> None:
    here = environment()
    with pytest.raises(type(error)), creating(here, contract(), "research", "model", "research-m"):
        raise error
    assert phases(here.clients.client("s3")) == left


def test_an_error_after_the_creation_does_not_pass_for_its_refusal() -> None:
    here = environment()

    def create() -> None:
        with creating(here, contract(), "research", "model", "research-m") as creation:
            creation.arn = "arn:aws:sagemaker:eu-west-1:123456789012:model/research-m"
            raise refusal("AccessDenied", 403, "PutObject")

    with pytest.raises(ClientError):
        create()
    assert phases(here.clients.client("s3")) == ["opened"]


def test_what_is_not_an_entry_in_the_ledgers_folder_is_left_alone() -> None:
    here = environment()
    here.clients.client("s3").put_object(Bucket="artifacts", Key="teams/research/ledger/events/1.json", Body=b"{}")
    assert entries_of(here) == []
    assert EntryKey.read("endpoint/research-a/1/opened.txt") is None


def thing(kind: str, name: str, **fields: Any) -> Thing:
    fields.setdefault("created", LONG_AGO)
    return Thing(kind=kind, name=name, arn=f"arn:{kind}/{name}", **fields)


def entry(kind: str, name: str, *, ident: str = "1", **fields: Any) -> Entry:
    fields.setdefault("opened", LONG_AGO)
    fields.setdefault("created", fields["opened"])
    values: dict[str, Any] = {"by": {"owner": "ada"}, "expires": None, "details": {}, "head": None}
    present = (
        {"opened"} | ({"created"} if fields["created"] else set()) | ({"closed"} if fields.get("closed") else set())
    )
    return Entry(key=EntryKey(kind=kind, name=name, id=ident), **{**values, **fields}, phases=frozenset(present))


def found(things: list[Thing], entries: list[Entry], **owners: str) -> list[tuple[str, str, str]]:
    """Action, name and reason of what is to be done. owners: name, with _ for -, to the owner that its tag names."""

    def with_owner(one: Thing) -> Thing:
        return Thing(**{**one.__dict__, "owner": owners.get(one.name.replace("-", "_"))})

    items = compare(Inventory(things), entries, RULES, with_owner)
    return [(item.action.value, item.name, item.why) for item in items]


def test_what_has_an_entry_and_no_end_stays() -> None:
    things = [
        thing("endpoint", "research-a", uses=["research-a-config"]),
        thing("endpoint-config", "research-a-config", uses=["research-m"]),
        thing("model", "research-m"),
        thing("training-job", "research-j", running=True),
    ]
    assert found(things, [entry(one.kind, one.name) for one in things]) == []


def test_what_has_expired_is_removed_and_what_it_used_with_it() -> None:
    things = [
        thing("endpoint", "research-a", uses=["research-a-config"]),
        thing("endpoint-config", "research-a-config", uses=["research-m"]),
        thing("model", "research-m"),
    ]
    past = NOW - timedelta(minutes=1)
    entries = [entry(one.kind, one.name, expires=past) for one in things]
    assert found(things, entries) == [
        ("remove", "research-a", "expired"),
        ("remove", "research-a-config", "unused"),
        ("remove", "research-m", "unused"),
    ]


def test_the_newest_entry_says_how_long_an_endpoint_lives() -> None:
    endpoint = thing("endpoint", "research-a")
    older = entry("endpoint", "research-a", ident="1", expires=NOW - timedelta(days=1))
    newer = entry("endpoint", "research-a", ident="2", opened=LONG_AGO + timedelta(days=1))
    assert found([endpoint], [newer, older]) == [("close", "research-a", "replaced")]


def test_a_job_past_its_time_is_stopped_and_one_that_has_ended_closes_its_entry() -> None:
    past = NOW - timedelta(minutes=1)
    running = thing("training-job", "research-stuck", running=True, status="InProgress")
    ended = thing("training-job", "research-done", status="Completed")
    entries = [entry("training-job", one.name, expires=past) for one in (running, ended)]
    assert found([running, ended], entries) == [
        ("remove", "research-stuck", "expired"),
        ("close", "research-done", "ended"),
    ]


def test_what_neither_ledger_nor_tags_know_is_removed_and_what_tags_know_is_adopted() -> None:
    things = [thing("endpoint", "research-nobodys"), thing("endpoint", "research-adas")]
    assert found(things, [], research_adas="ada") == [
        ("remove", "research-nobodys", "unowned"),
        ("adopt", "research-adas", "unlisted"),
    ]


def test_what_is_young_is_left_alone() -> None:
    young = NOW - timedelta(hours=23)
    things = [thing("endpoint", "research-a", created=young), thing("model", "research-m", created=young)]
    at_work = entry("model", "research-n", opened=NOW - timedelta(minutes=10), created=None)
    assert found(things, [at_work]) == []


def test_an_entry_of_what_never_came_to_be_or_is_gone_is_closed() -> None:
    never = entry("model", "research-n", opened=NOW - timedelta(minutes=20), created=None)
    gone = entry("endpoint", "research-e")
    assert set(found([], [never, gone])) == {
        ("close", "research-n", "never created"),
        ("close", "research-e", "gone"),
    }


def test_a_builds_entry_is_closed_when_the_longest_build_has_ended() -> None:
    recent = entry("build", "builder/serving/1", opened=NOW - timedelta(hours=35))
    old = entry("build", "builder/serving/2", opened=NOW - timedelta(hours=37), created=None)
    assert found([], [recent, old]) == [("close", "builder/serving/2", "ended")]


def test_an_entry_whose_writer_died_after_the_creation_is_completed() -> None:
    unfinished = entry("training-job", "research-j", opened=NOW - timedelta(minutes=20), created=None)
    running = thing("training-job", "research-j", running=True)
    assert found([running], [unfinished]) == [("complete", "research-j", "unfinished")]


def test_what_is_in_use_is_not_removed_though_nobody_owns_it() -> None:
    things = [
        thing("endpoint", "research-a", uses=["research-c"]),
        thing("endpoint-config", "research-c", uses=["research-m"]),
        thing("model", "research-m"),
    ]
    assert found(things, [entry("endpoint", "research-a")]) == []


def test_a_transform_keeps_its_model_while_it_runs_and_is_stopped_at_its_end() -> None:
    model, entries = thing("model", "research-m"), [entry("transform-job", "research-t"), entry("model", "research-m")]
    running = thing("transform-job", "research-t", running=True, status="InProgress", uses=["research-m"])
    assert found([running, model], entries) == []
    late = [entry("transform-job", "research-t", expires=NOW - timedelta(minutes=1)), entries[1]]
    assert found([running, model], late) == [
        ("remove", "research-t", "expired"),
        ("remove", "research-m", "unused"),
    ]
    ended = thing("transform-job", "research-t", status="Completed")
    assert found([ended], entries[:1]) == [("close", "research-t", "ended")]


def test_packages_of_a_group_are_told_apart_by_their_arn_and_an_approved_one_stays() -> None:
    first, second = (
        Thing(kind="model-package", name="research-m", arn=f"arn:package/{number}", created=LONG_AGO)
        for number in (1, 2)
    )
    approved = Thing(
        kind="model-package", name="research-m", arn="arn:package/3", created=LONG_AGO, status="Approved", approved=True
    )
    entries = [entry("model-package", "research-m", arn="arn:package/2")]
    items = compare(Inventory([first, second, approved]), entries, RULES, lambda one: one)
    assert [(item.action, item.thing.arn if item.thing else "") for item in items] == [(Action.REMOVE, "arn:package/1")]


def test_kinds_that_the_caller_may_not_list_are_not_judged() -> None:
    inventory = Inventory([], unseen=["model"])
    assert compare(inventory, [entry("model", "research-m")], RULES, lambda one: one) == []


def test_uploads_that_a_run_has_read_stay_and_others_go() -> None:
    def upload(name: str, **fields: Any) -> Thing:
        values: dict[str, Any] = {"created": LONG_AGO, **fields}
        return Thing(kind="upload", name=name, arn=f"s3://artifacts/teams/research/{name}/", **values)

    inventory = Inventory(
        [
            upload("code/read"),
            upload("code/unread"),
            upload("inputs/running"),
            upload("inputs/young", created=NOW - timedelta(hours=1)),
            thing("training-job", "research-x", reads=["s3://artifacts/teams/research/inputs/running/"]),
        ]
    )
    closed = entry(
        "training-job",
        "research-j",
        closed=NOW,
        because=Closing.ENDED.value,
        details={"uploads": ["s3://artifacts/teams/research/code/read"]},
    )
    items = uploads(inventory, reads(inventory, [closed]), RULES)
    assert [item.name for item in items] == ["code/unread"]


def test_an_intent_is_settled_when_its_writer_cannot_be_at_work_any_more() -> None:
    here = environment()
    log = AuditLog(here, contract(), "research")
    log.add("deploy", "research-a", {}, phase="intent")
    now = datetime.now(UTC)
    assert intents(log.lines(), Rules(now=now)) == []
    (item,) = intents(log.lines(), Rules(now=now + timedelta(minutes=16)))
    assert (item.action, item.name) == (Action.SETTLE, "research-a")


def test_costs_come_from_the_price_list_and_an_unknown_one_is_said() -> None:
    known = cost_of(thing("endpoint", "a", instances=[("ml.m5.xlarge", 2)]), "us-east-1")
    assert known.known
    assert known.usd_month == pytest.approx(2 * 0.23 * 730)
    unknown = cost_of(thing("endpoint", "a", instances=[("ml.nothing.huge", 1)]), "us-east-1")
    assert not unknown.known
    assert unknown.text == "unknown"
    assert "ml.nothing.huge" in unknown.note
    assert cost_of(thing("model", "m"), "us-east-1").text == "nothing"
    assert cost_of(thing("upload", "u", size=2**30), "us-east-1").usd_month == pytest.approx(0.023)


def test_a_name_belongs_to_the_team_with_the_longest_name_that_fits() -> None:
    teams = ["risk", "risk-models", "research"]
    assert owning_team("risk-models-a", teams) == "risk-models"
    assert owning_team("risk-a", teams) == "risk"
    assert owning_team("riskier-a", teams) is None


CREATIONS = {
    "create_training_job",
    "create_processing_job",
    "create_transform_job",
    "create_model",
    "create_endpoint_config",
    "create_endpoint",
    "create_model_package",
    "start_build",
}


def unlisted_creations(tree: ast.AST) -> list[str]:
    """Calls that create something, outside a `with creating(…)`."""
    missing: list[str] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.With):
            names = {
                getattr(one.context_expr.func, "id", "") for one in node.items if isinstance(one.context_expr, ast.Call)
            }
            inside = inside or "creating" in names
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CREATIONS
            and not inside
        ):
            missing.append(f"{node.func.attr}, line {node.lineno}")
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, inside=False)
    return missing


def test_every_creation_in_ml_is_inside_a_ledger_entry() -> None:
    found = {
        str(path.relative_to(ML)): missing
        for path in ML.rglob("*.py")
        if "templates" not in path.parts and (missing := unlisted_creations(ast.parse(path.read_text())))
    }
    assert found == {}


def test_a_creation_outside_of_an_entry_would_be_found() -> None:
    assert unlisted_creations(ast.parse("client.create_model(ModelName='m')")) == ["create_model, line 1"]
    assert unlisted_creations(ast.parse("with creating(e) as c:\n    client.create_model(ModelName='m')")) == []
