"""`ml plan`: the price, the limit that keeps to it, and what is looked at before a job is sent."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from ml.aws import Clients
from ml.cli import app
from ml.commands import plan as commands
from ml.environment import Environment
from ml.errors import EnvironmentNotReadyError, ExitCode, SpecError
from ml.plan.cost import job_cost
from ml.plan.finding import Level
from ml.plan.plan import Plan, make_plan
from ml.spec import JobSpec
from ml.targets.sagemaker.jobs import describe
from ml.targets.sagemaker.training import job_request
from platform_contract import PlatformContract
from prices import Catalogue, Price
from tests.unit.ml_contract import ACCOUNT, contract

pytestmark = pytest.mark.unit
SPEC = {"name": "trial", "team": "research", "entry_point": "train.py", "image": "training:0.1.0"}
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}


def spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({**SPEC, **fields})


def platform(**team: Any) -> PlatformContract:
    known = contract(platform={"region": "us-east-1"})
    return known.model_copy(update={"teams": {"research": known.teams["research"].model_copy(update=team)}})


def refused(operation: str, code: str = "AccessDeniedException", message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeClients:
    """AWS as the plan sees it; what is given as an exception is raised."""

    region = "us-east-1"

    def __init__(self, **answers: Any):
        quota = {"QuotaName": "ml.m5.xlarge for training job usage", "QuotaCode": "L-1", "Value": 4.0}
        self.answers: dict[str, Any] = {
            "get_caller_identity": {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/ada/x"},
            "get_role": {"Role": {"AssumeRolePolicyDocument": TRUST}},
            "describe_images": {"imageDetails": [{"imageDigest": "sha256:1"}]},
            "list_service_quotas": {"Quotas": [quota]},
            "head_object": refused("HeadObject", "404"),
            "list_objects_v2": {"Contents": [{"Key": "rows.csv", "Size": 2000}]},
            "get_object": refused("GetObject", "NoSuchKey"),
            **answers,
        }
        self.calls: list[str] = []

    def client(self, service: str) -> Any:
        return self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**params: Any) -> Any:
            self.calls.append(operation + "".join(f" {params[name]}" for name in ("QuotaCode",) if name in params))
            answer = self.answers[operation]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class FakeEnvironment(Environment):
    """An environment with a contract at hand."""

    def for_team(self, team: str) -> PlatformContract:
        return KNOWN[0]


KNOWN: list[PlatformContract] = []


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("")

    def make(clients: FakeClients | None = None, team: dict[str, Any] | None = None, **fields: Any) -> Plan:
        KNOWN[:] = [platform(**(team or {}))]
        known = cast("Clients", clients or FakeClients())
        environment = FakeEnvironment(name="dev", profile=None, clients=known)
        return make_plan(spec(source_dir="code", **fields), tmp_path, environment)

    return make


def found(plan: Plan, about: str) -> tuple[Level, str]:
    return next((one.level, one.text) for one in plan.findings if one.about == about)


def test_a_job_gets_the_run_time_that_its_money_pays_for() -> None:
    cost = job_cost(spec(max_cost=0.5), platform())
    assert cost.bounded_by == "the platform's limit"
    cost = job_cost(spec(max_cost=0.1, instance={"count": 2}), platform())
    # 0.10 dollars last 782 s at 0.46 an hour, and a script that is stopped may take 120 s of them.
    assert (cost.max_runtime_s, cost.bounded_by) == (662, "max_cost")
    assert "0.10 USD last 782 s at 0.46 USD an hour; less the 120 s" in cost.arithmetic
    assert cost.most_usd is not None
    assert cost.most_usd <= 0.1
    request = job_request(spec(max_cost=0.1, instance={"count": 2}), platform(), "research-trial-20261121-101500-00ff")
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 662}
    assert {"Key": "groundwork:max-cost-usd", "Value": "0.1"} in request["Tags"]
    assert {"Key": "groundwork:run-time-from", "Value": "max_cost"} in request["Tags"]
    roomy = job_request(spec(max_cost=5), platform(), "research-trial-20261121-101500-00ff")
    assert "groundwork:run-time-from" not in {tag["Key"] for tag in roomy["Tags"]}


def test_a_run_whose_money_is_over_says_so() -> None:
    request = job_request(spec(max_cost=0.1), platform(), "research-trial-20261121-101500-00ff")
    described = {
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/a",
        "TrainingJobStatus": "Stopped",
        "SecondaryStatus": "MaxRuntimeExceeded",
        "CreationTime": datetime(2026, 11, 21, tzinfo=UTC),
        **request,
    }
    sagemaker = FakeClients(describe_training_job=described, list_tags={"Tags": request["Tags"]})
    state = describe(sagemaker, "a")
    assert state.stopped_because == "max_cost of 0.1 USD pays for 1445 s"
    assert state.exit_code is ExitCode.TIMED_OUT


def test_the_shorter_of_two_limits_holds() -> None:
    assert job_cost(spec(max_cost=5, max_runtime="10m"), platform()).bounded_by == "max_runtime"
    assert job_cost(spec(max_cost=0.1, max_runtime="1h"), platform()).bounded_by == "max_cost"
    with pytest.raises(SpecError, match="the platform allows 7200 s"):
        job_cost(spec(max_runtime="3h"), platform())


def test_money_for_less_than_a_minute_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(SpecError, match=r"last 156 s of 1 × ml\.m5\.xlarge at 0\.23 USD") as error:
        job_cost(spec(max_cost=0.01), platform())
    assert "36 s are left, and 60 s is the least. Allow 0.02 USD or more." in str(error.value)
    assert job_cost(spec(max_cost=0.02), platform()).max_runtime_s >= 60


def test_the_check_of_the_data_is_paid_from_the_same_money() -> None:
    check = {"inputs": {"train": "s3://data/x"}, "validation": {"max_runtime": "10m"}}
    # 720 s of ml.m5.large at 0.115 dollars an hour.
    cost = job_cost(spec(max_cost=0.1, **check), platform())
    assert cost.check_usd == Decimal("0.023")
    assert (cost.max_runtime_s, cost.bounded_by) == (1085, "max_cost")
    assert "less 0.03 USD for the check of the data, last 1205 s" in cost.arithmetic
    assert cost.most_usd is not None
    assert cost.most_usd <= 0.1
    with pytest.raises(SpecError, match=r"of which the check of the data may take 0\.03 USD"):
        job_cost(spec(max_cost=0.03, **check), platform())
    unknown = {**check, "validation": {"instance": {"type": "ml.c6i.large"}}}
    assert job_cost(spec(**unknown), platform()).most_usd is None
    with pytest.raises(SpecError, match="no price of sagemaker:ml"):
        job_cost(spec(max_cost=1, **unknown), platform())


def test_a_limit_on_a_price_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SpecError, match=r"There is no price of sagemaker:ml\.c6i\.xlarge in us-east-1") as error:
        job_cost(spec(max_cost=1, instance={"type": "ml.c6i.xlarge"}), platform())
    assert "ml.m5.xlarge" in str(error.value)


def test_a_price_that_nobody_knows_is_said_and_is_not_nothing() -> None:
    cost = job_cost(spec(instance={"type": "ml.c6i.xlarge"}), platform())
    assert (cost.hourly, cost.most_usd) == (None, None)
    assert cost.document()["hourly_usd"] is None
    assert "no price of sagemaker:ml.c6i.xlarge" in cost.document()["unknown"][0]


def test_a_spot_price_is_told_where_somebody_has_entered_it() -> None:
    rows = [
        Price(region="us-east-1", item=item, usd=usd, unit="hour", date="2026-01-01", source="a test")  # pyright: ignore
        for item, usd in (("sagemaker:ml.m5.xlarge", 1), ("sagemaker-spot:ml.m5.xlarge", 0.25))
    ]
    assert job_cost(spec(), platform(), Catalogue(rows)).spot_hourly == 0.25
    assert "no spot price of ml.m5.xlarge" in job_cost(spec(), platform(), Catalogue(rows[:1])).spot_unknown


def test_a_plan_says_what_runs_where_for_how_much(plan: Callable[..., Plan]) -> None:
    made = plan(inputs={"train": "flights"})
    assert made.problems == ()
    assert found(made, "account") == (Level.OK, f"{ACCOUNT}, as arn:aws:sts::{ACCOUNT}:assumed-role/ada/x")
    assert found(made, "role")[1].endswith(":role/research-execution")
    assert found(made, "quota") == (Level.OK, "ml.m5.xlarge for training job usage: 4, of which 1 are asked for")
    assert found(made, "input train") == (Level.OK, "s3://data/teams/research/flights: 1 objects, 2.0 kB")
    assert found(made, "code")[1].endswith("to be uploaded")
    assert not made.cached
    text = made.text()
    assert "0.23 USD an hour on demand (of 2026-11-21: " in text
    assert "at most" in text
    assert json.loads(json.dumps(made.document()))["cost"]["hourly_usd"] == 0.23


def test_what_is_uploaded_already_is_said(plan: Callable[..., Plan]) -> None:
    made = plan(FakeClients(head_object={}))
    assert found(made, "code")[1].endswith("uploaded already")
    assert made.cached


def test_a_quota_below_what_is_asked_for_is_a_problem_with_the_command_that_asks_for_more(
    plan: Callable[..., Plan],
) -> None:
    made = plan(instance={"count": 5})
    assert [one.about for one in made.problems] == ["quota"]
    assert "--quota-code L-1 --desired-value 5" in made.problems[0].text


def test_a_quotas_code_is_looked_up_once(plan: Callable[..., Plan]) -> None:
    first, second = FakeClients(), FakeClients()
    assert found(plan(first), "quota") == found(plan(second), "quota")
    assert [one for one in first.calls if "quotas" in one] == ["list_service_quotas"]
    assert [one for one in second.calls if "quotas" in one] == ["list_service_quotas L-1"]


def test_what_the_caller_may_not_ask_is_not_called_in_order(plan: Callable[..., Plan]) -> None:
    denied = {name: refused(name) for name in ("get_role", "describe_images", "list_service_quotas")}
    made = plan(FakeClients(**denied))
    assert {found(made, about)[0] for about in ("role", "image", "quota")} == {Level.UNKNOWN}
    assert "not checked, the caller may not ask" in found(made, "role")[1]


@pytest.mark.parametrize(
    ("answers", "about", "said"),
    [
        ({"get_role": refused("GetRole", "NoSuchEntity")}, "role", "is not there"),
        ({"get_role": {"Role": {"AssumeRolePolicyDocument": {"Statement": []}}}}, "role", "trust policy"),
        ({"list_objects_v2": {}}, "input train", "there is nothing at s3://data/teams/research/flights"),
        (
            {"get_caller_identity": {"Account": "999999999999", "Arn": "arn:aws:iam::999999999999:user/x"}},
            "account",
            "belongs to 999999999999",
        ),
    ],
)
def test_what_the_platform_would_not_take_is_a_problem(
    plan: Callable[..., Plan], answers: dict[str, Any], about: str, said: str
) -> None:
    made = plan(FakeClients(**answers), inputs={"train": "flights"})
    assert [one.about for one in made.problems] == [about]
    assert said in made.problems[0].text


def test_an_image_that_is_not_there_is_a_warning(plan: Callable[..., Plan]) -> None:
    missing = refused("DescribeImages", "ImageNotFoundException")
    assert found(plan(FakeClients(describe_images=missing)), "image")[0] is Level.WARNING
    assert found(plan(image="quay.io/x/y:1"), "image")[0] is Level.UNKNOWN


@pytest.mark.parametrize(
    ("spent", "level", "said"),
    [
        (None, Level.UNKNOWN, "has not been looked at"),
        (1.0, Level.OK, "1.00 spent"),
        (9.9, Level.WARNING, "are more than the 0.10 left"),
        (10.5, Level.ERROR, "nothing is left"),
    ],
)
def test_the_teams_month_is_looked_at(plan: Callable[..., Plan], spent: float | None, level: Level, said: str) -> None:
    answers: dict[str, Any] = {}
    if spent is not None:
        body = json.dumps({"spent_usd": spent, "at": "2026-11-21T10:00:00+00:00"})
        answers["get_object"] = {"Body": io.BytesIO(body.encode())}
    made = plan(FakeClients(**answers), team={"monthly_budget_usd": 10.0})
    assert found(made, "budget")[0] is level
    assert said in found(made, "budget")[1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "runs"), [("y\n", True), ("yes\n", True), ("\n", False), ("n\n", False)])
def test_a_run_is_asked_about(
    plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, answer: str, runs: bool, capsys: Any
) -> None:
    made = plan()
    monkeypatch.setattr(commands, "make_plan", lambda *_: made)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    environment = FakeEnvironment(name="dev", profile=None, clients=cast("Clients", FakeClients()))
    assert commands.confirm(made.spec, Path(), environment) is runs
    said = capsys.readouterr().err
    assert "research-trial in dev would be:" in said
    assert ("Nothing was sent." in said) is not runs


def test_a_plan_with_a_problem_is_not_asked_about(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(instance={"count": 5})
    monkeypatch.setattr(commands, "make_plan", lambda *_: made)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    environment = FakeEnvironment(name="dev", profile=None, clients=cast("Clients", FakeClients()))
    with pytest.raises(EnvironmentNotReadyError, match="cannot run: quota"):
        commands.confirm(made.spec, Path(), environment)


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "job.yaml").write_text("".join(f"{key}: {value}\n" for key, value in SPEC.items()))
    return tmp_path / "job.yaml"


def test_without_a_terminal_a_run_needs_the_yes_and_the_error_is_the_command(
    job_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["ml", "train", "my job.yaml", "--env", "dev"])
    monkeypatch.setattr("ml.commands.jobs.open_environment", lambda _: None)
    result = CliRunner().invoke(app, ["train", str(job_file), "--env", "dev"])
    assert isinstance(result.exception, SpecError)
    assert "ml train 'my job.yaml' --env dev -y" in str(result.exception)
    assert result.exception.exit_code is ExitCode.USAGE


def test_validate_needs_no_environment(job_file: Path) -> None:
    result = CliRunner().invoke(app, ["validate", str(job_file), "-o", "json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"spec": str(job_file), "job": "research-trial", "valid": True}
    job_file.write_text("name: a\nteem: b\n")
    result = CliRunner().invoke(app, ["validate", str(job_file)])
    assert isinstance(result.exception, SpecError)
    assert "teem: unknown field; did you mean team?" in str(result.exception)


def test_a_maximum_in_the_command_line_replaces_the_specs(job_file: Path) -> None:
    result = CliRunner().invoke(app, ["plan", str(job_file), "--max-cost", "-1", "--env", "dev"])
    assert isinstance(result.exception, SpecError)
    assert "--max-cost -1: an amount in dollars above 0" in str(result.exception)
