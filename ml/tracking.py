"""The model registry, as MLflow keeps it. Importing MLflow takes seconds: only what reads the registry does."""

import json
import logging
import os
import re
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ml.environment import Environment, readable_errors
from ml.errors import EnvironmentNotReadyError, NotFoundError


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """One version of a registered model.

    job, model_data: the training job and its model.tar.gz; None for a version that something else registered.
    code: digest of the packed source that trained it. data: the job's inputs by channel. metrics: those that its run
        logged. aliases: candidate, challenger, champion, as far as it has them.
    source: ARN of the package that it was copied from, in another account.
    """

    name: str
    version: str
    created: str
    run_id: str | None
    job: str | None
    team: str | None
    model_data: str | None
    code: str | None
    data: dict[str, str]
    metrics: dict[str, float]
    aliases: tuple[str, ...] = ()
    source: str | None = None

    def document(self) -> dict[str, Any]:
        """The version as `-o json` prints it."""
        return asdict(self)


def list_versions(environment: Environment, uri: str, name: str | None, limit: int) -> list[ModelVersion]:
    """Versions of a model, or of all models, newest first.

    uri: the contract's tracking URI. Raises NotFoundError for a model that is not there.
    """
    with mlflow_client(environment, uri) as client:
        found: Any = client.search_model_versions(
            f"name = '{_quoted(name)}'" if name else None, max_results=limit, order_by=["creation_timestamp DESC"]
        )
        if name and not found:
            raise NotFoundError(f"There is no registered model {name!r}. {_known(client)}")
        aliases = {one: _aliases(client, one) for one in {entry.name for entry in found}}
        return [_version(client, entry, aliases[entry.name]) for entry in found]


def model_version(environment: Environment, uri: str, reference: str) -> ModelVersion:
    """A version by `NAME/VERSION` or `NAME@ALIAS`, or the newest by `NAME`. Raises NotFoundError."""
    name, _, number = reference.partition("/")
    name, _, alias = name.partition("@")
    with mlflow_client(environment, uri) as client:
        # Not by get_model_version: it answers with an exception of its own for each way of not being there.
        found: Any = client.search_model_versions(f"name = '{_quoted(name)}'", order_by=["version_number DESC"])
        if not found:
            raise NotFoundError(f"There is no registered model {name!r}. {_known(client)}")
        chosen = [entry for entry in found if not number or str(entry.version) == number]
        if alias:
            known = _aliases(client, name)
            chosen = [entry for entry in found if str(entry.version) == str(known.get(alias))]
            if not chosen:
                has = ", ".join(f"{one} (version {version})" for one, version in sorted(known.items())) or "none"
                raise NotFoundError(f"Model {name!r} has no {alias}; aliases: {has}. `ml promote` gives them.")
        if not chosen:
            versions = ", ".join(str(entry.version) for entry in found)
            raise NotFoundError(f"Model {name!r} has no version {number!r}; it has {versions}.")
        return _version(client, chosen[0], _aliases(client, name))


def run_of(environment: Environment, uri: str, version: ModelVersion) -> dict[str, Any]:
    """What the run of a version recorded: experiment, params, metrics, tags. Empty for a version without one."""
    if not version.run_id:
        return {}
    with mlflow_client(environment, uri) as client:
        run = client.get_run(version.run_id)
        return {
            "experiment": client.get_experiment(run.info.experiment_id).name,
            "params": dict(run.data.params),
            "metrics": dict(run.data.metrics),
            "tags": {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")},
        }


def register_copy(
    environment: Environment, uri: str, version: ModelVersion, run: Mapping[str, Any], tags: Mapping[str, str]
) -> str:
    """Register a version that another environment trained, with its run; the number that it gets here."""
    from mlflow.exceptions import MlflowException

    with mlflow_client(environment, uri) as client:
        name = str(run.get("experiment") or version.name)
        experiment = client.get_experiment_by_name(name)
        identifier = experiment.experiment_id if experiment else client.create_experiment(name)
        made = client.create_run(identifier, run_name=version.job, tags={**run.get("tags", {}), **tags})
        for key, value in run.get("params", {}).items():
            client.log_param(made.info.run_id, key, value)
        for key, value in run.get("metrics", {}).items():
            client.log_metric(made.info.run_id, key, value)
        client.set_terminated(made.info.run_id)
        try:
            client.create_registered_model(version.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{made.info.artifact_uri}/model"
        entry = client.create_model_version(
            version.name, source, made.info.run_id, tags=dict(tags), await_creation_for=0
        )
        return str(entry.version)


def mirror(
    environment: Environment,
    uri: str,
    name: str,
    aliases: Mapping[str, str | None],
    tags: Mapping[str, str],
    version: str,
) -> None:
    """Give a registered model these aliases (None takes one away), and a version of it these tags."""
    with mlflow_client(environment, uri) as client:
        for alias, holder in aliases.items():
            if holder is None:
                client.delete_registered_model_alias(name, alias)
            else:
                client.set_registered_model_alias(name, alias, holder)
        for key, value in tags.items():
            client.set_model_version_tag(name, version, key, value)


@contextmanager
def mlflow_client(environment: Environment, uri: str) -> Generator[Any]:
    """A client of the environment's MLflow. What it raises about the server becomes EnvironmentNotReadyError."""
    # MLflow retries a refused connection for minutes by default.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("sagemaker_mlflow").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=FutureWarning)
    from mlflow import MlflowClient, set_tracking_uri
    from mlflow.exceptions import MlflowException

    # The plugin that signs for an ARN asks MLflow for its global URI, whatever the client was given.
    set_tracking_uri(uri)

    try:
        with readable_errors(environment), _credentials(environment, uri):
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except MlflowException as error:
        # MLflow's own message is about its API; the first line names the request and what came back.
        raise EnvironmentNotReadyError(
            f"The tracking server of {environment.name!r} ({uri}) did not answer: {str(error).splitlines()[0]}"
        ) from error


@contextmanager
def _credentials(environment: Environment, uri: str) -> Generator[None]:
    """For an ARN as the URI: the sagemaker-mlflow plugin signs with the session that it is given here."""
    if not uri.startswith("arn:"):
        yield
        return
    import boto3
    from sagemaker_mlflow import use_session

    # The profile says where the environment is; a session as a role of the team brings its own credentials.
    with use_session(boto3.Session(profile_name=environment.profile, **environment.clients.given_credentials)):
        yield


def _aliases(client: Any, name: str) -> dict[str, str]:
    """Alias to version. A search for versions does not tell it."""
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def _version(client: Any, entry: Any, aliases: Mapping[str, str]) -> ModelVersion:
    tags: dict[str, str] = entry.tags
    metrics: dict[str, float] = client.get_run(entry.run_id).data.metrics if entry.run_id else {}
    return ModelVersion(
        name=entry.name,
        version=str(entry.version),
        created=datetime.fromtimestamp(entry.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run_id=entry.run_id or None,
        job=tags.get("groundwork.job"),
        team=tags.get("groundwork.team"),
        model_data=tags.get("groundwork.model_data"),
        code=tags.get("groundwork.code"),
        data=json.loads(tags.get("groundwork.data", "{}")),
        metrics=dict(metrics),
        source=tags.get("groundwork.source"),
        aliases=tuple(sorted(alias for alias, holder in aliases.items() if holder == str(entry.version))),
    )


def _known(client: Any) -> str:
    names = sorted(model.name for model in client.search_registered_models(max_results=50))
    return f"There is {', '.join(names)}." if names else "The registry is empty."


def _quoted(name: str) -> str:
    return re.sub(r"['\\]", "", name)
