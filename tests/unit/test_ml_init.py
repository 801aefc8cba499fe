"""`ml init`: what is written, under which names, and what is refused."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from components.ci_team_role import team_role_name
from ml.cli import app
from ml.errors import ExitCode, MlError
from ml.spec import load_spec
from ml.templates import TEAM, templates

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    for name in ("AWS_PROFILE", "GROUNDWORK_ENV"):
        monkeypatch.delenv(name, raising=False)


def init(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["init", *map(str, arguments)])


def refused(*arguments: object) -> str:
    result = init(*arguments)
    assert isinstance(result.exception, MlError)
    assert result.exception.exit_code is ExitCode.USAGE
    return str(result.exception)


@pytest.fixture(params=[None, "loan-decisions", "arrival-delays"], ids=str)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project of another name and team, from each template."""
    folder = tmp_path / "churn"
    example = ("--example", request.param) if request.param else ()
    result = init(folder, "--team", "growth", "--name", "churn", *example)
    assert result.exit_code == 0, result.output
    return folder


def text_files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and ".git" not in file.relative_to(folder).parts:
            yield file.relative_to(folder).as_posix(), file.read_text()


def test_a_project_has_its_own_name_and_team_wherever_the_template_has_one(project: Path) -> None:
    # What the spec's channels lead to is made by `dvc repro`.
    for channel in ("train", "test"):
        (project / "data" / channel).mkdir(parents=True)
    spec = load_spec(project / "job.yaml")
    assert (spec.name, spec.team, spec.register_as) == ("churn", "growth", "churn")
    assert spec.deploy is not None
    assert spec.deploy.endpoint == "churn"
    names = re.compile("|".join(rf"(?<![\w-])({TEAM}-)?{name}(?![\w-])" for name in templates()))
    assert [path for path, text in text_files(project) if names.search(text)] == []


def test_a_project_has_a_script_tests_data_versions_and_pipelines(project: Path) -> None:
    paths = {path for path, _ in text_files(project)}
    assert {"train.py", "prepare.py", "dvc.yaml", ".dvc/config", "tests/test_project.py", ".mlignore"} <= paths
    assert {".github/workflows/ml.yml", ".gitlab-ci.yml", ".ci/train", ".ci/promote"} <= paths
    assert all((project / ".ci" / name).stat().st_mode & 0o100 for name in ("train", "promote"))
    assert (project / ".git").is_dir()


def test_a_projects_programs_are_well_formed(project: Path) -> None:
    for name in ("train", "promote"):
        subprocess.run(["bash", "-n", project / ".ci" / name], check=True)
    for file in project.rglob("*.py"):
        compile(file.read_text(), str(file), "exec")


def test_a_projects_pipelines_give_forks_nothing_and_run_its_own_scripts(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ml.yml").read_text())
    [job] = workflow["jobs"].values()
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    assert job["environment"]
    # Nothing that a pull request's author writes is put into a shell's text.
    assert all("${{" not in step.get("run", "") for step in job["steps"])
    scripts = str(job["steps"]) + job["env"]["STEP"]
    assert all(word in scripts for word in (".ci/$STEP", "promote", "train"))
    pipeline = yaml.safe_load((project / ".gitlab-ci.yml").read_text())
    assert (pipeline["train"]["script"], pipeline["promote"]["script"]) == ([".ci/train"], [".ci/promote"])
    assert (pipeline[".ml"]["variables"]["TEAM"], job["env"]["TEAM"]) == ("growth", "growth")
    for text in (str(pipeline), str(workflow)):
        assert team_role_name("$GROUNDWORK_ENV", "$TEAM") in text
    assert pipeline[".ml"]["id_tokens"]["GROUNDWORK_ID_TOKEN"]["aud"] == "https://gitlab.com"


def test_a_project_is_named_by_its_folder_and_says_what_comes_next(tmp_path: Path) -> None:
    result = init(tmp_path / "Late_Flights", "--team", "research")
    assert "late-flights, a project of team research" in result.stdout
    assert "dvc repro" in result.stdout
    assert "ml train job.yaml" in result.stdout


def test_a_program_gets_the_files_as_json(tmp_path: Path) -> None:
    document = json.loads(init(tmp_path / "churn", "--team", "research", "-o", "json").stdout)
    assert (document["name"], document["team"], document["remote"]) == ("churn", "research", None)
    assert "job.yaml" in document["files"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "not empty" in refused(tmp_path, "--team", "research", "--name", "churn")
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_inside_a_repository_gets_no_second_one(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    init(tmp_path / "churn", "--team", "research")
    assert not (tmp_path / "churn" / ".git").exists()


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    assert "did you mean loan-decisions?" in refused(folder, "--team", "research", "--example", "loan-decision")
    assert "--team TEAM" in refused(folder)
    assert "more than 32 characters" in refused(folder, "--team", "research", "--name", "a-rather-long-name-for-a-job")
    assert "small letters" in refused(folder, "--team", "Research")
    assert not folder.exists()
