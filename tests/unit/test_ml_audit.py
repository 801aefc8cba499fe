"""`ml audit` and `ml gc` from outside, and what they say of who is behind a model."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ml.audit import append, recording
from ml.audit.log import AuditLog
from ml.audit.who import Provenance, provenance
from ml.cli import app
from ml.commands import audit as command
from ml.commands.output import Format
from ml.environment import Environment
from ml.errors import EXIT_CODES, ExitCode, SpecError
from ml.ledger import Ledger
from tests.unit.memory_s3 import CALLER, environment
from tests.unit.ml_contract import contract, parameters

pytestmark = pytest.mark.unit
JOB = "research-trial-20261121-101500-00ff"
DATA = {"train": "s3://data/teams/research/loans/"}


class Parameters:
    """Parameter Store, as it answers about the contract."""

    def get_parameters(self, *, Names: list[str]) -> Any:  # noqa: N803
        arn = "arn:aws:ssm:eu-west-1:123456789012:parameter"
        found = {name: value for name, value in parameters().items() if name in Names}
        return {"Parameters": [{"Name": name, "Value": value, "ARN": arn + name} for name, value in found.items()]}


class NoJobs:
    """A SageMaker without anything in it."""

    def list_training_jobs(self, **_: Any) -> Any:
        return {"TrainingJobSummaries": []}

    def list_endpoints(self, **_: Any) -> Any:
        return {"Endpoints": []}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment with the log of a model's life."""
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    made = environment({"ssm": Parameters(), "sagemaker": NoJobs()})
    monkeypatch.setattr(command, "open_environment", lambda _: made)
    facts = {"commit": "c0ffee" * 7, "dirty": True, "code": "abc", "data": DATA, "data_versions": {"train": "d1"}}
    # As `ml train` does: entry, job, line.
    ledger = Ledger(made, contract(), "research")
    entry, _ = ledger.open("training-job", JOB)
    ledger.complete(entry, arn="arn", line=append(made, contract(), "research", "submit", JOB, facts).place)
    with recording(made, contract(), "research", "promote", "trial/1", {"model": "trial", "version": "1"}):
        pass
    monkeypatch.setenv("GROUNDWORK_OWNER", "bob")
    with recording(made, contract(), "research", "approve", "trial/1", {"package": "arn:package/1"}):
        pass
    append(made, contract(), "research", "approve", "trial/2", {"package": "arn:package/2"})
    append(made, contract(), "research", "deploy", "research-trial", {"job": JOB})
    append(made, contract(), "research", "deploy", "research-trial", {"job": "another"})
    return made


def asked(here: Environment) -> Provenance:
    return provenance("trial/1", JOB, {}, None, AuditLog(here, contract(), "research").lines())


def test_who_trained_it_on_which_data_and_who_approved_it(here: Environment) -> None:
    told = asked(here).document()
    assert told["trained_by"] == {"arn": CALLER, "owner": "ada"}
    assert (told["commit"], told["dirty"], told["code"]) == ("c0ffee" * 7, True, "abc")
    assert told["data"] == {"train": {"uri": DATA["train"], "version": "d1"}}
    assert told["approved_by"] == [{"arn": CALLER, "owner": "bob"}]
    assert [line["action"] for line in told["decided"]] == ["promote", "approve"]
    assert [line["subject"] for line in told["deployed"]] == ["research-trial"]
    assert told["doubts"] == [f"there is no run record of {JOB}"]


def test_a_version_that_the_registry_says_is_of_another_job_is_doubted(here: Environment) -> None:
    append(here, contract(), "research", "promote", "trial/1", {"job": "research-trial-20261120-101500-00ff"})
    assert any("line 9 says that it is of job research-trial-20261120" in one for one in asked(here).doubts)


def test_an_intent_alone_is_no_approval(here: Environment) -> None:
    AuditLog(here, contract(), "research").add("approve", "trial/1", {}, phase="intent")
    assert len(asked(here).document()["approved_by"]) == 1


def test_a_log_is_listed_oldest_first_and_by_action_and_subject(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    for limit, action, subject, numbers in [
        (3, None, None, [6, 7, 8]),
        (20, "promote", None, [2, 3]),
        (1, None, "trial/1", [5]),
    ]:
        command.log(env="dev", output=Format.JSON, team="research", limit=limit, action=action, subject=subject)
        assert [line["number"] for line in json.loads(capsys.readouterr().out)] == numbers
    command.log(env="dev", output=Format.TEXT, team="research", limit=20, action="approve", subject=None)
    text = capsys.readouterr().out
    assert "approve (intent)" in text
    assert "bob assumed-role/research-submit/ada" in text


def test_verifying_says_whole_and_where_the_log_ends_or_what_was_changed(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.verify(env="dev", output=Format.TEXT, team="research") == ExitCode.OK
    end = AuditLog(here, contract(), "research").end()
    said = capsys.readouterr().out
    assert "is whole: 8 lines" in said
    assert f"ends with line 8, {end.digest}." in said
    s3 = here.clients.client("s3")
    name = s3.keys("artifacts", "teams/research/audit/")[3]
    s3.replace("artifacts", name, s3.get_object(Bucket="artifacts", Key=name)["Body"].read().replace(b"bob", b"eve"))
    assert command.verify(env="dev", output=Format.TEXT, team="research") == ExitCode.JOB_FAILED
    assert "tampered: line 5: is not the one that line 6 was chained to" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("audit", "log"), ("audit", "verify"), ("audit", "who"), ("gc",)])
def test_help_shows_an_example_and_the_exit_codes(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert f"  ml {' '.join(words)}" in result.stdout
    assert all(f"{int(code)}  {text}" in result.stdout for code, text in EXIT_CODES.items())


def test_a_length_of_time_that_is_none_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["gc", "--env", "dev", "--min-age", "soon"])
    assert result.exit_code == ExitCode.USAGE
    assert "90m" in result.stderr


def test_without_a_team_the_teams_are_named(here: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROUNDWORK_TEAM", raising=False)
    monkeypatch.setattr("ml.environment.team_names", lambda _: ["ranking", "research"])
    with pytest.raises(SpecError, match=r"Say --team NAME; 'dev' has ranking, research"):
        command.verify(env="dev", output=Format.TEXT, team=None)
