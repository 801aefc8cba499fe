"""The audit log's chain: what is added, by several at once too, and that no change of it goes unseen."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from ml.audit import AuditLog, append, recording
from ml.audit.chain import Place, canonical, key, number_of, parse
from ml.audit.verify import Verdict, Witness, verify
from ml.environment import Environment
from ml.errors import MlError
from ml.ledger import Ledger, creating
from tests.unit.memory_s3 import CALLER, MemoryS3, environment, refusal
from tests.unit.ml_contract import ACCOUNT, contract

pytestmark = pytest.mark.unit

BUCKET, PREFIX = "artifacts", "teams/research/audit/"


def written(lines: int) -> tuple[Environment, MemoryS3]:
    """An environment whose log has so many lines."""
    here = environment()
    for number in range(1, lines + 1):
        append(here, contract(), "research", "submit", f"research-job-{number}", {"code": f"digest {number}"})
    return here, here.clients.client("s3")


def verdict(here: Environment, *, witnesses: list[Witness] | None = None) -> Verdict:
    log, ledger = AuditLog(here, contract(), "research"), Ledger(here, contract(), "research")
    stored, strangers = log.stored()
    return verify(
        stored,
        strangers,
        log.beginning,
        environment="dev",
        team="research",
        entries=ledger.entries(),
        # These tests' lines have no entries, but for those that are about entries.
        submitted={f"research-job-{number}" for number in range(20)},
        witnesses=witnesses or [],
        tampering=log.store.tampering(),
    )


def told(found: Verdict) -> list[tuple[str, str]]:
    return [(one.what, one.where) for one in found.findings]


def test_lines_are_numbered_chained_and_say_who_and_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    here, _ = written(3)
    lines = list(reversed(AuditLog(here, contract(), "research").lines()))
    assert [line.number for line in lines] == [1, 2, 3]
    assert all(later.previous == line.place.digest for line, later in pairwise(lines))
    assert lines[1].by == {"arn": CALLER, "owner": "ada"}
    assert (lines[1].action, lines[1].subject, lines[1].details) == ("submit", "research-job-2", {"code": "digest 2"})
    assert verdict(here).whole


def test_the_newest_line_is_the_first_that_s3_lists() -> None:
    numbers = [1, 2, 9, 10, 11, 99, 100, 12345]
    assert sorted(numbers, key=key) == sorted(numbers, reverse=True)
    assert [number_of(key(number)) for number in numbers] == numbers
    assert number_of("000000000001-7.json") is None
    assert number_of("README") is None


def test_a_document_has_one_form_and_no_numbers_that_json_lacks() -> None:
    assert canonical({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"loss": float("nan")})


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_line_that_was_changed_is_found_and_named(number: int) -> None:
    here, s3 = written(5)
    place = PREFIX + key(number)
    body = s3.get_object(Bucket=BUCKET, Key=place)["Body"].read()
    s3.replace(BUCKET, place, body.replace(b"digest", b"forged"))
    last = Place(number=5, digest=parse(body).place.digest) if number == 5 else None
    found = verdict(here, witnesses=[Witness(who="the tags of job x", place=last)] if last else None)
    assert told(found) == [("tampered", f"line {number}")]


def test_a_line_whose_bytes_are_not_canonical_is_found() -> None:
    here, s3 = written(3)
    document = json.loads(s3.get_object(Bucket=BUCKET, Key=PREFIX + key(2))["Body"].read())
    s3.replace(BUCKET, PREFIX + key(2), json.dumps(document, indent=1).encode())
    assert ("tampered", "line 2") in told(verdict(here))


def test_a_line_that_was_dropped_is_found() -> None:
    here, s3 = written(5)
    for number in (2, 3):
        s3.replace(BUCKET, PREFIX + key(number), None)
    assert told(verdict(here)) == [("dropped", "lines 2 to 3")]


def test_a_dropped_line_is_found_also_when_the_later_ones_were_numbered_anew() -> None:
    here, s3 = written(4)
    bodies = [s3.get_object(Bucket=BUCKET, Key=PREFIX + key(number))["Body"].read() for number in (1, 3, 4)]
    for number, body in enumerate(bodies, start=1):
        s3.replace(BUCKET, PREFIX + key(number), body.replace(b'"number":%d' % (number + 1), b'"number":%d' % number))
    s3.replace(BUCKET, PREFIX + key(4), None)
    assert not verdict(here).whole


def test_lines_that_changed_places_are_found() -> None:
    here, s3 = written(5)
    second, fourth = (s3.get_object(Bucket=BUCKET, Key=PREFIX + key(number))["Body"].read() for number in (2, 4))
    s3.replace(BUCKET, PREFIX + key(2), fourth)
    s3.replace(BUCKET, PREFIX + key(4), second)
    assert {("moved", "line 2"), ("moved", "line 4")} <= set(told(verdict(here)))


def test_a_log_whose_end_was_cut_off_is_found_by_whoever_saw_it() -> None:
    here, s3 = written(3)
    with creating(here, contract(), "research", "training-job", "research-job-4") as creation:
        creation.told_by(append(here, contract(), "research", "submit", "research-job-4"))
    assert verdict(here).whole
    for number in (3, 4):
        s3.replace(BUCKET, PREFIX + key(number), None)
    (finding,) = verdict(here).findings
    assert (finding.what, finding.where) == ("truncated", "lines 3 to 4")
    assert "the ledger's entry of training-job research-job-4 saw line 4" in finding.says


def test_a_log_that_was_written_anew_from_the_start_is_found_by_whoever_saw_it() -> None:
    here, s3 = written(3)
    saw = Witness(who="the tags of job research-job-3", place=AuditLog(here, contract(), "research").end())
    for number in (1, 2, 3):
        s3.replace(BUCKET, PREFIX + key(number), None)
    for number in (1, 2, 3):
        append(here, contract(), "research", "submit", f"research-job-{number}", {"code": "another"})
    assert told(verdict(here)) == []  # the chain itself is whole …
    assert told(verdict(here, witnesses=[saw])) == [("tampered", "line 3")]  # … and is not the one that was seen


def test_another_teams_log_does_not_pass_for_this_ones() -> None:
    theirs = environment(name="prod")
    append(theirs, contract(), "research", "submit", "research-job-1")
    found = verdict(theirs)
    assert ("foreign", "line 1") in told(found)


def test_overwriting_and_deleting_are_told_by_s3s_versions_and_times() -> None:
    here, s3 = written(3)
    body = s3.get_object(Bucket=BUCKET, Key=PREFIX + key(2))["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=PREFIX + key(2), Body=body)
    assert ("overwritten", "line 2") not in told(verdict(here))  # a moment later: clocks differ as much
    s3.objects[BUCKET, PREFIX + key(2)][-1].modified += timedelta(minutes=2)
    assert ("overwritten", "line 2") in told(verdict(here))
    assert ("overwritten", key(2)) in told(verdict(here))
    s3.delete_object(Bucket=BUCKET, Key=PREFIX + key(3))
    assert ("deleted", key(3)) in told(verdict(here))
    s3.objects[BUCKET, PREFIX + key(1)][0].modified += timedelta(days=1)
    assert ("overwritten", "line 1") in told(verdict(here))


def test_a_stranger_in_the_folder_is_named() -> None:
    here, s3 = written(1)
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}notes.txt", Body=b"")
    assert told(verdict(here)) == [("foreign", "audit/notes.txt")]


def test_two_who_add_at_once_both_get_their_line() -> None:
    here, s3 = written(1)
    stale = AuditLog(here, contract(), "research").end()
    first = append(here, contract(), "research", "promote", "trial/1", {"by": "one"}, after=stale)
    second = append(here, contract(), "research", "promote", "trial/1", {"by": "two"}, after=stale)
    assert (first.number, second.number) == (2, 3)
    assert len(s3.keys(BUCKET, PREFIX)) == 3
    assert verdict(here).whole


def test_a_line_whose_answer_was_lost_is_added_once() -> None:
    class LosesAnswers(MemoryS3):
        lost = 0

        def put_object(self, **call: Any) -> None:
            super().put_object(**call)
            # The client tries again by itself, and is told that the key is taken: by its own first attempt.
            if self.lost < 3:
                self.lost += 1
                super().put_object(**call)

    here = environment({"s3": LosesAnswers()})
    for number in (1, 2, 3):
        assert append(here, contract(), "research", "submit", f"research-job-{number}").number == number
    assert verdict(here).lines == 3


def test_a_conflict_with_a_writer_at_work_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.write_once.CONFLICT_PAUSES_S", (0.0, 0.0))
    conflicts = [refusal("ConditionalRequestConflict", 409, "PutObject")] * 2

    class Conflicts(MemoryS3):
        def put_object(self, **call: Any) -> None:
            if conflicts:
                raise conflicts.pop()
            super().put_object(**call)

    here = environment({"s3": Conflicts()})
    assert append(here, contract(), "research", "submit", "research-job-1").number == 1


@contextmanager
def ends_with(error: BaseException) -> Iterator[None]:
    with pytest.raises(type(error)):
        yield


@pytest.mark.parametrize(
    ("error", "phases"),
    [
        (None, ["intent", "done"]),
        (MlError("no"), ["intent", "refused"]),
        (refusal("ValidationException", 400, "UpdateEndpoint"), ["intent", "refused"]),
        (refusal("InternalFailure", 500, "UpdateEndpoint"), ["intent"]),
        (KeyboardInterrupt(), ["intent"]),
    ],
    ids=["accepted", "refused by ml", "refused by AWS", "in doubt", "broken off"],
)
def test_an_act_leaves_its_intent_and_its_end_if_that_is_known(error: BaseException | None, phases: list[str]) -> None:
    here = environment()

    def act(fails: Callable[[], None]) -> None:
        with recording(here, contract(), "research", "deploy", "research-trial", {"job": "a"}):
            fails()

    def fail() -> None:
        if error is not None:
            raise error

    if error is None:
        act(fail)
    else:
        with ends_with(error):
            act(fail)
    lines = list(reversed(AuditLog(here, contract(), "research").lines()))
    assert [line.phase for line in lines] == phases
    assert [(one.what, one.where) for one in verdict(here).findings] == (
        [("unfinished", "line 1")] if phases == ["intent"] else []
    )
    assert verdict(here).whole


def test_a_log_belongs_to_account_environment_and_team() -> None:
    begins = AuditLog(environment(), contract(), "research").beginning
    assert begins.number == 0
    assert ACCOUNT in contract().platform.account_id
    other = AuditLog(environment(), contract(platform={"account_id": "999999999999"}), "research").beginning
    assert begins.digest != other.digest


@pytest.mark.parametrize(
    ("change", "told_as"),
    [
        (lambda body: body.replace(b'"owner":"ada"', b'"owner":"eve"'), "ledger/training-job/research-job-1"),
        (lambda _: b"nothing", "ledger/training-job/research-job-1/"),
    ],
    ids=["another owner", "no entry at all"],
)
def test_a_ledger_entry_that_was_changed_is_found(
    change: Callable[[bytes], bytes], told_as: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    here = environment()
    s3 = here.clients.client("s3")
    with creating(here, contract(), "research", "training-job", "research-job-1") as creation:
        details = {"entry": creation.digest}
        creation.told_by(append(here, contract(), "research", "submit", "research-job-1", details))
    assert verdict(here).whole
    (name,) = (one for one in s3.keys(BUCKET, "teams/research/ledger/") if one.endswith("opened.json"))
    s3.replace(BUCKET, name, change(s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()))
    found = verdict(here)
    assert not found.whole
    assert any(one.what == "tampered" and one.where.startswith(told_as) for one in found.findings)
