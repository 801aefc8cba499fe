"""What answered a request, trained by whom on which data: `ml lineage` against captures and an audit log in memory."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.audit import append, recording
from ml.audit.log import AuditLog
from ml.commands import lineage as command
from ml.commands.output import Format
from ml.environment import Environment
from ml.errors import ExitCode, MlError, NotFoundError
from tests.unit.memory_s3 import CALLER, MemoryS3, environment, refusal
from tests.unit.ml_contract import Parameters, contract

pytestmark = pytest.mark.unit
ENDPOINT = "research-trial"
OLD, NEW = "research-trial-1", "research-trial-2"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/groundwork/dev/serving@sha256:abc"
NOW = datetime.now(UTC).replace(microsecond=0)


class Endpoint:
    """A SageMaker with one endpoint, or none."""

    def __init__(self, percent: int | None, *, gone: bool = False) -> None:
        self.percent, self.gone = percent, gone

    def describe_endpoint(self, *, EndpointName: str) -> Any:  # noqa: N803
        if self.gone or EndpointName != ENDPOINT:
            raise missing()
        return {
            "EndpointName": ENDPOINT,
            "EndpointStatus": "InService",
            "EndpointConfigName": "c",
            "LastModifiedTime": NOW,
            "ProductionVariants": [],
        }

    def describe_endpoint_config(self, **_: Any) -> Any:
        capture = {"EnableCapture": True, "InitialSamplingPercentage": self.percent} if self.percent else {}
        return {"ProductionVariants": [{"VariantName": "main", "ModelName": "m"}], "DataCaptureConfig": capture}

    def describe_model(self, **_: Any) -> Any:
        return {"PrimaryContainer": {"Environment": {}}}

    def list_endpoints(self, **_: Any) -> Any:
        return {"Endpoints": []}


def missing() -> ClientError:
    error = refusal("ValidationException", 400, "DescribeEndpoint")
    response: Any = error.response
    response["Error"]["Message"] = "Could not find endpoint"
    return error


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A model's life: two jobs, main and a challenger beside it."""
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    made = environment({"ssm": Parameters(), "s3": MemoryS3(), "sagemaker": Endpoint(20)})
    monkeypatch.setattr(command, "open_environment", lambda _: made)
    facts = {"commit": "c0ffee", "code": "abc", "data": {"train": "s3://data/x/"}, "data_versions": {"train": "d1"}}
    append(made, contract(), "research", "submit", OLD, facts)
    append(made, contract(), "research", "submit", NEW, {**facts, "commit": "decade"})
    main = {"job": OLD, "config": "one", "image": IMAGE, "variants": {"main": f"{OLD}-ff"}, "variant": "main"}
    with recording(made, contract(), "research", "deploy", ENDPOINT, main):
        pass
    return made


def challenge(made: Environment, **changes: Any) -> None:
    variants = {"main": f"{OLD}-ff", "challenger": f"{NEW}-ff"}
    details = {"job": NEW, "config": "two", "image": f"{IMAGE}2", "variants": variants, "variant": "challenger"}
    append(made, contract(), "research", "deploy", ENDPOINT, {**details, **changes})


