"""What teams do on the platform meanwhile: jobs, an endpoint, and asking both how they are."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalStackError
from operations.rehearsal.load import client
from operations.rehearsal.running import Bed, Tell
from operations.rehearsal.sources import Checkout

EXAMPLE = Path("ml/examples/flight_delays")
BUILD = ("images", "build", "serving", "--team", "research")
JOBS = Path(__file__).parent / "jobs"
STEADY, SMOKE = JOBS / "steady" / "job.yaml", JOBS / "smoke" / "job.yaml"
IN_PROGRESS = "InProgress"
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html"""
STARTED_WITHIN_S = 120.0
ROWS = 5
TREES = 20


@dataclass(frozen=True)
class Work:
    """A team's work. finished, steady: names of jobs. endpoint: its name. rows: CSV that it is asked about."""

    finished: str
    steady: str
    endpoint: str
    rows: bytes


def begin(bed: Bed, program: Checkout, *, log: str, tell: Tell) -> Work:
    """Trains and deploys the example with a program's `ml`, and starts a job that goes on. Raises LocalStackError."""

    def ml(*arguments: str) -> dict[str, Any]:
        return bed.must_ml(program, *arguments, log=log, tell=tell)

    spec = str(program.folder / EXAMPLE / "job.yaml")
    ml(*BUILD, "--no-wait")
    # A worse model than it could be: nobody asks here how good it is.
    trained = ml("train", spec, "-y", "--no-log", "--set", f"iterations={TREES}")
    ml(*BUILD)
    endpoint = str(ml("deploy", spec, "--job", str(trained["name"]))["name"])
    rows = (program.folder / EXAMPLE / "rows.csv").read_bytes().splitlines(keepends=True)[: ROWS + 1]
    steady = str(ml("train", str(STEADY), "-y", "--no-wait")["name"])
    _wait_until_it_runs(bed, program, steady, log=log, tell=tell)
    return Work(str(trained["name"]), steady, endpoint, b"".join(rows))


def runs(sagemaker: Any, job: str) -> str:
    """Empty while a job runs; else what became of it. sagemaker: a client; neither program's `ml` is asked."""
    try:
        state = sagemaker.describe_training_job(TrainingJobName=job)
    except (ClientError, BotoCoreError) as error:
        return f"{job}: {error}"
    status = str(state["TrainingJobStatus"])
    reason = f": {state['FailureReason']}" if state.get("FailureReason") else ""
    return "" if status == IN_PROGRESS else f"{job} no longer runs, it is {status}{reason}"


def read_contract(bed: Bed, program: Checkout, work: Work, *, log: str, tell: Tell) -> list[str]:
    """What a program's `ml` cannot do on the platform as it is now; nothing for all is well."""
    rows = bed.root / "rows.csv"
    rows.write_bytes(work.rows)
    spec = program.folder / EXAMPLE / "job.yaml"
    commands = (
        ("status",),
        ("plan", str(spec)),
        ("predict", str(rows), "--endpoint", work.endpoint),
    )
    wrong: list[str] = []
    for command in commands:
        answer = bed.ml(program, *command, log=log, tell=tell)
        if answer.status:
            last = _last_words(answer.log)
            wrong.append(f"`ml {command[0]}` of the {program.name} ended with {answer.status}: {last}")
    return wrong


def smoke(bed: Bed, program: Checkout, *, log: str, tell: Tell) -> str:
    """Trains, deploys and asks the smallest model with a program's own `ml`. Raises LocalStackError."""
    trained = bed.must_ml(program, "train", str(SMOKE), "-y", "--no-log", log=log, tell=tell)
    bed.must_ml(program, *BUILD, log=log, tell=tell)
    deployed = bed.must_ml(program, "deploy", str(SMOKE), "--job", str(trained["name"]), log=log, tell=tell)
    rows = SMOKE.with_name("rows.csv")
    answer = bed.must_ml(program, "predict", str(rows), "--endpoint", str(deployed["name"]), log=log, tell=tell)
    if not answer.get("predictions"):
        raise LocalStackError(f"{deployed['name']} answered without a prediction.", log=bed.log(log))
    return f"{trained['name']} trained, {deployed['name']} answers"


def _wait_until_it_runs(bed: Bed, program: Checkout, job: str, *, log: str, tell: Tell) -> None:
    """Until the job's own first line is in its log: what is only queued would survive anything."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline:
        if ended := runs(client("sagemaker", bed.leading), job):
            raise LocalStackError(f"The job that should run through the change does not: {ended}.", log=bed.log(log))
        said = bed.ml(program, "logs", job, log=log, tell=tell)
        if "second=" in said.output:
            return
        time.sleep(0.5)
    raise LocalStackError(f"{job} has not begun within {STARTED_WITHIN_S:g} s.", log=bed.log(log))


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing was said"
