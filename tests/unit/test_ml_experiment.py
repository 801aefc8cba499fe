"""`ml experiment` against captures in memory: what it reads, decides and says."""

import itertools
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml.abtest import Metric, Split
from ml.abtest.cloudwatch import Sums, add_errors, latency_finding, read_sums, since_challenger
from ml.abtest.tally import Tally
from ml.audit import append, recording
from ml.audit.log import AuditLog
from ml.audit.serving import serving_at, timeline
from ml.commands import abtests as command
from ml.commands.output import Format
from ml.environment import Environment
from ml.errors import ExitCode, MlError, NotFoundError, SpecError
from tests.unit.memory_s3 import MemoryS3, environment
from tests.unit.ml_contract import Parameters, contract

pytestmark = pytest.mark.unit
ENDPOINT = "research-trial"
CONFIG = "research-trial-c0ffee00"
PREFIX = f"teams/research/capture/{ENDPOINT}"
MAIN_JOB, CHALLENGER_JOB = "research-trial-1", "research-trial-2"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


class Endpoints:
    """A SageMaker with one endpoint."""

    def __init__(self, weights: Mapping[str, float], *, captures: bool = True) -> None:
        self.weights, self.captures = weights, captures

    def describe_endpoint(self, **_: Any) -> Any:
        return {
            "EndpointName": ENDPOINT,
            "EndpointStatus": "InService",
            "EndpointConfigName": CONFIG,
            "LastModifiedTime": START,
            "ProductionVariants": [{"VariantName": name, "DesiredWeight": w} for name, w in self.weights.items()],
        }

    def describe_endpoint_config(self, **_: Any) -> Any:
        jobs = {"main": MAIN_JOB, "challenger": CHALLENGER_JOB}
        variants = [{"VariantName": name, "ModelName": f"{jobs[name]}-00ff"} for name in self.weights]
        capture = {"DataCaptureConfig": {"EnableCapture": True}} if self.captures else {}
        return {"ProductionVariants": variants, "CreationTime": START, **capture}

    def describe_model(self, **_: Any) -> Any:
        return {"PrimaryContainer": {"Environment": {}}}


class NoMetrics:
    """A CloudWatch in which nothing is."""

    def get_metric_data(self, **_: Any) -> Any:
        return {"MetricDataResults": []}


def here(monkeypatch: pytest.MonkeyPatch, weights: Mapping[str, float], **which: bool) -> tuple[Environment, MemoryS3]:
    s3 = MemoryS3()
    sagemaker = Endpoints(weights, **which)
    made = environment({"ssm": Parameters(), "s3": s3, "sagemaker": sagemaker, "cloudwatch": NoMetrics()})
    monkeypatch.setattr(command, "open_environment", lambda _: made)
    return made, s3


