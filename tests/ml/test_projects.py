"""Projects that `ml init` makes, from data to an endpoint's answer: the template and both examples on real data."""

import json
import os
import shutil
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


@pytest.fixture(scope="module")
def loans(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return new_project(platform, tmp_path_factory.mktemp("projects") / "loans", "--example", "loan-decisions")


@pytest.fixture(scope="module")
def delays(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return new_project(platform, tmp_path_factory.mktemp("projects") / "delays", "--example", "arrival-delays")


def trained_and_served(project: Project, name: str) -> tuple[dict[str, float], list[Any]]:
    """Metrics of a run that is promoted to champion, and what its endpoint answers about five rows."""
    job = project.ml_json("train", "job.yaml", "--yes", "--no-log")
    project.must("ml", "promote", f"{name}/1", "--env", "local")
    [version] = project.ml_json("models", name, "--made-by", "job.yaml")
    assert (version["job"], version["version"]) == (job["name"], "1")
    assert "champion" in version["aliases"]
    project.must("ml", "deploy", "job.yaml", "--model", f"{name}/1", "--env", "local")
    answer = project.ml_json("predict", "--endpoint", f"research-{name}", "data/rows.csv")
    project.must("ml", "stop", "--endpoint", f"research-{name}", "--env", "local")
    return job["metrics"], answer["predictions"]


def test_loan_decisions_pass_their_gates_with_fairness_among_them_and_are_served(loans: Project) -> None:
    metrics, answers = trained_and_served(loans, "loan-decisions")
    assert metrics["test_roc_auc"] > 0.75
    assert metrics["test_accuracy"] > 0.89  # calling every application approved: 0.878
    assert metrics["test_opportunity_difference"] < 0.1
    assert all(abs(rejected + approved - 1) < 1e-9 for rejected, approved in answers)


def test_arrival_delays_beat_the_plain_guess_by_a_minute_and_are_served(delays: Project) -> None:
    metrics, answers = trained_and_served(delays, "arrival-delays")
    assert metrics["test_mean_absolute_error"] < metrics["test_naive_absolute_error"] - 1
    assert len(answers) == 5
    assert all(-120 < minutes < 1440 for minutes in answers)


def test_dvc_brings_the_data_back_from_the_teams_bucket(loans: Project) -> None:
    loans.must("dvc", "push")
    files = {file: file.read_bytes() for file in (loans.folder / "data").rglob("*.csv")}
    assert len(files) == 3
    shutil.rmtree(loans.folder / ".dvc" / "cache")
    for file in files:
        file.unlink()
    loans.must("dvc", "pull")
    assert {file: file.read_bytes() for file in files} == files


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
