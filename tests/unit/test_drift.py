"""`groundwork drift`: how events become a report, who CloudTrail says it was, and how the command ends."""

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from operations import drift as drifts
from operations.authors import Author, History, HistoryError, subject_of
from operations.cli import app
from operations.drift import Drift, Drifted, Planned
from operations.drift_report import as_json, as_text, plan_text, value
from operations.engine_run import StackEngine

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROLE = "aws:iam/role:Role"
ROLE_ARN = "arn:aws:iam::123456789012:role/groundwork/dev-training"


class Engine:
    """The engine's events and state, as a test gives them."""

    def __init__(self, *events: dict[str, Any], state: dict[str, Any] | None = None):
        self._events, self._state, self.stack = events, state or {}, "dev"
        self.asked: list[tuple[str, ...]] = []

    def events(self, command: str, *options: str) -> Generator[dict[str, Any]]:
        self.asked.append((command, *options))
        yield from self._events

    def resources(self) -> list[dict[str, Any]]:
        return self._state.get("resources") or []

    def show(self, command: str, *options: str) -> None:
        self.asked.append((command, *options))


def engine(*events: dict[str, Any], state: dict[str, Any] | None = None) -> StackEngine:
    return cast(StackEngine, Engine(*events, state=state))


def urn(name: str, type_: str = ROLE) -> str:
    return f"urn:pulumi:dev::groundwork::{type_}::{name}"


def metadata(name: str, operation: str, type_: str = ROLE, **more: Any) -> dict[str, Any]:
    state = {"custom": True, "id": name, "inputs": {"tags": {"a": "1"}}, "outputs": {"arn": ROLE_ARN}}
    return {"op": operation, "urn": urn(name, type_), "type": type_, "old": state, "new": {**state, **more}}


def compared(name: str, operation: str, type_: str = ROLE, **more: Any) -> dict[str, Any]:
    return {"resOutputsEvent": {"metadata": metadata(name, operation, type_, **more)}}


def nothing(_: str) -> None:
    pass


def test_only_what_the_program_manages_is_compared():
    component = compared("c", "same", "x:y:Z")
    component["resOutputsEvent"]["metadata"]["old"] = {"custom": False}
    looked_up = compared("l", "update")
    looked_up["resOutputsEvent"]["metadata"]["old"]["external"] = True
    found = drifts.find(
        engine(compared("p", "same", "pulumi:providers:aws"), component, looked_up, compared("r", "same")), nothing
    )
    assert (found.looked_at, found.resources) == (1, ())


def test_what_changed_and_what_is_gone_is_told_with_the_time_of_the_programs_last_write():
    changed = compared("role", "update", inputs={"tags": {"a": "2"}})
    changed["resOutputsEvent"]["metadata"]["detailedDiff"] = {"tags.a": {"diffKind": "update", "inputDiff": True}}
    gone = compared("lost", "delete")
    gone["resOutputsEvent"]["metadata"]["new"] = None
    state = {"resources": [{"urn": urn("role"), "modified": "2026-11-20T10:00:00.123456789Z"}, {"urn": urn("lost")}]}
    found = drifts.find(engine(changed, gone, compared("r", "refresh"), state=state), nothing)
    assert found.looked_at == 3
    first, second = found.resources
    assert (first.name, first.happened, first.written) == (
        "role",
        "changed",
        datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC),
    )
    assert [(each.path, each.recorded, each.actual) for each in first.differences] == [("tags.a", "1", "2")]
    assert (second.name, second.happened, second.written, second.differences) == ("lost", "gone", None, ())


def test_a_tag_is_told_once():
    changed = compared("role", "update", inputs={"tags": {"a": "2"}, "tagsAll": {"a": "2", "c": "3"}})
    changed["resOutputsEvent"]["metadata"]["old"]["inputs"] = {"tags": {"a": "1"}, "tagsAll": {"a": "1", "c": "1"}}
    (found,) = drifts.find(engine(changed), nothing).resources
    assert [each.path for each in found.differences] == ["tags.a", "tagsAll.c"]


