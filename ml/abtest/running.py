"""The A/B test that runs on an endpoint: its variants, since when, what was observed, and what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.abtest.captured import Gathered, gather
from ml.abtest.cloudwatch import Periods, add_errors, invocations, latency_finding, read_sums, since_challenger
from ml.abtest.decision import Finding, Metric, Verdict, verdict
from ml.abtest.outcomes import Outcome, Reading, Source
from ml.abtest.split import Split, check_split
from ml.abtest.tally import Tally
from ml.audit.log import AuditLog
from ml.audit.serving import timeline
from ml.captures import Captures, Truth, captures_uri
from ml.environment import Environment
from ml.errors import MlError, NotFoundError, SpecError
from ml.names import job_of
from ml.spec.rollout import CHALLENGER, MAIN
from platform_contract import PlatformContract


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A variant. weight: its part of the traffic is this over the sum of both."""

    model: str
    weight: float

    @property
    def job(self) -> str:
        """The training job that the model is from, by the model's name."""
        return job_of(self.model)


@dataclass(frozen=True, kw_only=True)
class RunningTest:
    """An endpoint with the variants main and challenger.

    config: of the endpoint. since: when it was put in place.
    """

    endpoint: str
    team: str
    config: str
    main: Arm
    challenger: Arm
    since: datetime

    @property
    def share(self) -> float:
        """The challenger's intended share of the traffic."""
        return self.challenger.weight / (self.main.weight + self.challenger.weight)

    @property
    def ratio(self) -> float:
        """Main's intended requests for each of the challenger's."""
        return self.main.weight / self.challenger.weight


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared. metric: the one that decides; guards: those that may not be harmed. most: observations of the
    deciding metric after which the test ends."""

    metric: tuple[Metric, Reading]
    guards: Sequence[tuple[Metric, Outcome]]
    most: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is known of a test. begun: the challenger's first request, None before it. read: of captures; None where
    none were needed."""

    test: RunningTest
    begun: datetime | None
    finding: Finding
    guards: Sequence[Finding]
    split: Split
    verdict: Verdict
    read: Gathered | None

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        test = self.test
        arms = {
            name: {**asdict(arm), "job": arm.job} for name, arm in ((MAIN, test.main), (CHALLENGER, test.challenger))
        }
        return {
            "endpoint": test.endpoint,
            "team": test.team,
            "config": test.config,
            "since": test.since.isoformat(),
            "begun": self.begun.isoformat() if self.begun else None,
            "variants": arms,
            "metric": _document(self.finding),
            "guards": [_document(guard) for guard in self.guards],
            "split": {**asdict(self.split), "broken": self.split.broken},
            "decision": self.verdict.decision.value,
            "because": self.verdict.because,
            "captures": self.read.document() if self.read else None,
        }


def running_test(environment: Environment, contract: PlatformContract, team: str, endpoint: str) -> RunningTest:
    """The test on an endpoint. Raises MlError where it has other variants, and botocore's ClientError."""
    sagemaker = environment.clients.client("sagemaker")
    described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
    config: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    variants: Mapping[str, Any] = {one["VariantName"]: one for one in config["ProductionVariants"]}
    if not variants.keys() >= {MAIN, CHALLENGER}:
        raise MlError(
            f"{endpoint} has {' and '.join(variants)}; an A/B test needs main and challenger: "
            "ml deploy JOB.YAML --variant challenger --weight 10"
        )
    weights = {
        one["VariantName"]: one.get("DesiredWeight", one.get("CurrentWeight"))
        for one in described.get("ProductionVariants", ())
    }
    arms: dict[str, Arm] = {}
    for name in (MAIN, CHALLENGER):
        weight = weights.get(name)
        weight = variants[name].get("InitialVariantWeight", 1.0) if weight is None else weight
        if weight <= 0:
            raise MlError(f"{endpoint}: {name} gets no requests, its weight is 0")
        arms[name] = Arm(model=variants[name].get("ModelName", ""), weight=float(weight))
    served = [
        one
        for one in timeline(AuditLog(environment, contract, team).lines(), endpoint)
        if one.config == described["EndpointConfigName"]
    ]
    since: datetime = served[-1].since if served else config["CreationTime"]
    return RunningTest(
        endpoint=endpoint,
        team=team,
        config=described["EndpointConfigName"],
        main=arms[MAIN],
        challenger=arms[CHALLENGER],
        since=since.astimezone(UTC),
    )


