"""`groundwork stack` and `groundwork account` hand the engine what their options say."""

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from operations import account_commands, engine_run, stack_commands
from operations.cli import app

pytestmark = pytest.mark.unit


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What the engine would have been started with."""
    seen: list[tuple[str, list[str]]] = []

    def hand_over(_: Any, command: str, options: Any, *rest: Any) -> None:
        seen.append((command, list(options)))

    for module, lookup in ((stack_commands, "environment"), (account_commands, "read_account")):
        monkeypatch.setattr(module, "hand_over", hand_over)
        monkeypatch.setattr(module, lookup, lambda name: SimpleNamespace(name=name, is_local=False))
    monkeypatch.setattr(engine_run, "stack_engine", lambda _: SimpleNamespace(program="pulumi"))
    return seen


@pytest.mark.parametrize("group", ["stack", "account"])
def test_json_is_the_engines_own_and_comes_before_what_is_handed_on(group: str, handed: list[tuple[str, list[str]]]):
    told = CliRunner().invoke(app, [group, "preview", "dev", "-o", "json", "--", "--diff"])
    assert told.exit_code == 0, told.output
    assert handed == [("preview", ["--json", "--diff"])]


@pytest.mark.parametrize("group", ["stack", "account"])
def test_a_person_gets_the_engines_display(group: str, handed: list[tuple[str, list[str]]]):
    assert CliRunner().invoke(app, [group, "preview", "dev"]).exit_code == 0
    assert handed == [("preview", [])]
