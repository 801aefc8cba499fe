"""Looking at endpoints: one, all of them, and one until it changes no longer."""

import difflib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.environment import is_denied
from ml.errors import NotFoundError
from ml.names import job_of
from ml.targets.sagemaker import components
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.variants import is_missing

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """An endpoint as SageMaker describes it. models: names of the models that it serves."""

    name: str
    status: str
    reason: str | None
    config: str
    models: tuple[str, ...]
    changed: str

    @property
    def jobs(self) -> tuple[str, ...]:
        """The training jobs that the models are from, by the models' names."""
        return tuple(job_of(model) for model in self.models)

    def document(self) -> dict[str, Any]:
        """The state as `-o json` prints it."""
        return {**asdict(self), "jobs": self.jobs}


def wait(
    sagemaker: Any, name: str, on_status: Callable[[str], None], on_look: Callable[[], None] = lambda: None
) -> EndpointState:
    """Wait until an endpoint is no longer changing, telling each status, and each look at it."""
    pause = Pause()
    seen = ""
    while True:
        state = describe(sagemaker, name)
        on_look()
        if state.status != seen:
            seen = state.status
            on_status(seen)
        if state.status not in BUSY:
            return state
        pause.sleep()


def describe_raw(sagemaker: Any, name: str) -> dict[str, Any]:
    """DescribeEndpoint's answer. Raises NotFoundError with the nearest names."""
    answer = look(sagemaker, name)
    if answer is None:
        names = [entry["EndpointName"] for entry in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        has = f"Near: {', '.join(close)}." if close else f"There is {', '.join(names)}." if names else "There is none."
        raise NotFoundError(f"There is no endpoint {name!r}. {has}")
    return answer


def describe(sagemaker: Any, name: str) -> EndpointState:
    """The state of an endpoint. Raises NotFoundError with the nearest names."""
    answer = describe_raw(sagemaker, name)
    config = answer["EndpointConfigName"]
    return EndpointState(
        name=answer["EndpointName"],
        status=answer["EndpointStatus"],
        reason=answer.get("FailureReason") or None,
        config=config,
        models=_models_of(sagemaker, answer["EndpointName"], config),
        changed=answer["LastModifiedTime"].isoformat(timespec="seconds"),
    )


def list_all(sagemaker: Any, prefix: str = "") -> list[EndpointState]:
    """Every endpoint whose name begins with `prefix`, newest first.

    Of another team's, which the caller may list and not describe, models and configuration are empty.
    """
    pages = sagemaker.get_paginator("list_endpoints").paginate(SortBy="CreationTime", SortOrder="Descending")
    entries = [entry for page in pages for entry in page["Endpoints"] if entry["EndpointName"].startswith(prefix)]
    return [_listed(sagemaker, entry) for entry in entries]


def _listed(sagemaker: Any, entry: dict[str, Any]) -> EndpointState:
    try:
        return describe(sagemaker, entry["EndpointName"])
    except ClientError as error:
        if not is_denied(error):
            raise
    except NotFoundError:  # it went away since the list was made
        pass
    return EndpointState(
        name=entry["EndpointName"],
        status=entry["EndpointStatus"],
        reason=None,
        config="",
        models=(),
        changed=entry["LastModifiedTime"].isoformat(timespec="seconds"),
    )


def look(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """DescribeEndpoint's answer; None where there is no such endpoint."""
    try:
        return sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def _models_of(sagemaker: Any, endpoint: str, config: str) -> tuple[str, ...]:
    try:
        answer: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if is_missing(error):  # somebody deleted the configuration; the endpoint goes on
            return ()
        raise
    models = tuple(variant.get("ModelName", "") for variant in answer["ProductionVariants"])
    if all(models):
        return models
    component = components.describe(sagemaker, endpoint)
    return (component.model,) if component and component.model else ()