def capture(s3: MemoryS3, variant: str, minute: int, predictions: Mapping[str, object]) -> None:
    moment = START + timedelta(minutes=minute)
    lines = [
        json.dumps(
            {
                "captureData": {
                    "endpointOutput": {
                        "observedContentType": "application/json",
                        "encoding": "JSON",
                        "data": json.dumps({"predictions": value if isinstance(value, list) else [value]}),
                    }
                },
                "eventMetadata": {
                    "eventId": f"event-{name}",
                    "inferenceId": name,
                    "inferenceTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                },
            }
        )
        for name, value in predictions.items()
    ]
    key = f"{PREFIX}/{variant}/{moment:%Y/%m/%d/%H/%M-%S}-000-x.jsonl"
    s3.put_object(Bucket="artifacts", Key=key, Body="\n".join(lines).encode())


def traffic(s3: MemoryS3, truth: Path, right: Mapping[str, float], *, each: int, share: float = 0.5) -> None:
    """Requests of both variants, of which so many are right, and what became true of them."""
    draw, rows = random.Random(4), ["id,value"]
    for minute in range(10):
        predictions: dict[str, dict[str, object]] = {"main": {}, "challenger": {}}
        for number in range(each // 10):
            variant = "challenger" if draw.random() < share else "main"
            actual = draw.randint(0, 1)
            name = f"r-{minute}-{number}"
            rows.append(f"{name},{actual}")
            predictions[variant][name] = actual if draw.random() < right[variant] else 1 - actual
        for variant, answers in predictions.items():
            capture(s3, variant, minute + 1, answers)
    truth.write_text("\n".join(rows) + "\n")


def ask(output: Format = Format.JSON, **options: Any) -> ExitCode:
    values: dict[str, Any] = {
        "env": "dev",
        "metric": "errors",
        "truth": None,
        "guards": [],
        "margin": None,
        "alpha": 0.05,
        "most": 100_000,
        "since": None,
        "threshold": None,
        "column": None,
        "higher_is_better": None,
    }
    return command.experiment(ENDPOINT, output=output, **{**values, **options})


@pytest.mark.parametrize(
    ("right", "decision", "code"),
    [
        ({"main": 0.6, "challenger": 0.9}, "better", ExitCode.OK),
        ({"main": 0.9, "challenger": 0.6}, "worse", ExitCode.REFUSED),
        ({"main": 0.8, "challenger": 0.8}, "go on", ExitCode.IN_PROGRESS),
    ],
)
def test_the_decision_and_the_exit_code_follow_from_captures_and_truth(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    right: Mapping[str, float],
    decision: str,
    code: ExitCode,
) -> None:
    _, s3 = here(monkeypatch, {"main": 50, "challenger": 50})
    traffic(s3, tmp_path / "truth.csv", right, each=600)
    assert ask(metric="correct", truth=str(tmp_path / "truth.csv")) is code
    told = json.loads(capsys.readouterr().out)
    assert (told["decision"], told["metric"]["exact"]) == (decision, True)
    assert told["metric"]["challenger"]["value"] == pytest.approx(right["challenger"], abs=0.06)
    low, high = told["metric"]["interval"].values()
    assert low <= right["challenger"] - right["main"] <= high
    assert told["variants"]["challenger"]["job"] == CHALLENGER_JOB
    assert told["split"]["broken"] is False


def test_the_text_says_what_to_do_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, s3 = here(monkeypatch, {"main": 90, "challenger": 10})
    traffic(s3, tmp_path / "truth.csv", {"main": 0.5, "challenger": 0.95}, each=2_000, share=0.1)
    ask(Format.TEXT, metric="correct", truth=str(tmp_path / "truth.csv"), guards=["errors=0.01"])
    text = capsys.readouterr().out
    assert "Decision: better: correct is better." in text
    assert f"ml deploy JOB.YAML --variant main --rollout all-at-once --env dev --job {CHALLENGER_JOB}" in text
    assert "10.0% intended: as it should be" in text
    assert "guard    errors" in text


def test_a_broken_split_is_believed_before_any_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, s3 = here(monkeypatch, {"main": 50, "challenger": 50})
    traffic(s3, tmp_path / "truth.csv", {"main": 0.5, "challenger": 0.95}, each=1_000, share=0.3)
    assert ask(metric="correct", truth=str(tmp_path / "truth.csv")) is ExitCode.REFUSED
    assert json.loads(capsys.readouterr().out)["decision"] == "broken split"


def test_numbers_are_compared_by_their_distance_from_truth_and_requests_of_several_rows_by_their_mean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, s3 = here(monkeypatch, {"main": 50, "challenger": 50})
    draw, truth = random.Random(5), [{"id": "nobody", "value": 1}]
    for minute in range(4):
        for variant, spread in (("main", 5.0), ("challenger", 1.0)):
            answers: dict[str, object] = {}
            for number in range(100):
                name = f"{variant}-{minute}-{number}"
                answers[name] = [draw.gauss(10, spread), draw.gauss(20, spread)]
                truth += [{"id": name, "row": 1, "value": 10}, {"id": name, "row": 2, "value": 20}]
            capture(s3, variant, minute + 1, answers)
    place = tmp_path / "truth.jsonl"
    place.write_text("\n".join(map(json.dumps, truth)))
    assert ask(metric="absolute-error", truth=str(place), margin=0.1) is ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["decision"], told["metric"]["exact"], told["truth_without_request"]) == ("better", False, 1)
    assert told["metric"]["main"]["observations"] == 400
    assert told["metric"]["interval"]["high"] < -2


def test_main_alone_before_the_challengers_first_request_is_no_part_of_the_test(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, s3 = here(monkeypatch, {"main": 50, "challenger": 50})
    capture(s3, "main", 1, {f"early-{number}": 1 for number in range(500)})
    capture(s3, "challenger", 2, {"first": 1})
    capture(s3, "main", 3, {"other": 0})
    assert ask(metric="prediction") is ExitCode.IN_PROGRESS
    told = json.loads(capsys.readouterr().out)
    assert told["captures"]["requests"] == {"challenger": 1, "main": 1}
    assert told["begun"] == (START + timedelta(minutes=2)).isoformat()


def test_an_endpoint_without_a_challenger_or_without_captures_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, {"main": 1})
    with pytest.raises(MlError, match="--variant challenger --weight 10"):
        ask(metric="prediction")
    here(monkeypatch, {"main": 1, "challenger": 1}, captures=False)
    with pytest.raises(NotFoundError, match=r"deploy: \{capture: \{percent: 100\}\}"):
        ask(metric="prediction")
    here(monkeypatch, {"main": 1, "challenger": 0})
    with pytest.raises(MlError, match="challenger gets no requests"):
        ask(metric="prediction")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metric": "f1"}, "there is errors, latency"),
        ({"metric": "correct"}, "say --truth FILE"),
        ({"metric": "errors", "truth": "x.csv"}, "with truth there is correct"),
        ({"metric": "errors", "guards": ["errors"]}, "there is latency"),
        ({"guards": ["latency=much"]}, "'much' is no number"),
        ({"margin": -1.0}, "above 0"),
        ({"alpha": 2.0}, "a probability"),
        ({"since": "yesterday"}, "how long ago"),
    ],
)
def test_a_mistake_in_the_options_is_told_before_anything_is_asked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        ask(**options)


