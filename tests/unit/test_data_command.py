"""`ml data` from outside: help, usage errors, and what it does without an environment."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml.cli import app
from ml.errors import EXIT_CODES, ExitCode, SpecError

pytestmark = pytest.mark.unit

EXPECTATIONS = "columns: {age: {type: integer, range: [0, 99]}}"


@pytest.mark.parametrize("command", ["infer", "validate", "report", "show", "remote"])
def test_help_shows_an_example_and_what_each_exit_code_means(command: str) -> None:
    result = CliRunner().invoke(app, ["data", command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"  ml data {command}" in result.stdout
    assert "--output" in result.stdout
    for code, text in EXIT_CODES.items():
        assert f"{int(code)}  {text}" in result.stdout


def test_validate_wants_data_or_a_stream() -> None:
    for arguments in ([], ["a.csv", "--stream", "-"]):
        result = CliRunner().invoke(app, ["data", "validate", *arguments])
        assert result.exit_code == ExitCode.USAGE
        assert "either data sets" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate", "none.csv"], "expectations.yaml: no such file"),
        (["validate", "none.csv", "--expectations", "e.yaml"], "none.csv: no such file or folder"),
        (["validate", "--stream", "rows.csv", "--expectations", "e.yaml", "--window", "soon"], "--window soon"),
        (["validate", "--stream", "none.csv", "--expectations", "e.yaml"], "none.csv: cannot be read"),
        (["validate", "rows.csv", "other/rows.csv", "--expectations", "e.yaml"], "there are two data sets 'rows'"),
        (["infer", "rows.csv", "--key", "id"], "there is no column 'id'"),
        (["infer", "rows.txt"], "only .csv"),
    ],
)
def test_a_mistake_is_told_in_words(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.yaml").write_text(EXPECTATIONS)
    (tmp_path / "rows.csv").write_text("age\n1\n")
    (tmp_path / "rows.txt").write_text("age\n1\n")
    result = CliRunner().invoke(app, ["data", *arguments])
    assert isinstance(result.exception, SpecError)
    assert words in str(result.exception)


def test_files_and_streams_are_checked_without_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "expectations.yaml").write_text(EXPECTATIONS)
    (tmp_path / "rows.csv").write_text("age\n1\n200\n")
    result = CliRunner().invoke(app, ["data", "validate", "rows.csv", "--as", "train", "-o", "json"])
    assert result.exit_code == ExitCode.JOB_FAILED
    (finding,) = [one for one in json.loads(result.stdout)["findings"] if not one["passed"]]
    assert (finding["dataset"], finding["check"], finding["examples"]) == ("train", "range", ["200"])
    lines = '{"age": 1}\n{"age": 2}\n{"age": 300}\n'
    streamed = CliRunner().invoke(
        app, ["data", "validate", "--stream", "-", "--window", "2", "-o", "json"], input=lines
    )
    assert streamed.exit_code == ExitCode.JOB_FAILED
    assert [json.loads(line)["passed"] for line in streamed.stdout.splitlines()] == [True, False]


def test_a_jobs_inputs_are_checked_by_its_spec(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("age\n7\n")
    (tmp_path / "expectations.yaml").write_text(EXPECTATIONS)
    spec = tmp_path / "job.yaml"
    spec.write_text(
        "name: a\nteam: b\nentry_point: train.py\nimage: training:1\ninputs: {train: ./data}\nvalidation: {}\n"
    )
    result = CliRunner().invoke(app, ["data", "validate", str(spec), "--report", str(tmp_path / "r.html")])
    assert result.exit_code == 0, result.stdout
    assert "checks passed" in result.stdout
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    spec.write_text(spec.read_text().replace("./data", "elsewhere"))
    refused = CliRunner().invoke(app, ["data", "validate", str(spec)])
    assert "inputs.train: is not on this machine" in str(refused.exception)
