"""How long a failing model stays in service: from its first bad response to the alarm, the rollback and its end.

A canary of one in four machines fails every request under a steady load; what takes it back is the alarm that
`ml deploy` makes for `rollback_on: {errors_percent: 5}`, evaluated from the endpoint's metrics alone.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from bench.environments import BenchError, say
from bench.report import Goal, Report
from ml.spec.rollout import RollbackOn
from ml.targets.sagemaker.alarms import Guarded, requests
from tests.local.sagemaker_server import EACH_10_S, SageMakerServer

ENDPOINT = "bench"
MACHINES = 4
CALLERS, EACH_S = 2, 0.1
"""Load: so many callers, each with a request every so many seconds."""
ROLLBACK_ON = RollbackOn.model_validate({"errors_percent": 5})
PATIENCE_S = 300.0


@dataclass(kw_only=True)
class Asked:
    """What the callers got: when, by the clock of this machine, and whether it was good."""

    answers: list[tuple[float, bool]] = field(default_factory=list[tuple[float, bool]])

    @property
    def first_bad(self) -> float | None:
        """When the first bad response came."""
        return next((at for at, good in self.answers if not good), None)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Seconds from the first bad response to the alarm, to the begin of the rollback, and to the old version alone; and
    the requests from it to the rollback's begin, how many of them failed, and how many failed in all."""

    alarm: float
    begun: float
    over: float
    asked: int
    failed: int
    failed_in_all: int


def run(rounds: int) -> Report:
    """Roll a failing canary out `rounds` times. Raises BenchError."""
    found: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as folder, _server(Path(folder)) as server:
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds} …")
            found.append(_round(server, f"failing-{number}"))
    return report(found)


@contextmanager
def _server(folder: Path) -> Iterator[SageMakerServer]:
    server = SageMakerServer(folder)
    server.start()
    try:
        server.prepare()
        server.model("good")
        server.model("failing", FAIL_EVERY="1")
        variant = {"VariantName": "main", "ModelName": "good", "InitialInstanceCount": MACHINES}
        server.config("good", variant)
        server.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="good")
        if (status := server.settled(ENDPOINT)["EndpointStatus"]) != "InService":
            raise BenchError(f"the endpoint is {status}")
        yield server
        server.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    finally:
        server.stop()


def _round(server: SageMakerServer, config: str) -> Round:
    server.config(
        config,
        {"VariantName": "main", "ModelName": "failing", "InitialInstanceCount": MACHINES},
        MetricsConfig=EACH_10_S,
    )
    cloudwatch = server.client("cloudwatch")
    (alarm,) = requests(ROLLBACK_ON, Guarded(endpoint=ENDPOINT, variant="main", config=config))
    began = datetime.now(UTC)
    cloudwatch.put_metric_alarm(**alarm)
    with _load(server) as asked:
        server.sagemaker.update_endpoint(
            EndpointName=ENDPOINT, EndpointConfigName=config, DeploymentConfig=_canary(alarm["AlarmName"])
        )
        begun = _when(server, "RollingBack", "InService")
        rang = _rang(cloudwatch, alarm["AlarmName"], began)
        over = _when(server, "InService")
        time.sleep(1)
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    if server.settled(ENDPOINT)["EndpointConfigName"] != "good" or asked.first_bad is None:
        raise BenchError("the failing version was not taken back")
    first = asked.first_bad
    until_begun = [good for at, good in asked.answers if first <= at <= begun]
    return Round(
        alarm=rang - first,
        begun=begun - first,
        over=over - first,
        asked=len(until_begun),
        failed=until_begun.count(False),
        failed_in_all=sum(not good for _, good in asked.answers),
    )


def _canary(alarm: str) -> dict[str, Any]:
    routing = {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 3600}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def _when(server: SageMakerServer, *statuses: str) -> float:
    """When the endpoint was first seen in one of these statuses, after it had begun to change."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        status = server.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"]
        if status in statuses:
            return time.time()
        time.sleep(0.05)
    raise BenchError(f"the endpoint was {status} for {PATIENCE_S:g} s, and not {' or '.join(statuses)}")


def _rang(cloudwatch: Any, name: str, since: datetime) -> float:
    """When the alarm went into ALARM, by CloudWatch's own history of it."""
    history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", StartDate=since)
    items = history["AlarmHistoryItems"]
    times: list[datetime] = [one["Timestamp"] for one in items if "to ALARM" in one["HistorySummary"]]
    if not times:
        raise BenchError(f"the alarm {name} never rang")
    return min(times).astimezone(UTC).timestamp()


@contextmanager
def _load(server: SageMakerServer) -> Iterator[Asked]:
    """Callers that ask at a steady rate, whether or not the last answer was slow."""
    asked, done = Asked(), threading.Event()
    lock = threading.Lock()

    def ask(offset: float) -> None:
        turn = time.monotonic() + offset
        while not done.wait(max(0.0, turn - time.monotonic())):
            turn += EACH_S
            try:
                server.invoke(ENDPOINT)
                good = True
            except ClientError:
                good = False
            with lock:
                asked.answers.append((time.time(), good))

    callers = [threading.Thread(target=ask, args=(EACH_S * each / CALLERS,)) for each in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield asked
    finally:
        done.set()
        for caller in callers:
            caller.join()


def report(found: list[Round]) -> Report:
    """The table of the rounds, and whether the failed requests were no more than the canary's share."""
    needs = ROLLBACK_ON.period * ROLLBACK_ON.periods
    rows = [
        [f"round {number}", *(f"{seconds:.1f}" for seconds in (one.alarm, one.begun, one.over)), *_counts(one)]
        for number, one in enumerate(found, 1)
    ]
    columns = (
        "seconds from the first bad response to",
        "the alarm",
        "the rollback's begin",
        "the old version alone",
        "requests until it began",
        "failed",
        "failed in all",
    )
    share = max(one.failed / one.asked for one in found)
    # A request of each caller may be under way when the canary is left out.
    met = all(one.failed <= one.asked / MACHINES + CALLERS for one in found)
    begun = statistics.median(one.begun for one in found)
    return Report(
        name="rollback",
        title=f"A failing canary of 1 in {MACHINES} machines under {CALLERS / EACH_S:g} requests a second",
        columns=columns,
        rows=rows,
        goals=[
            Goal(
                text=f"failed requests are at most the canary's share of 1 in {MACHINES}, and one of each caller",
                measured=f"{share:.1%} of those until the rollback began",
                met=met,
            )
        ],
        notes=[
            f"the rollback begins {begun:.1f} s after the first bad response (median of {len(found)}); the alarm has "
            f"{ROLLBACK_ON.periods} periods of {ROLLBACK_ON.period} s: {needs} s where the first bad response begins a "
            f"period, never less than {needs - ROLLBACK_ON.period} s",
            "here the metrics come each 10 s; AWS documents neither how late they are nor how often it looks at alarms",
        ],
        detail={"rounds": [asdict(one) for one in found], "alarm_needs_s": needs},
    )


def _counts(one: Round) -> list[str]:
    return [str(one.asked), str(one.failed), str(one.failed_in_all)]
