"""The model registry, as MLflow keeps it. Importing MLflow takes seconds: only what reads the registry does."""

import json
import logging
import os
import re
import warnings
from collections.abc import Generator
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
        logged.
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

    def document(self) -> dict[str, Any]:
        """The version as `-o json` prints it."""
        return asdict(self)


def list_versions(environment: Environment, uri: str, name: str | None, limit: int) -> list[ModelVersion]:
    """Versions of a model, or of all models, newest first.

    uri: the contract's tracking URI. Raises NotFoundError for a model that is not there.
    """
    with _client(environment, uri) as client:
        found: Any = client.search_model_versions(
            f"name = '{_quoted(name)}'" if name else None, max_results=limit, order_by=["creation_timestamp DESC"]
        )
        if name and not found:
            raise NotFoundError(f"There is no registered model {name!r}. {_known(client)}")
        return [_version(client, entry) for entry in found]


def model_version(environment: Environment, uri: str, reference: str) -> ModelVersion:
    """A version by `NAME/VERSION`, or the newest by `NAME`. Raises NotFoundError."""
    name, _, number = reference.partition("/")
    with _client(environment, uri) as client:
        # Not by get_model_version: it answers with an exception of its own for each way of not being there.
        found: Any = client.search_model_versions(f"name = '{_quoted(name)}'", order_by=["version_number DESC"])
        if not found:
            raise NotFoundError(f"There is no registered model {name!r}. {_known(client)}")
        chosen = [entry for entry in found if not number or str(entry.version) == number]
        if not chosen:
            versions = ", ".join(str(entry.version) for entry in found)
            raise NotFoundError(f"Model {name!r} has no version {number!r}; it has {versions}.")
        return _version(client, chosen[0])


@contextmanager
def _client(environment: Environment, uri: str) -> Generator[Any]:
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

    with use_session(boto3.Session(profile_name=environment.profile)):
        yield


def _version(client: Any, entry: Any) -> ModelVersion:
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
    )


def _known(client: Any) -> str:
    names = sorted(model.name for model in client.search_registered_models(max_results=50))
    return f"There is {', '.join(names)}." if names else "The registry is empty."


def _quoted(name: str) -> str:
    return re.sub(r"['\\]", "", name)
