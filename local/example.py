"""The last step of `make local`: a real model trained, registered, deployed and asked, by the `ml` command itself."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.environment import process_environment
from local.errors import LocalStackError
from local.paths import Paths
from local.progress import Progress, Step
from local.supervisor.client import SupervisorClient
from local.supervisor.ports import choose_ports

SPEC = Path("ml/examples/flight_delays/job.yaml")
MODEL = "flight-delays"
ENDPOINT = "research-flight-delays"
BUILD = ("images", "build", "serving", "--team", "research")
ROWS = 5
"""Rows that the endpoint is asked about: flights of November and December, which the model has not seen."""
NOT_FOUND = 6
"""Exit status of `ml status` for what is not there."""


@dataclass(frozen=True)
class Example:
    """What is left to show once it has run."""

    job: dict[str, Any]
    version: str
    rows: list[dict[str, str]]
    predictions: list[Any]


def run(paths: Paths, progress: Progress) -> None:
    """Train, register, deploy and ask; a job that has run with the same code, and its endpoint, are kept."""
    progress.heading("Example")
    ml = _Ml(paths)
    with progress.step("MLflow tracking server", log=paths.log("mlflow")) as step:
        status = SupervisorClient(paths).wait_until_healthy(step.now, on_request=True)
        tracking = status.service("mlflow")
        step.done(tracking.address if tracking else "none was asked for")
    # It is built while the job trains.
    with progress.step("ml images build serving", log=ml.log) as step:
        begun = ml.run(step, *BUILD, "--no-wait")
        step.done("is there already" if "uri" in begun else f"{begun['id']} started")
    with progress.step("ml train, 336,776 flights of 2013", log=ml.log) as step:
        job = _trained(paths, ml, step)
    with progress.step("ml images build serving, its end", log=ml.log) as step:
        image = ml.run(step, *BUILD)
        step.done(f"{image['image']} is {image['digest'][:19]}")
    with progress.step("MLflow model registry", log=ml.log) as step:
        version = _remembered(paths).get("version") or _registered(ml, step, job["name"])
        _remember(paths, job["name"], version)
        step.done(f"{MODEL} version {version}")
    with progress.step("ml deploy", log=ml.log) as step:
        state = ml.run(step, "deploy", str(SPEC), "--job", job["name"])
        step.done(f"{state['name']} is in service")
    with progress.step("ml predict, rows it has not seen", log=ml.log) as step:
        rows_file = _unseen_rows(paths, ml, job)
        answer = ml.run(step, "predict", str(rows_file), "--endpoint", ENDPOINT)
        step.done(f"{len(answer['predictions'])} answers")
    rows = list(csv.DictReader(io.StringIO(rows_file.read_text())))
    _show(paths, progress, Example(job, version, rows, answer["predictions"]), rows_file)


def remove(paths: Paths, progress: Progress) -> None:
    """Delete the endpoint, which belongs to no Pulumi stack."""
    ml = _Ml(paths)
    with progress.step("Example endpoint", log=ml.log) as step:
        if ml.call(step, "status", "--endpoint", ENDPOINT)[0] == NOT_FOUND:
            step.done("there is none")
        else:
            ml.run(step, "stop", "--endpoint", ENDPOINT)
            step.done("deleted")
    forget(paths)


def forget(paths: Paths) -> None:
    """Forget what was trained."""
    _memory(paths).unlink(missing_ok=True)
    _rows_file(paths).unlink(missing_ok=True)


class _Ml:
    """Runs the `ml` command against the local stack."""

    def __init__(self, paths: Paths):
        self.log = paths.log("example")
        self._paths = paths
        self._environment = process_environment(paths)
        self.log.parent.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the local stack."""
        return self._environment

    def call(self, step: Step, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit status and JSON document of a command; what it says on stderr is progress and goes to the log."""
        command = [sys.executable, "-m", "ml", *arguments, "--env", "local", "-o", "json"]
        with self.log.open("a") as log:
            log.write(f"$ ml {' '.join(arguments)} --env local\n")
            process = subprocess.Popen(
                command,
                cwd=self._paths.checkout,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            assert process.stdout is not None
            try:
                for line in process.stderr:
                    log.write(line)
                    log.flush()
                    if line.strip():
                        step.now(line.strip()[:60])
                output = process.stdout.read()
            except KeyboardInterrupt:
                # The command has had its own Ctrl-C: a submitted job goes on.
                process.wait()
                raise
            log.write(output)
        code = process.wait()
        return code, _document(output)

    def run(self, step: Step, *arguments: str) -> dict[str, Any]:
        """The JSON document of a command that must succeed."""
        code, document = self.call(step, *arguments)
        if code:
            raise LocalStackError(
                f"`ml {' '.join(arguments)} --env local` ended with exit status {code}.",
                log=self.log,
                hint="`make local` tries again from here.",
            )
        return document


def _document(output: str) -> dict[str, Any]:
    try:
        found = json.loads(output)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"items": found}


def _memory(paths: Paths) -> Path:
    return paths.local / "example.json"


def _remembered(paths: Paths) -> dict[str, Any]:
    """What was made last: hash of the `code`, name of the `job`, and the registry's `version` of its model."""
    try:
        return json.loads(_memory(paths).read_text())
    except (OSError, ValueError):
        return {}


def _remember(paths: Paths, job: str, version: str | None) -> None:
    _memory(paths).write_text(json.dumps({"code": _code(paths), "job": job, "version": version}) + "\n")


def _rows_file(paths: Paths) -> Path:
    return paths.local / "example" / "rows.csv"


def _code(paths: Paths) -> str:
    """A hash of the example's files: another one means that it must be trained again."""
    digest = hashlib.sha256()
    folder = (paths.checkout / SPEC).parent
    for file in sorted(folder.glob("*.*")):
        if file.suffix in (".py", ".yaml"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _trained(paths: Paths, ml: _Ml, step: Step) -> dict[str, Any]:
    """The completed job: the one that this code made before, or a new one."""
    before = _remembered(paths)
    if before.get("code") == _code(paths):
        status, job = ml.call(step, "status", before["job"])
        if status == 0:
            step.done(f"{job['name']} has run before")
            return job
    _rows_file(paths).unlink(missing_ok=True)
    job = ml.run(step, "train", str(SPEC), "-y")
    _remember(paths, job["name"], None)
    step.done(f"{job['name']} completed")
    return job


def _registered(ml: _Ml, step: Step, job: str) -> str:
    """The registry's version that comes from the job."""
    versions: Sequence[dict[str, Any]] = ml.run(step, "models", MODEL)["items"]
    for version in versions:
        if version.get("job") == job:
            return str(version["version"])
    raise LocalStackError(f"The model registry has no version of {MODEL} from {job}.", log=ml.log)


def _unseen_rows(paths: Paths, ml: _Ml, job: dict[str, Any]) -> Path:
    """A CSV file with the first of the rows that the job put aside from the months it did not learn from."""
    target = _rows_file(paths)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = target.with_name("output.tar.gz")
        uri = job["model_data"].replace("/model.tar.gz", "/output.tar.gz")
        aws = Path(sys.executable).with_name("aws")
        command = [str(aws), "s3", "cp", uri, str(archive)]
        answer = subprocess.run(command, env=ml.environment, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise LocalStackError(f"The job's output {uri} could not be read: {answer.stderr.strip()}")
        with tarfile.open(archive) as tar:
            stream = tar.extractfile(next(name for name in tar.getnames() if name.endswith("rows.csv")))
            assert stream is not None
            lines = stream.read().decode().splitlines()[: ROWS + 1]
        archive.unlink()
        target.write_text("\n".join(lines) + "\n")
    return target


def _show(paths: Paths, progress: Progress, example: Example, rows_file: Path) -> None:
    ports = choose_ports(paths.ports_file)
    progress.say()
    progress.say("Metrics, November and December, which it did not learn from:")
    for name, value in sorted(example.job.get("metrics", {}).items()):
        if name.startswith("test_"):
            progress.say(f"  {name.removeprefix('test_'):<22} {value:.4f}")
    progress.say("The endpoint's answer, chance of arriving more than 15 minutes late:")
    for row, prediction in zip(example.rows, example.predictions, strict=False):
        chance = prediction[-1] if isinstance(prediction, list) else prediction
        minute = int(float(row["departure_minute"]))
        flight = f"{row['carrier']} {row['origin']} → {row['dest']}, {minute // 60:02d}:{minute % 60:02d}"
        progress.say(f"  {flight:<24} {float(chance):6.1%}")
    progress.say("Addresses:")
    progress.say(f"  MLflow                 http://127.0.0.1:{ports.mlflow}")
    progress.say(f"  AWS API                http://127.0.0.1:{ports.aws}")
    progress.say(f"  Kubernetes API         https://127.0.0.1:{ports.kubernetes}")
    progress.say("Next:")
    progress.say('  eval "$(make -s local-env)"     this shell, led to the local platform')
    progress.say(f"  ml predict --endpoint {ENDPOINT} {rows_file.relative_to(paths.checkout)}")
    progress.say("  pulumi preview --stack local    then change Pulumi.local.yaml and look again")
