"""A run as its three witnesses tell it: SageMaker's job, its record in S3, and its MLflow run.

MLflow is asked over HTTP by the driver's own module: importing MLflow takes seconds, a question milliseconds.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import no_such_object
from ml.driver import groundwork_http
from ml.environment import Environment, readable_errors
from ml.errors import EnvironmentNotReadyError, MlError, NotFoundError
from ml.records import FILE_NAME, RunRecord, read_record_at
from ml.targets.sagemaker import jobs

http: Any = groundwork_http
SYSTEM = "system/"
"""What the names of MLflow's system metrics begin with."""
ENVIRONMENT_FILE = "environment/requirements.txt"


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run of the tracking server. artifact_uri: where its artifacts are, without a slash at its end."""

    run_id: str
    status: str
    artifact_uri: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run. record, tracked: None for a job that `ml train` did not submit, or whose run is not there.

    missing: what could not be asked, in words for the user.
    """

    state: jobs.JobState
    hyperparameters: dict[str, str]
    record: RunRecord | None
    tracked: TrackedRun | None
    missing: tuple[str, ...] = field(default=())

    @property
    def job(self) -> str:
        """The job's name."""
        return self.state.name

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric: of the MLflow run, and what SageMaker alone has found in the log."""
        tracked = self.tracked.metrics if self.tracked else {}
        return {**self.state.metrics, **{name: tracked[name] for name in tracked if not name.startswith(SYSTEM)}}

    @property
    def parameters(self) -> dict[str, str]:
        """The hyperparameters, and the parameters that the script logged."""
        return {**self.hyperparameters, **(self.tracked.params if self.tracked else {})}


def find_run(environment: Environment, reference: str) -> Run:
    """A run by its job's name, by TEAM-NAME for the newest, or by MODEL/VERSION or MODEL@ALIAS for a model's.

    Raises NotFoundError.
    """
    name = _job_of_model(environment, reference) if "/" in reference or "@" in reference else reference
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        state = jobs.find(sagemaker, name)
        described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=state.name)
    missing: list[str] = []
    record = tracked = None
    try:
        place = described["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        record = read_record_at(environment, f"{place}/{state.name}/{FILE_NAME}")
    except NotFoundError as error:
        missing.append(str(error))
    if record is not None:
        try:
            tracked = tracked_run(environment, record)
        except EnvironmentNotReadyError as error:
            missing.append(str(error))
        if tracked is None:
            missing.append(f"The tracking server has no run of {state.name}.")
    return Run(
        state=state,
        hyperparameters=dict(described.get("HyperParameters", {})),
        record=record,
        tracked=tracked,
        missing=tuple(missing),
    )


def tracked_run(environment: Environment, record: RunRecord) -> TrackedRun | None:
    """The MLflow run of a record's job; None where there is none. Raises EnvironmentNotReadyError."""

    def credentials() -> Any:
        frozen: Any = environment.clients.session.get_credentials().get_frozen_credentials()  # pyright: ignore
        return http.Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    tracking = http.Tracking(record.tracking_uri, credentials)
    try:
        experiment = tracking.call("GET", "experiments/get-by-name", {"experiment_name": record.experiment})
        found = tracking.call(
            "POST",
            "runs/search",
            {
                "experiment_ids": [experiment["experiment"]["experiment_id"]],
                "filter": f"tags.`groundwork.job` = '{record.job}'",
                "max_results": 1,
            },
        ).get("runs")
    except groundwork_http.HttpError as error:
        if error.status == 404:
            return None
        raise EnvironmentNotReadyError(
            f"The tracking server of {environment.name!r} ({record.tracking_uri}) did not answer: {error}"
        ) from error
    if not found:
        return None
    info, data = found[0]["info"], found[0].get("data", {})
    return TrackedRun(
        run_id=info["run_id"],
        status=info["status"],
        artifact_uri=info["artifact_uri"].rstrip("/"),
        params={one["key"]: one["value"] for one in data.get("params", [])},
        metrics={one["key"]: float(one["value"]) for one in data.get("metrics", [])},
        tags={one["key"]: one["value"] for one in data.get("tags", [])},
    )


def read_artifact(environment: Environment, run: TrackedRun, name: str) -> bytes | None:
    """One artifact of a run that keeps its artifacts in S3; None where it is not there, or not in S3."""
    if not run.artifact_uri.startswith("s3://"):
        return None
    bucket, _, prefix = run.artifact_uri.removeprefix("s3://").partition("/")
    with readable_errors(environment):
        try:
            return environment.clients.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
        except ClientError as error:
            if no_such_object(error):
                return None
            raise


def age_order(run: Run) -> datetime:
    """When a run was created, to sort by."""
    return datetime.fromisoformat(run.state.created).astimezone(UTC)


def _job_of_model(environment: Environment, reference: str) -> str:
    from ml.tracking import model_version

    version = model_version(environment, environment.platform.tracking.uri, reference)
    if version.job is None:
        raise MlError(f"Model {version.name}/{version.version} was not registered by a job of this platform.")
    return version.job