def look(
    environment: Environment,
    contract: PlatformContract,
    test: RunningTest,
    plan: Plan,
    truth: Truth | None,
    *,
    since: datetime | None = None,
    now: datetime | None = None,
) -> Result:
    """Read what was observed, and judge it. since: in place of the test's own begin. Raises MlError."""
    now = now or datetime.now(UTC)
    start = since or test.since
    metric, reading = plan.metric
    outcomes = [reading.outcome, *(outcome for _, outcome in plan.guards)]
    periods: Periods = {}
    if any(outcome.source is Source.CLOUDWATCH for outcome in outcomes):
        cloudwatch = environment.clients.client("cloudwatch")
        periods = since_challenger(read_sums(cloudwatch, test.endpoint, start=start, now=now))
    read: Gathered | None = None
    if reading.outcome.source is Source.CLOUDWATCH:
        begun = next(iter(periods), None)
        finding = _of_metrics(reading.outcome, metric, periods, test, plan.most)
    else:
        begun, finding, read = _of_captures(environment, contract, test, plan, truth, start, now)
    guards = [_of_metrics(outcome, guard, periods, test, plan.most) for guard, outcome in plan.guards]
    counts = (finding.main_count, finding.challenger_count)
    if reading.outcome.name == "latency":
        counts = invocations(periods)
    split = check_split(*counts, test.share)
    return Result(
        test=test,
        begun=begun,
        finding=finding,
        guards=guards,
        split=split,
        verdict=verdict(finding, guards, split, most=plan.most),
        read=read,
    )


def _of_metrics(outcome: Outcome, metric: Metric, periods: Periods, test: RunningTest, most: int) -> Finding:
    if outcome.name == "latency":
        return latency_finding(periods, metric)
    tally = Tally(metric, ratio=test.ratio, most=most)
    add_errors(periods, tally)
    return tally.finding


def _of_captures(
    environment: Environment,
    contract: PlatformContract,
    test: RunningTest,
    plan: Plan,
    truth: Truth | None,
    start: datetime,
    now: datetime,
) -> tuple[datetime | None, Finding, Gathered]:
    metric, reading = plan.metric
    s3, uri = environment.clients.client("s3"), captures_uri(contract, test.team, test.endpoint)
    tally = Tally(metric, ratio=test.ratio, most=plan.most)
    first = next(iter(Captures(s3, uri, start=start, end=now, variants=[CHALLENGER])), None)
    if first is None:
        _refuse_without_capture(environment, test, uri)
        return None, tally.finding, Gathered()
    # While the endpoint was being updated main had all requests.
    captured = Captures(s3, uri, start=first.time, end=now, variants=[MAIN, CHALLENGER])
    read = gather(captured, reading, truth, tally)
    if captured.unreadable:
        read.left_out["line is no captured request"] += captured.unreadable
    return first.time, tally.finding, read


def _refuse_without_capture(environment: Environment, test: RunningTest, uri: str) -> None:
    """Raises NotFoundError where nobody captures: the test would go on for ever."""
    sagemaker = environment.clients.client("sagemaker")
    config: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=test.config)
    if config.get("DataCaptureConfig", {}).get("EnableCapture"):
        return
    try:
        model: dict[str, Any] = sagemaker.describe_model(ModelName=test.challenger.model)
    except ClientError:
        return  # deleted, or not the caller's to see: then nobody can tell
    if "SERVING_CAPTURE_URI" not in model.get("PrimaryContainer", {}).get("Environment", {}):
        raise NotFoundError(
            f"{test.endpoint} captures no requests ({uri}/challenger/ is empty). Deploy the challenger with "
            "`deploy: {capture: {percent: 100}}`, or compare errors or latency."
        )


def check_margin(margin: float | None, what: str) -> None:
    """Raises SpecError for a margin that is no distance."""
    if margin is not None and not margin > 0:
        raise SpecError(f"{what}: the margin is {margin:g}; it is a distance, above 0")


def _document(finding: Finding) -> dict[str, Any]:
    metric = finding.metric
    return {
        **asdict(metric),
        MAIN: {"value": _plain(finding.main), "observations": finding.main_count},
        CHALLENGER: {"value": _plain(finding.challenger), "observations": finding.challenger_count},
        "difference": _plain(finding.interval.estimate),
        "interval": {"low": _plain(finding.interval.low), "high": _plain(finding.interval.high)},
        "confidence": 1 - metric.alpha,
        "exact": finding.exact,
        "decision": finding.decision.value,
    }


def _plain(value: float) -> float | None:
    """JSON has no infinity: nothing is known is null."""
    return value if value == value and abs(value) != float("inf") else None