def test_probabilities_are_no_labels_without_a_threshold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, s3 = here(monkeypatch, {"main": 50, "challenger": 50})
    capture(s3, "challenger", 1, {"a": 0.83, "b": [0.2]})
    (tmp_path / "truth.csv").write_text("id,value\na,1\nb,0\n")
    with pytest.raises(SpecError, match="--threshold"):
        ask(metric="correct", truth=str(tmp_path / "truth.csv"))
    assert ask(metric="correct", truth=str(tmp_path / "truth.csv"), threshold=0.5) is ExitCode.IN_PROGRESS


class Metrics:
    """A CloudWatch with the same sums each minute."""

    def __init__(self, sums: Mapping[str, Mapping[str, float]]) -> None:
        self.sums, self.asked = sums, {}

    def get_metric_data(self, *, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime) -> Any:  # noqa: N803
        self.asked = {"start": StartTime, "end": EndTime, "period": MetricDataQueries[0]["MetricStat"]["Period"]}
        minutes = int((EndTime - StartTime).total_seconds() // 60)
        moments = [StartTime + timedelta(minutes=minute) for minute in reversed(range(minutes))]
        results: list[Any] = []
        for query in MetricDataQueries:
            variant, _, name = query["Id"].partition("_")
            if name in self.sums[variant]:
                values = [self.sums[variant][name]] * len(moments)
                results.append({"Id": query["Id"], "Timestamps": moments, "Values": values})
        return {"MetricDataResults": results}


def test_errors_and_latency_come_from_cloudwatchs_whole_and_settled_minutes() -> None:
    base = {"invocations": 100, "client_errors": 1, "latency": 5_000_000, "answers": 100}
    metrics = Metrics({"main": base, "challenger": {**base, "server_errors": 9, "latency": 6_000_000}})
    start = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
    periods = read_sums(metrics, ENDPOINT, start=start, now=start + timedelta(hours=2))
    assert metrics.asked["start"] == start + timedelta(seconds=30)
    assert metrics.asked["end"] == start + timedelta(hours=1, minutes=57, seconds=30)
    assert list(periods) == sorted(periods)
    periods = since_challenger(periods)
    assert len(periods) == 116
    tally = Tally(Metric(name="errors", higher_is_better=False, alpha=0.05), ratio=1.0, most=100_000)
    add_errors(periods, tally)
    found = tally.finding
    assert (found.main, found.challenger, found.main_count) == pytest.approx((0.01, 0.1, 11_600))
    assert (found.decision.value, found.exact) == ("worse", True)
    slow = latency_finding(periods, Metric(name="latency", higher_is_better=False, alpha=0.05))
    assert (slow.main, slow.challenger, slow.decision.value) == (50.0, 60.0, "worse")


def test_a_look_sees_the_observations_of_the_look_before_it() -> None:
    minute = {"main": Sums(invocations=50, errors=5, latency=1, answers=50)}
    minute["challenger"] = Sums(invocations=50, errors=9, latency=1, answers=50)
    periods = {START + timedelta(minutes=number): minute for number in range(20)}
    seen: list[Any] = []
    for count in (10, 20):
        tally = Tally(Metric(name="errors", higher_is_better=False, alpha=0.05), ratio=1.0, most=100_000)
        add_errors(dict(list(periods.items())[:count]), tally)
        seen.append(tally.finding.interval)
    again = Tally(Metric(name="errors", higher_is_better=False, alpha=0.05), ratio=1.0, most=100_000)
    add_errors(dict(list(periods.items())[:10]), again)
    assert again.finding.interval == seen[0]
    assert seen[1].high - seen[1].low < seen[0].high - seen[0].low


def test_the_log_tells_which_configuration_served_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "ada")
    seconds = itertools.count()
    monkeypatch.setattr("ml.audit.log.now", lambda: (START + timedelta(seconds=next(seconds))).isoformat())
    made = environment()
    for config in ("one", "two"):
        with recording(made, contract(), "research", "deploy", ENDPOINT, {"config": config}):
            pass
    append(made, contract(), "research", "rollback", ENDPOINT, {"config": "one", "instead_of": "two"})
    append(made, contract(), "research", "deploy", "research-other", {"config": "three"})
    append(made, contract(), "research", "delete", ENDPOINT, {"kind": "endpoint"})
    served = timeline(AuditLog(made, contract(), "research").lines(), ENDPOINT)
    assert [(one.config, one.made_by.number) for one in served] == [("one", 2), ("two", 4), ("one", 2)]
    assert serving_at(served, served[0].since - timedelta(seconds=1)) is None
    assert serving_at(served, served[0].since) in served[:3]
    assert served[2].until is not None
    assert serving_at(served, served[2].until) is None, "the endpoint was deleted"


def test_a_split_of_nothing_is_not_broken() -> None:
    split = Split(main=0, challenger=0, intended=0.5, p_value=1.0, chi_squared_p_value=1.0)
    assert split.broken is False
