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
        done = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def ml_json(self, *arguments: str) -> Any:
        """The JSON document that `ml` prints."""
        return json.loads(self.must("ml", *arguments, "--env", "local", "-o", "json"))


@pytest.fixture(scope="module", params=[None, "loan-decisions", "arrival-delays"], ids=str)
def project(request: pytest.FixtureRequest, platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project from each template, with its data made and a first run completed."""
    folder = tmp_path_factory.mktemp("projects") / "churn"
    example = ("--example", request.param) if request.param else ()
    platform.ml_json("init", folder, "--team", "research", "--env", "local", *example)
    made = Project(platform, folder)
    made.must("dvc", "repro")
    return made


def test_dvc_brings_the_data_back_from_the_teams_bucket(project: Project) -> None:
    project.must("dvc", "push")
    files = {file: file.read_bytes() for file in (project.folder / "data").rglob("*.csv")}
    assert len(files) == 3
    subprocess.run(["rm", "-rf", ".dvc/cache", *(str(file) for file in files)], cwd=project.folder, check=True)
    project.must("dvc", "pull")
    assert {file: file.read_bytes() for file in files} == files


BETTER_THAN: dict[str, Any] = {
    "churn": lambda metrics: metrics["test_roc_auc"] > 0.95,
    "loan-decisions": lambda metrics: metrics["test_roc_auc"] > 0.75 and metrics["test_opportunity_difference"] < 0.1,
    "arrival-delays": lambda metrics: metrics["test_mean_absolute_error"] < metrics["test_naive_absolute_error"] - 1,
}


def test_a_run_is_better_than_the_plain_guess_and_its_model_answers(project: Project) -> None:
    job = project.ml_json("train", "job.yaml", "--yes", "--no-log")
    name = job["name"].removeprefix("research-").rsplit("-", 3)[0]
    assert BETTER_THAN[name](job["metrics"]), job["metrics"]
    [version] = project.ml_json("models", name, "--made-by", "job.yaml")
    assert version["job"] == job["name"]
    project.must("ml", "promote", f"{name}/{version['version']}", "--env", "local")
    [promoted] = project.ml_json("models", name)
    assert "champion" in promoted["aliases"]
    project.must("ml", "deploy", "job.yaml", "--env", "local")
    answer = project.ml_json("predict", "--endpoint", f"research-{name}", "data/rows.csv")
    assert len(answer["predictions"]) == 5
    project.must("ml", "stop", "--endpoint", f"research-{name}", "--env", "local")


def test_the_projects_own_tests_pass(platform: Platform, tmp_path: Path) -> None:
    platform.ml("init", tmp_path / "churn", "--team", "research")
    assert "3 passed" in Project(platform, tmp_path / "churn").must("pytest", "-q", "-p", "no:cacheprovider")
