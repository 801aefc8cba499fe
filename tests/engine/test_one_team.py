"""`groundwork team` on the whole platform: one team comes, changes and goes, and the others stay as they were."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from tests.checkout import Checkout
from tests.conftest import Platform
from tests.engine.leftovers import api_server

pytestmark = [pytest.mark.engine, pytest.mark.full, pytest.mark.timeout(3600)]
TEAM = "vision"
SHARED = {"contract-team-index-0", "anomalies-subscription"}
COUNTED_ANEW = {"queues-cohort-platform", "queues-team-research"}


@pytest.fixture
def checkout(platform: Platform) -> Generator[Checkout]:
    """The platform as `make local` leaves it; a test that fails gives it back so, too."""
    checkout = platform.checkout
    file = checkout.folder / "Pulumi.local.yaml"
    before = file.read_text()
    yield checkout
    if file.read_text() != before:
        file.write_text(before)
        checkout.must_pulumi("up", "--yes", "--skip-preview")


def team(checkout: Checkout, *arguments: str) -> tuple[int, str]:
    """How a `groundwork team` command ended, and all that it printed."""
    done = checkout.run(".venv/bin/groundwork", "team", *arguments)
    return done.returncode, done.stdout


def changed(checkout: Checkout, *arguments: str) -> None:
    status, told = team(checkout, *arguments, "-y")
    assert status == 0, told
    assert "done in" in told


def state(checkout: Checkout) -> dict[str, tuple[Any, ...]]:
    """What is recorded of every resource, and when the engine last wrote to it, by its URN's end.

    Of a group that exists in the stack alone only that it is there: it lists what is in it.
    """
    resources = json.loads(checkout.must_pulumi("stack", "export"))["deployment"]["resources"]
    parts = ("id", "inputs", "outputs", "modified")
    return {
        each["urn"].split("::", 2)[-1]: tuple(each.get(part) for part in parts if each.get("custom"))
        for each in resources
    }


def differing(before: dict[str, tuple[Any, ...]], after: dict[str, tuple[Any, ...]]) -> set[str]:
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return {key.split("::")[-1] for key in keys}


def own(names: set[str]) -> set[str]:
    """Those that have the team's name."""
    return {name for name in names if f"-{TEAM}" in name}


def test_a_team_comes_changes_and_goes_and_every_other_resource_stays_as_it_was(checkout: Checkout):
    file = checkout.folder / "Pulumi.local.yaml"
    text, first = file.read_text(), state(checkout)

    status, told = team(checkout, "add", "local", TEAM, "--gpus", "1", "-y")
    assert status == 1, told
    assert "queues-team-research is another team's, whose share would be counted anew" in told
    assert file.read_text() == text
    assert differing(first, state(checkout)) == set()

    changed(checkout, "add", "local", TEAM, "--cpus", "8", "--gpus", "1", "--borrow-only", "--budget", "20")
    came = differing(first, state(checkout))
    assert len(own(came)) > 20
    assert came - own(came) == SHARED
    checkout.must_pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    contract = json.loads(checkout.must_pulumi("stack", "output", "contract", "--json"))
    assert set(contract["teams"]) == {"research", TEAM}

    before = state(checkout)
    changed(checkout, "change", "local", TEAM, "--cpus", "16")
    assert differing(before, state(checkout)) == {f"team-{TEAM}-quota", f"queues-team-{TEAM}"}
    before = state(checkout)
    status, told = team(checkout, "change", "local", TEAM, "--guaranteed", "g5-g6=1", "-y")
    assert status == 1, told
    changed(checkout, "change", "local", TEAM, "--guaranteed", "g5-g6=1", "--recount")
    assert differing(before, state(checkout)) <= {f"queues-team-{TEAM}", *COUNTED_ANEW}
    checkout.must_pulumi("preview", "--expect-no-changes")

    pod = {"metadata": {"name": "notebook"}, "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/pause"}]}}
    api_server(checkout).request("POST", f"/api/v1/namespaces/{TEAM}/pods", body=pod)
    status, told = team(checkout, "remove", "local", TEAM, "--recount", "-y")
    assert status == 1, told
    assert f"{TEAM} still has pod notebook" in told
    changed(checkout, "remove", "local", TEAM, "--recount", "--stop-jobs")
    assert file.read_text() == text
    left = state(checkout)
    assert left.keys() == first.keys()
    assert differing(first, left) <= SHARED | COUNTED_ANEW
    checkout.must_pulumi("preview", "--expect-no-changes")
