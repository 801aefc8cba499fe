"""What the preview's report is made of: what cannot be seen becomes a note, and never an empty list."""

import sys
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.environment import POLICY_PACK
from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.environments import OperatedEnvironment
from operations.leftovers.finding import Fate, Finding
from operations.review import looking
from operations.review.building import environment_of
from operations.review.model import Running, Verdict
from operations.review.redaction import Redactor
from prices import IDLE
from tests.unit.preview_events import BUCKET, deleted, same, state, summary

pytestmark = pytest.mark.unit
DEV = cast(OperatedEnvironment, SimpleNamespace(name="dev", region="us-east-1"))


class Engine:
    """The engine's events and state, as a test gives them; it fails at the end where `failure` says so."""

    def __init__(self, *events: dict[str, Any], resources: list[dict[str, Any]] | None = None, failure: str = ""):
        self._events, self._resources, self._failure = events, resources, failure

    def events(self, command: str, *options: str) -> Generator[dict[str, Any]]:
        yield from self._events
        if self._failure:
            raise LocalStackError(self._failure)

    def resources(self) -> list[dict[str, Any]]:
        if self._resources is None:
            raise LocalStackError("`pulumi stack export --stack dev` failed: no access")
        return self._resources


def engine(*events: dict[str, Any], **more: Any) -> StackEngine:
    return cast(StackEngine, Engine(*events, **more))


def nothing(_: str) -> None:
    pass


def finding(name: str, why: str) -> Finding:
    return Finding(kind="endpoint", id=name, name=name, why=why, fate=Fate.LEFTOVER, item={})


def test_what_runs_is_asked_only_where_something_would_go_and_told_by_team(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def running(_: object) -> list[Finding]:
        asked.append("once")
        return [
            finding("demo", "tag groundwork:environment=dev, groundwork:team=research"),
            finding("other", "its name begins with groundwork-dev"),
        ]

    monkeypatch.setattr(looking, "running", running)
    monkeypatch.setattr(looking, "subject", lambda *_: None)
    role = state("role")
    calm = looking.previewed(engine(*same(role), summary()), nothing)
    assert looking.seen(DEV, engine(resources=[role]), calm).running == []
    assert asked == []
    grave = looking.previewed(engine(*deleted(role), summary()), nothing)
    seen = looking.seen(DEV, engine(resources=[role]), grave)
    assert seen.running == [
        Running(kind="endpoint", name="demo", team="research"),
        Running(kind="endpoint", name="other", team=""),
    ]
    assert looking.seen(DEV, engine(resources=[role]), grave, look_at_jobs=False).running is None
    assert asked == ["once"]


def test_who_may_not_look_says_so(monkeypatch: pytest.MonkeyPatch):
    def refused(_: object) -> list[Finding]:
        raise LookupError("endpoint: AccessDenied")

    monkeypatch.setattr(looking, "running", refused)
    monkeypatch.setattr(looking, "subject", lambda *_: None)
    preview = looking.previewed(engine(*deleted(state("role")), summary()), nothing)
    told = environment_of(looking.seen(DEV, engine(), preview), Redactor())
    assert told.running is None
    assert any("AccessDenied" in note for note in told.notes)
    assert any("The state could not be read" in note for note in told.notes)


def test_a_preview_that_fails_keeps_what_came_before():
    failing = engine(*deleted(state("data", BUCKET)), failure="`pulumi preview` failed:\n    the network is gone")
    preview = looking.previewed(failing, nothing)
    assert (len(preview.steps), preview.ended) == (1, False)
    seen = looking.seen(DEV, engine(resources=[]), preview, look_at_jobs=False)
    told = environment_of(seen, Redactor())
    assert told.verdict is Verdict.failed
    assert [each.name for each in told.losses] == ["data"]
    assert "the network is gone" in told.problems[0].message


def test_drift_that_cannot_be_told_is_no_absence_of_drift():
    found, notes = looking.drifted(engine(failure="no credentials"), nothing)
    assert found is None
    assert notes == ("Drift could not be looked for: no credentials",)


def test_another_policy_pack_is_taken_and_a_folder_without_one_refused(tmp_path: Path):
    genuine = StackEngine(program=tmp_path, folder=tmp_path, stack="dev", variables={POLICY_PACK: "ours", "A": "b"})
    assert looking.with_pack(genuine, None) is genuine
    with pytest.raises(LocalStackError, match="is no policy pack"):
        looking.with_pack(genuine, tmp_path)
    (tmp_path / "PulumiPolicy.yaml").write_text("runtime: python\n")
    assert looking.with_pack(genuine, tmp_path).variables == {POLICY_PACK: str(tmp_path), "A": "b"}


def test_a_pack_of_a_checkout_without_packages_runs_on_those_that_are_here(tmp_path: Path):
    pack = tmp_path / "base" / "policies"
    pack.mkdir(parents=True)
    (pack / "PulumiPolicy.yaml").write_text("runtime: {name: python, options: {virtualenv: ../.venv}}\n")
    genuine = StackEngine(program=tmp_path, folder=tmp_path, stack="dev", variables={})
    for _ in range(2):
        looking.with_pack(genuine, pack)
        assert (pack / ".." / ".venv").resolve() == Path(sys.prefix).resolve()


def test_the_cost_counts_with_the_use_that_the_settings_name(tmp_path: Path):
    file, dev = tmp_path / "Pulumi.dev.yaml", cast(StackEngine, SimpleNamespace(folder=tmp_path, stack="dev"))
    nat = "aws:ec2/natGateway:NatGateway"
    file.write_text("config:\n  groundwork:costs: {natGb: 1010}\n")
    usage, notes = looking.assumed(dev)
    assert (usage.nat_gb, notes) == (1010, ())
    preview = looking.previewed(engine(*same(state("nat", nat)), summary()), nothing)
    idle, used = (
        environment_of(looking.seen(DEV, engine(resources=[]), preview, usage=each), Redactor([]))
        for each in (IDLE, usage)
    )
    assert idle.cost is not None
    assert used.cost is not None
    assert used.cost.after.idle - idle.cost.after.idle == 45
    file.write_text("config:\n  groundwork:costs: {natGb: much}\n")
    usage, (note,) = looking.assumed(dev)
    assert usage == IDLE
    assert "groundwork:costs.natGb" in note
