"""Projects that `ml init` makes, from data to an endpoint's answer: the template and both examples on real data."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]

Platform = Any


@dataclass(frozen=True)
class Project:
    """A project that has been made, and the commands that its maker types in its folder."""

    platform: Platform
    folder: Path

    def must(self, *command: str) -> str:
        """What a command printed on stdout; a failure shows all of it."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = {**os.environ, **self.platform.variables, "PATH": path, "OMP_NUM_THREADS": "1"}
        variables["GROUNDWORK_ENV"] = "local"
        done = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def ml_json(self, *arguments: str) -> Any:
        """The JSON document that `ml` prints."""
        return json.loads(self.must("ml", *arguments, "--env", "local", "-o", "json"))


def new_project(platform: Platform, folder: Path, *options: str) -> Project:
    """A project that is whole: its data made, and committed with the digest of these."""
    platform.ml_json("init", folder, "--team", "research", "--env", "local", *options)
    made = Project(platform, folder)
    made.must("dvc", "repro")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    made.must("git", "add", "--all")
    made.must("git", *author, "commit", "--quiet", "--message", "begun")
    return made


def champion(project: Project, name: str) -> dict[str, float]:
    """Metrics of a first run, whose version its gates let be champion."""
    job = project.ml_json("train", "job.yaml", "--yes", "--no-log")
    project.must("ml", "promote", f"{name}/1", "--env", "local")
    [version] = project.ml_json("models", name, "--made-by", "job.yaml")
    assert (version["job"], version["version"]) == (job["name"], "1")
    assert "champion" in version["aliases"]
    return job["metrics"]


def test_loan_decisions_pass_their_gates_with_fairness_among_them(platform: Platform, tmp_path: Path) -> None:
    loans = new_project(platform, tmp_path / "loans", "--example", "loan-decisions")
    metrics = champion(loans, "loan-decisions")
    assert metrics["test_roc_auc"] > 0.75
    assert metrics["test_accuracy"] > 0.89  # calling every application approved: 0.878
    assert metrics["test_opportunity_difference"] < 0.1
    loans.must("ml", "card", "loan-decisions/1", "--file", "card.html", "--env", "local")
    card = (loans.folder / "card.html").read_text()
    assert all(words in card for words in ("black or Hispanic", "obligations_share", "Deciding applications"))


@pytest.mark.full
def test_arrival_delays_beat_the_plain_guess_by_a_minute_and_are_served(platform: Platform, tmp_path: Path) -> None:
    delays = new_project(platform, tmp_path / "delays", "--example", "arrival-delays")
    metrics = champion(delays, "arrival-delays")
    assert metrics["test_mean_absolute_error"] < metrics["test_naive_absolute_error"] - 1
    delays.must("ml", "deploy", "job.yaml", "--model", "arrival-delays/1", "--env", "local")
    answer = delays.ml_json("predict", "--endpoint", "research-arrival-delays", "data/rows.csv")
    assert len(answer["predictions"]) == 5
    assert all(-120 < minutes < 1440 for minutes in answer["predictions"])
    delays.must("ml", "stop", "--endpoint", "research-arrival-delays", "--env", "local")


def test_the_pipelines_scripts_train_and_compare_and_then_promote_what_was_trained(
    platform: Platform, tmp_path: Path
) -> None:
    project = new_project(platform, tmp_path / "churn")
    report = project.must(".ci/train")
    assert "test_roc_auc" in report
    assert (project.folder / "report.md").read_text() in report
    assert project.must("git", "status", "--porcelain") == ""
    project.must(".ci/promote")
    # Promoted is what the pull request trained: nothing was trained again.
    [version] = project.ml_json("models", "churn")
    assert "champion" in version["aliases"]
