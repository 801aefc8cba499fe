"""The spend guard as a part of the platform: its function, its schedule, its alarm, and the settings."""

from typing import Any

import pytest

from components.spend_guard import LONGEST_LOOK_S, SpendGuard, SpendGuardArgs
from components.spend_guard_code import HANDLER, files
from components.spend_guard_policy import guard_policy
from infra.settings import SettingsError, parse
from infra.stack import deploy
from prices.catalogue import DATA, Catalogue, read
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
FUNCTION, SCHEDULE = "aws:lambda/function:Function", "aws:scheduler/schedule:Schedule"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.fixture(scope="module")
def guard() -> Recording:
    args = SpendGuardArgs(
        placement=PLACEMENT,
        every_minutes=5,
        contract_path="/groundwork/dev/contract",
        artifact_bucket_arn="arn:aws:s3:::artifacts",
        kms_key_arn=KEY,
        logs_key_arn=KEY,
        topic_arn=f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
        log_days=30,
    )
    return record(lambda: SpendGuard("spend-guard", args, with_aws()))


def test_the_functions_code_is_this_projects_files_and_no_path_of_a_machine(guard: Recording):
    inputs = guard.one(FUNCTION).inputs
    assets: dict[str, Any] = inputs["code"]["assets"]
    assert {name: asset["text"] for name, asset in assets.items()} == dict(files())
    module, _, name = HANDLER.rpartition(".")
    assert f"def {name}(" in assets[f"{module.replace('.', '/')}.py"]["text"]


def test_the_function_has_all_that_sagemaker_costs_and_nothing_else_of_the_price_list():
    brought = [name for name in files() if name.endswith(".csv")]
    assert brought == ["prices/data/sagemaker.csv"]
    wanted = {price.item for price in Catalogue.load().all() if price.item.startswith("sagemaker:ml.")}
    assert wanted <= {price.item for price in read(DATA / "sagemaker.csv")}


def test_a_look_ends_before_the_next_one_begins(guard: Recording):
    function, schedule = guard.one(FUNCTION).inputs, guard.one(SCHEDULE).inputs
    assert schedule["scheduleExpression"] == "rate(5 minutes)"
    assert function["timeout"] == LONGEST_LOOK_S < 5 * 60
    assert function["environment"]["variables"] == {
        "GROUNDWORK_CONTRACT": "/groundwork/dev/contract",
        "GROUNDWORK_INTERVAL_S": "300",
    }


def test_the_schedule_may_start_this_function_alone(guard: Recording):
    target = guard.one(SCHEDULE).inputs["target"]
    (statement,) = guard.policy("aws:iam/rolePolicy:RolePolicy", "spend-guard-clock-policy")
    assert statement["Resource"] == [target["arn"]]
    assert statement["Action"] == ["lambda:InvokeFunction"]


def test_the_log_is_encrypted_and_has_an_end(guard: Recording):
    log = guard.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (log["retentionInDays"], log["kmsKeyId"]) == (30, KEY)
    assert guard.one(FUNCTION).inputs["loggingConfig"]["logGroup"] == log["name"]


def test_a_guard_that_does_not_look_is_as_bad_as_one_that_fails(guard: Recording):
    alarm = guard.one(ALARM).inputs
    assert (alarm["metricName"], alarm["treatMissingData"]) == ("Errors", "breaching")
    assert (alarm["period"], alarm["evaluationPeriods"]) == (300, 3)
    assert alarm["dimensions"] == {"FunctionName": guard.one(FUNCTION).inputs["name"]}


def test_the_policy_does_not_grow_with_the_teams():
    values = {"partition": "aws", "region": "us-east-1", "account_id": ACCOUNT, "contract_path": "/c"}
    arns = {"artifact_bucket_arn": "arn:aws:s3:::a", "kms_key_arn": KEY, "log_group_arn": "arn:aws:logs:::l"}
    assert len(guard_policy(**values, **arns)) < 4000


def changed(**guardrails: Any) -> dict[str, Any]:
    settings = settings_of("dev")
    return settings | {"guardrails": settings["guardrails"] | guardrails}


def test_the_guard_is_there_unless_it_is_switched_off():
    assert record(deploy, stack="dev", config=changed()).of(FUNCTION)
    without = record(deploy, stack="dev", config=changed(spendGuard={"enabled": False}))
    assert not without.of(FUNCTION)
    assert not without.of(SCHEDULE)


@pytest.mark.parametrize("minutes", [0, 61, "often"])
def test_a_time_between_looks_that_cannot_be_is_refused(minutes: Any):
    with pytest.raises(SettingsError) as error:
        parse("dev", changed(spendGuard={"everyMinutes": minutes}))
    assert "groundwork:guardrails.spendGuard.everyMinutes" in str(error.value)


def test_limits_reach_the_guard_through_the_contract():
    recording = record(deploy, stack="dev", config=changed())
    contract = recording.outputs["contract"]
    assert {name: team["monthly_budget_usd"] for name, team in contract["teams"].items()} == {
        "research": 400,
        "ranking": 400,
    }
    waited_for = recording.one("groundwork:guardrails:SpendGuard").dependencies
    assert {"contract-platform", "contract-storage", "contract-team-research"} <= waited_for