def capture(made: Environment, name: str, variant: str = "main", after: timedelta = timedelta(seconds=2)) -> None:
    moment = datetime.now(UTC) + after
    metadata = {"eventId": f"event-{name}", "inferenceId": name, "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    line = json.dumps({"captureData": {}, "eventMetadata": metadata})
    key = f"teams/research/capture/{ENDPOINT}/{variant}/{moment:%Y/%m/%d/%H/%M-%S}-{name}.jsonl"
    made.clients.client("s3").put_object(Bucket="artifacts", Key=key, Body=f"{line}\n".encode())


def ask(name: str, capsys: pytest.CaptureFixture[str], endpoint: str = ENDPOINT) -> Any:
    assert command.lineage(name, env="dev", output=Format.JSON, endpoint=endpoint, days=2) is ExitCode.OK
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("by", ["order-1", "event-order-1"])
def test_a_request_leads_to_who_trained_what_answered_it_on_which_data(
    here: Environment, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    capture(here, "order-1")
    told = ask(by, capsys)
    assert told["served_by"]["image"] == IMAGE
    assert (told["served_by"]["job"], told["served_by"]["told_by"]["line"]) == (OLD, 4)
    assert told["trained"]["trained_by"] == {"arn": CALLER, "owner": "ada"}
    assert told["trained"]["data"] == {"train": {"uri": "s3://data/x/", "version": "d1"}}
    assert (told["trained"]["commit"], told["trained"]["told_by"]["line"]) == ("c0ffee", 1)
    assert len(told["trained"]["told_by"]["digest"]) == 64


def test_each_variant_of_a_test_leads_to_its_own_job(here: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    challenge(here)
    capture(here, "of-main")
    capture(here, "of-challenger", "challenger")
    main, challenger = ask("of-main", capsys), ask("of-challenger", capsys)
    assert (main["served_by"]["job"], main["served_by"]["image"]) == (OLD, IMAGE)
    assert (challenger["served_by"]["job"], challenger["served_by"]["image"]) == (NEW, f"{IMAGE}2")
    assert (main["served_by"]["config"], main["served_by"]["deployed_by"]["line"]) == ("two", 4)
    assert challenger["trained"]["commit"] == "decade"


def test_soon_after_a_change_what_was_there_before_may_have_answered(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge(here, variants={"main": f"{NEW}-ff"}, variant="main")
    capture(here, "soon")
    told = ask("soon", capsys)
    assert told["served_by"]["job"] == NEW
    assert any(f"until the new machines had taken over, {OLD} answered" in doubt for doubt in told["doubts"])


def test_a_rollback_leads_to_the_deployment_that_it_returned_to(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    challenge(here, variants={"main": f"{NEW}-ff"}, variant="main")
    append(here, contract(), "research", "rollback", ENDPOINT, {"config": "one", "instead_of": "two"})
    capture(here, "back")
    told = ask("back", capsys)["served_by"]
    assert (told["job"], told["told_by"]["action"], told["deployed_by"]["action"]) == (OLD, "rollback", "deploy")


def test_a_deployment_whose_writer_died_is_known_by_its_intent_once_it_is_settled(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AuditLog(here, contract(), "research")
    details = {"job": NEW, "config": "two", "image": IMAGE, "variants": {"main": f"{NEW}-ff"}}
    intent = log.add("deploy", ENDPOINT, details, phase="intent")
    capture(here, "settled")
    assert ask("settled", capsys)["served_by"]["job"] == OLD, "nobody knows yet that it was done"
    log.add("settle", ENDPOINT, {"intent": intent.number, "of": "deploy", "outcome": "done"})
    served = ask("settled", capsys)["served_by"]
    assert (served["job"], served["told_by"]["line"]) == (NEW, intent.number)


def test_an_approved_package_names_who_approved_it(here: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    append(here, contract(), "research", "approve", "trial/2", {"package": "arn:package/2"})
    challenge(here, package="arn:package/2")
    capture(here, "approved", "challenger")
    told = ask("approved", capsys)
    assert (told["served_by"]["package"], [line["action"] for line in told["approved"]]) == (
        "arn:package/2",
        ["approve"],
    )


def test_what_the_log_does_not_know_is_a_doubt_and_no_guess(
    here: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(here, "early", after=timedelta(hours=-3))
    told = ask("early", capsys)
    assert (told["served_by"], told["trained"]) == (None, None)
    assert "was not deployed by `ml deploy`" in told["doubts"][0]


def test_a_deleted_endpoints_requests_are_known_by_its_full_name(
    here: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(here, "old")
    gone = environment({"ssm": Parameters(), "s3": here.clients.client("s3"), "sagemaker": Endpoint(20, gone=True)})
    monkeypatch.setattr(command, "open_environment", lambda _: gone)
    assert ask("old", capsys)["served_by"]["job"] == OLD
    with pytest.raises(NotFoundError):
        ask("old", capsys, endpoint="nobodys")


def test_a_request_that_was_not_captured_says_how_many_are(
    here: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture(here, "other")
    with pytest.raises(NotFoundError, match="captures 20 % of the requests"):
        ask("another", capsys)
    none = environment({"ssm": Parameters(), "s3": MemoryS3(), "sagemaker": Endpoint(None)})
    monkeypatch.setattr(command, "open_environment", lambda _: none)
    with pytest.raises(MlError, match="captures nothing"):
        ask("another", capsys)


def test_the_text_names_the_lines_of_the_log(here: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    capture(here, "shown")
    command.lineage("shown", env="dev", output=Format.TEXT, endpoint=ENDPOINT, days=2)
    text = capsys.readouterr().out
    assert "line 4 of the audit log" in text
    assert "line 1 of the audit log" in text
    assert "on data      train: s3://data/x/ version d1" in text
