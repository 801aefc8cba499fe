"""Ledger and audit log when processes are killed, and when several write at once, on the real AWS server."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml.targets.sagemaker import endpoints
from tests.ml.lifecycle import Life, in_a_child
from tests.ml.records_server import MODELS, RecordsServer

pytestmark = pytest.mark.ml

ACTS = ("train", "deploy", "change", "approve", "take_down", "collect")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordsServer]:
    running = RecordsServer(tmp_path_factory.mktemp("records"), teams=[f"act-{act.replace('_', '-')}" for act in ACTS])
    kept = {name: os.environ.get(name) for name in running.variables}
    os.environ.update(running.variables)
    try:
        yield running
    finally:
        running.stop()
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def prepared(server: RecordsServer, folder: Path, act: str, run: int) -> None:
    """What an act finds: an endpoint to change, one to take down, something to collect."""
    team = f"act-{act.replace('_', '-')}"

    def prepare() -> None:
        life = Life(folder, team, run, 0, MODELS[0])
        name = {"change": f"{team}-kept", "take_down": f"{team}-down-{run}", "collect": f"{team}-new-{run}"}.get(act)
        if name is None or (act != "take_down" and run > 1):
            return
        expires = timedelta(0) if act == "collect" else None
        endpoints.deploy(life.environment, life.contract, life.target(name, expires))
        life.in_service(name)

    answer = folder / "prepared.json"
    assert in_a_child(prepare, answer) == 0, answer.read_text()


def run_act(folder: Path, act: str, run: int, last: int) -> tuple[bool, list[str]]:
    """Whether the act was killed, and the writes that it made where it was not."""
    team = f"act-{act.replace('_', '-')}"

    def do() -> list[str]:
        life = Life(folder, team, run, last, MODELS[run % 2])
        getattr(life, act)()
        return life.made

    answer = folder / "made.json"
    answer.unlink(missing_ok=True)
    status = in_a_child(do, answer)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True, []
    assert status == 0, answer.read_text()
    return False, json.loads(answer.read_text())


def after(folder: Path, act: str) -> dict[str, Any]:
    """What verification finds before and after `ml gc -y`."""
    team = f"act-{act.replace('_', '-')}"

    def look() -> dict[str, Any]:
        before = Life(folder, team, 0, 0, MODELS[0]).verdict().document()
        life = Life(folder, team, 0, 0, MODELS[0])
        life.collect()
        found = {"before": before, "after": life.verdict().document(), "left": life.left()}
        return found | {"jobs": life.jobs(), "submitted": life.submitted()}

    answer = folder / "looked.json"
    assert in_a_child(look, answer) == 0, answer.read_text()
    return json.loads(answer.read_text())


@pytest.mark.parametrize("act", ACTS)
def test_a_kill_after_any_single_write_leaves_records_that_are_whole_and_that_gc_finishes(
    server: RecordsServer, tmp_path: Path, act: str, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = 0
    while True:
        run = killed + 1
        prepared(server, tmp_path, act, run)
        was_killed, made = run_act(tmp_path, act, run, run)
        found = after(tmp_path, act) if act != "collect" or not was_killed else {}
        if found:
            assert found["before"]["whole"], (act, run, found["before"])
            assert found["after"]["whole"], (act, run, found["after"])
            assert found["after"]["findings"] == [], (act, run, found["after"])
            assert found["left"] == [], (act, run)
            assert found["submitted"] == found["jobs"]
        if not was_killed:
            break
        killed += 1
    assert killed >= 3
    with capsys.disabled():
        print(f"\n{act}: killed after each of {killed} writes: {', '.join(made)}")