def test_looking_changes_nothing_and_acting_touches_what_was_shown_alone():
    resources = [Drifted(urn=urn("a"), type=ROLE, name="a", id="a", happened="changed")]
    asked = Engine()
    given = cast(StackEngine, asked)
    drifts.find(given, nothing)
    drifts.accept(given, resources)
    drifts.plan_revert(given, resources)
    drifts.revert(given, resources)
    target = ("--target", urn("a"))
    assert asked.asked == [
        ("refresh", "--preview-only", "--exclude", "**kubernetes:core/v1:Secret::*"),
        ("refresh", *target),
        ("preview", "--refresh", "--target-dependents", *target),
        ("up", "--refresh", "--target-dependents", *target),
    ]


def test_the_steps_of_a_replacement_are_one():
    events = [
        {"resourcePreEvent": {"metadata": metadata("r", operation)}}
        for operation in ("refresh", "same", "create-replacement", "replace", "delete-replaced")
    ]
    (step,) = drifts.plan_revert(engine(*events), [Drifted(urn=urn("r"), type=ROLE, name="r", id="r", happened="gone")])
    assert (step.operation, step.ends) == ("replace", True)
    assert "REPLACE  aws:iam/role:Role r (r)" in plan_text([step])


class Trail:
    """CloudTrail's answers by name, a page a list."""

    def __init__(self, **pages: list[list[dict[str, Any]]]):
        self.pages, self.asked = pages, list[dict[str, Any]]()

    def lookup_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        pages = self.pages.get(request["LookupAttributes"][0]["AttributeValue"], [[]])
        number = int(request.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return {"Events": pages[number], **more}


def event(minutes_ago: float, *, who: str = "eve", name: str = "TagRole", read: bool = False, **record: Any) -> Any:
    document = {
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::123456789012:user/{who}"},
        "sourceIPAddress": "203.0.113.7",
        "readOnly": read,
        **record,
    }
    return {
        "EventId": f"{who}-{minutes_ago}",
        "EventName": name,
        "ReadOnly": str(read).lower(),
        "EventTime": NOW - timedelta(minutes=minutes_ago),
        "CloudTrailEvent": json.dumps(document),
    }


def history(trail: Any, regions: list[str] | None = None) -> History:
    def client(region: str) -> Any:
        (regions if regions is not None else []).append(region)
        return trail

    return History(client=client, wait=lambda _: None, now=lambda: NOW)


def test_who_wrote_last_is_told_and_reads_refusals_and_the_programs_own_writes_are_not():
    trail = Trail(
        training=[
            [event(1, read=True, who="reader"), event(2, errorCode="AccessDenied", who="refused")],
            [event(3, who="eve"), event(59, who="mallory", name="UpdateRole"), event(61, who="program")],
        ]
    )
    subject = subject_of(ROLE, "training", {}, "eu-central-1", NOW - timedelta(minutes=60))
    assert subject is not None
    found = history(trail).writers(subject)
    assert [(each.who.rsplit("/", 1)[-1], each.action, each.address) for each in found] == [
        ("eve", "TagRole", "203.0.113.7"),
        ("mallory", "UpdateRole", "203.0.113.7"),
    ]


def test_a_session_is_told_with_whom_it_was_set_up_for_and_a_service_by_its_name():
    session = {"arn": "arn:aws:sts::1:assumed-role/admin/s", "sessionContext": {"sourceIdentity": "alice"}}
    service = {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}
    trail = Trail(r=[[event(1, userIdentity=session), event(2, userIdentity=service)]])
    subject = subject_of(ROLE, "r", {}, "us-east-1")
    assert subject is not None
    first, second = history(trail).writers(subject)
    assert (first.who, first.source_identity) == ("arn:aws:sts::1:assumed-role/admin/s", "alice")
    assert second.who == "autoscaling.amazonaws.com"


def test_a_resource_is_asked_for_in_its_own_region_by_each_of_its_names():
    role = subject_of(ROLE, "dev-training", {"arn": ROLE_ARN, "name": "dev-training"}, "eu-central-1")
    assert role is not None
    assert (role.region, list(role.names)) == ("us-east-1", ["dev-training", ROLE_ARN])
    queue = subject_of("aws:sqs/queue:Queue", "https://q", {"arn": "arn:aws:sqs:eu-west-1:1:q"}, "us-east-1")
    assert queue is not None
    assert (queue.region, list(queue.names)) == ("eu-west-1", ["https://q", "arn:aws:sqs:eu-west-1:1:q", "q"])
    bucket = subject_of("aws:s3/bucket:Bucket", "b", {"arn": "arn:aws:s3:::b", "bucket": "b"}, "us-west-2")
    assert bucket is not None
    assert bucket.region == "us-west-2"
    assert subject_of("kubernetes:core/v1:ConfigMap", "ns/c", {}, "us-east-1") is None


def test_the_history_is_asked_for_ninety_days_at_most_and_no_more_pages_than_it_is_worth():
    trail = Trail(busy=[[event(1, read=True)]] * 50)
    subject = subject_of(ROLE, "busy", {}, "us-east-1", NOW - timedelta(days=400))
    assert subject is not None
    assert history(trail).writers(subject) == []
    assert len(trail.asked) == 10
    assert trail.asked[0]["StartTime"] == NOW - timedelta(days=90)


def test_a_history_that_may_not_be_read_is_said_in_words():
    class Refusing:
        def lookup_events(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "LookupEvents")

    subject = subject_of(ROLE, "r", {}, "us-east-1")
    assert subject is not None
    with pytest.raises(HistoryError, match=r"CloudTrail in us-east-1 cannot be asked who it was: .*AccessDenied"):
        history(Refusing()).writers(subject)


def author(**more: Any) -> Author:
    members: dict[str, Any] = {
        "who": "arn:aws:iam::1:user/eve",
        "source_identity": "",
        "action": "TagRole",
        "at": NOW,
        "address": "203.0.113.7",
        "event_id": "e",
    }
    return Author(**{**members, **more})


def test_the_report_names_resource_property_and_person():
    changed = compared("role", "update", inputs={"tags": {"a": "2", "b": "x"}})
    found = drifts.find(engine(changed), nothing)
    text = as_text("dev", found, {urn("role"): [author()]}, ["late"])
    assert text == (
        "dev: 1 of 1 resources are not as the program left them.\n"
        "\n"
        "  ~ aws:iam/role:Role role (role)\n"
        '      tags.a  "1" is now "2"\n'
        '      tags.b  "x" was added\n'
        "      TagRole by arn:aws:iam::1:user/eve, 2026-11-21 12:00:00 UTC, from 203.0.113.7\n"
        "\n"
        "Note: late"
    )
    document = json.loads(as_json("dev", "drift", found, {urn("role"): [author()]}, []))
    assert document["outcome"] == "drift"
    (resource,) = document["resources"]
    assert resource["differences"][0] == {"path": "tags.a", "kind": "changed", "recorded": "1", "actual": "2"}
    assert resource["by"][0]["at"] == "2026-11-21T12:00:00+00:00"


def test_where_nothing_differs_the_report_says_so():
    assert as_text("dev", Drift(resources=(), looked_at=7), {}, []) == (
        "dev: all 7 resources are as the program left them."
    )


def test_values_cannot_speak_to_the_terminal():
    told = value({"a": "\x1b[2J\x9b1A\u202e"})
    assert told.isprintable()
    assert "\\u202e" in told
    assert len(value("x" * 500)) == 120


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["drift"], "Missing argument"),
        (["drift", "dev", "--wat"], "--wat"),
        (["drift", "dev", "--accept", "--revert"], "Either --accept or --revert"),
        (["drift", "dev", "--revert"], "no terminal to ask on"),
        (["drift", "nowhere"], "nowhere"),
    ],
)
def test_a_slip_is_never_taken_for_drift(arguments: list[str], said: str):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert said in result.output


def test_a_revert_that_ends_something_is_not_done_without_a_person(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from operations import drift_commands

    def plan(*_: Any) -> list[Planned]:
        return [Planned(urn=urn("r"), operation="replace", type=ROLE, name="r", id="r")]

    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(drifts, "plan_revert", plan)
    monkeypatch.setattr(drifts, "revert", never)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    found = Drift(resources=(Drifted(urn=urn("r"), type=ROLE, name="r", id="r", happened="changed"),), looked_at=1)
    assert drift_commands.act(engine(), "revert", found, yes=True) == ""
    assert "-y is not enough" in capsys.readouterr().err
