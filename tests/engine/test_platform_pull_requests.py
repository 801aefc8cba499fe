"""Pull requests on the whole platform's settings: what the genuine preview says of each, against the shared state."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout import Checkout, fresh_checkout
from tests.conftest import Platform

pytestmark = [pytest.mark.engine, pytest.mark.full, pytest.mark.timeout(1800)]
MANY = 500


@dataclass(frozen=True)
class Author:
    """A clone of the platform's program with no services, and the state that was shared."""

    checkout: Checkout
    state: Path
    python: Path

    def preview(self, edit: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Any], str]:
        """What the report tells of a change of the settings, and the comment."""
        file = self.checkout.folder / "Pulumi.local.yaml"
        before = file.read_text()
        document = yaml.safe_load(before)
        edit(document["config"])
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        told, comment = self.state.with_name("report.json"), self.state.with_name("comment.md")
        command = (str(self.python), "-c", "from operations.cli import main; main()")
        try:
            self.checkout.must(
                *(
                    *command,
                    "preview",
                    "local",
                    "--state",
                    str(self.state),
                    "--json",
                    str(told),
                    "--markdown",
                    str(comment),
                ),
                environment={"PYTHONPATH": str(self.checkout.folder)},
            )
        finally:
            file.write_text(before)
        (environment,) = json.loads(told.read_text())["environments"]
        return environment, comment.read_text()


@pytest.fixture(scope="module")
def author(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Author:
    there, folder = platform.checkout, tmp_path_factory.mktemp("author")
    there.must(".venv/bin/groundwork", "stack", "share", "local", str(folder / "state.json"))
    here = fresh_checkout(folder / "clone")
    (here.folder / ".venv").symlink_to(there.folder / ".venv", target_is_directory=True)
    return Author(here, folder / "state.json", there.folder / ".venv" / "bin" / "python")


def changed(told: dict[str, Any], operation: str) -> set[str]:
    return {each["name"] for group in told["groups"] for each in group["changes"] if each["operation"] == operation}


def test_a_newer_cluster_version_is_an_update_in_place_of_the_cluster_alone(author: Author):
    told, comment = author.preview(lambda config: config["groundwork:cluster"].update(version="1.37"))
    assert (told["verdict"], told["problems"]) == ("changes", [])
    assert changed(told, "update") == {"cluster"}
    assert "1.37" in comment


def test_a_node_pool_renamed_is_a_new_one_and_the_end_of_the_old_one_with_who_used_it(author: Author):
    told, _ = author.preview(lambda config: config["groundwork:nodePools"][0].update(name="gpu-tiny"))
    assert told["verdict"] == "destructive"
    assert "pool-gpu-small-pool" in {each["name"] for each in told["endings"]}
    assert "pool-gpu-tiny-pool" in changed(told, "create")
    assert told["touched"]["teams"] == ["research"]


def test_500_new_teams_are_told_in_one_comment(author: Author):
    def hire(config: dict[str, Any]) -> None:
        for number in range(MANY):
            quota = {"cpus": 4, "memoryGib": 16, "gpus": 0, "pods": 10}
            config["groundwork:teams"].append({"name": f"team-{number}", "quota": quota})

    told, comment = author.preview(hire)
    assert (told["verdict"], told["problems"]) == ("changes", [])
    assert told["counts"]["create"] > 10 * MANY
    assert told["counts"]["delete"] == told["counts"]["replace"] == 0
    assert len(comment.encode()) <= 65_536
