"""The `ml` command from outside: help, completion, exit codes, and what its start-up imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml.cli import app
from ml.errors import EXIT_CODES, ExitCode
from ml.targets.sagemaker.jobs import JobState

pytestmark = pytest.mark.unit

COMMANDS = ("validate", "plan", "train", "deploy", "predict", "status", "logs", "stop", "models", "gc", "rollback")
HEAVY = ("mlflow", "sagemaker", "pandas", "numpy", "sklearn", "boto3", "rich", "moto", "pulumi")


def ml(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GROUNDWORK_"))}
    return subprocess.run(
        [sys.executable, "-m", "ml", *arguments],
        env={**kept, "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_what_each_exit_code_means(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"  ml {command}" in result.stdout
    for option in ("--env", "--output"):
        assert option in result.stdout
    for code, text in EXIT_CODES.items():
        assert f"{int(code)}  {text}" in result.stdout


def test_the_command_lists_its_subcommands() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert all(f"  {command} " in result.stdout for command in COMMANDS)
    assert "  ml train job.yaml --env local" in result.stdout


def test_a_misspelt_subcommand_or_option_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["trian"])
    assert result.exit_code == ExitCode.USAGE
    assert "train" in result.stderr
    assert CliRunner().invoke(app, ["train", "job.yaml", "--enviroment", "x"]).exit_code == ExitCode.USAGE


def test_a_wrong_spec_ends_with_the_usage_code_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("name: a\nteem: b\n")
    result = ml("train", str(tmp_path / "job.yaml"), "--env", "dev")
    assert result.returncode == ExitCode.USAGE
    assert f"{tmp_path}/job.yaml:2:1: teem: unknown field; did you mean team?" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("status",), ("logs", "x"), ("stop", "x"), ("models",)])
def test_an_environment_that_is_not_up_ends_with_its_code_and_the_command_that_brings_it_up(
    arguments: tuple[str, ...],
) -> None:
    result = ml(*arguments, "--env", "dev")
    assert result.returncode == ExitCode.ENVIRONMENT
    assert "make up ENV=dev" in result.stderr
    assert "Traceback" not in result.stderr


def test_stop_wants_a_job_or_an_endpoint() -> None:
    result = CliRunner().invoke(app, ["stop", "--env", "dev"])
    assert result.exit_code == ExitCode.USAGE
    assert "either a job or --endpoint" in result.stderr


@pytest.mark.parametrize(
    ("shell", "line"), [("bash", "_ml_completion ml"), ("zsh", "#compdef ml"), ("fish", "complete --command ml")]
)
def test_completion_is_there_for_each_shell(shell: str, line: str) -> None:
    # Asked for by name: which shell runs it is not always to be found out, and a runner of tests may have none.
    command = Path(sys.executable).with_name("ml")
    result = subprocess.run(
        [command], env={**os.environ, "_ML_COMPLETE": f"source_{shell}"}, capture_output=True, text=True, timeout=60
    )
    assert line in result.stdout


def test_completion_proposes_environments(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile groundwork-dev]\n[profile groundwork-prod]\n[profile other]\n")
    from ml.completion import environments

    os.environ["AWS_CONFIG_FILE"], before = str(tmp_path / "config"), os.environ.get("AWS_CONFIG_FILE")
    try:
        assert environments("") == ["dev", "prod"]
        assert environments("p") == ["prod"]
    finally:
        if before is None:
            del os.environ["AWS_CONFIG_FILE"]
        else:
            os.environ["AWS_CONFIG_FILE"] = before


def imported_by(statement: str) -> set[str]:
    code = f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(result.stdout)}


def test_the_way_to_a_submitted_job_imports_nothing_heavy() -> None:
    statement = "import ml.cli, ml.commands.jobs, ml.commands.endpoints; from ml.aws import Clients"
    assert not imported_by(statement) & set(HEAVY)


def test_help_imports_nothing_of_what_a_command_needs_later() -> None:
    # Each of these, and each folder of ml that is for one command, takes help over its 0.3 s or is on the way there.
    later = {
        *HEAVY,
        "botocore",
        "pydantic",
        "great_expectations",
        "dvc",
        "fairlearn",
        "tensorboard",
        "fastapi",
        "uvicorn",
        "jsonschema",
    }
    code = "import json, sys, ml.cli; print(json.dumps([*sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(result.stdout)
    assert not {name.split(".")[0] for name in modules} & later
    ours = {name for name in modules if name.startswith("ml.")}
    allowed = (
        "ml.cli",
        "ml.command_line",
        "ml.commands",
        "ml.commands.output",
        "ml.errors",
        "ml.options",
        "ml.progress",
    )
    assert {name for name in ours if not name.startswith("ml.command_line.")} <= set(allowed)


def test_importing_ml_imports_neither_the_sdk_nor_anything_else() -> None:
    assert not imported_by("import ml") & {*HEAVY, "botocore", "pydantic", "typer"}


def test_ml_session_is_there_however_often_it_is_asked_for() -> None:
    import ml

    assert callable(ml.session)
    from ml import sessions

    assert ml.session is sessions.session
    assert not hasattr(ml, "sesion")


@pytest.mark.parametrize(
    ("status", "detail", "code"),
    [
        ("Completed", "Completed", ExitCode.OK),
        ("Failed", "Failed", ExitCode.JOB_FAILED),
        ("Stopped", "Stopped", ExitCode.STOPPED),
        ("Stopped", "MaxRuntimeExceeded", ExitCode.TIMED_OUT),
        ("Stopped", "MaxWaitTimeExceeded", ExitCode.TIMED_OUT),
        ("InProgress", "Training", ExitCode.IN_PROGRESS),
        ("Stopping", "Stopping", ExitCode.IN_PROGRESS),
    ],
)
def test_an_exit_code_is_the_jobs_outcome(status: str, detail: str, code: ExitCode) -> None:
    state = JobState(
        name="a",
        status=status,
        detail=detail,
        reason=None,
        created="",
        seconds=1,
        metrics={},
        image="",
        model_data=None,
    )
    assert state.exit_code is code
