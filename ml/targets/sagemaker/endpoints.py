"""A model behind an endpoint: SageMaker model, endpoint configuration and endpoint.

Model and configuration are named by what they are made of, so that the same deployment twice changes nothing.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import is_denied
from ml.errors import MlError, NotFoundError
from ml.identity import resource_tags
from ml.images import platform_image
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.training import volume_key, vpc_config
from platform_contract import PlatformContract

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be served where.

    job: name of the training job that the model is from. endpoint: its full name, the team's included.
    """

    team: str
    job: str
    model_data: str
    endpoint: str
    instance: EndpointInstance
    image: str | None
    environment: Mapping[str, str]


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
        return tuple(model.rsplit("-", 1)[0] for model in self.models)

    def document(self) -> dict[str, Any]:
        """The state as `-o json` prints it."""
        return {**asdict(self), "jobs": self.jobs}


def deploy(sagemaker: Any, contract: PlatformContract, target: Target) -> bool:
    """Ask for the endpoint to serve the target. Whether anything had to change.

    Raises MlError where the endpoint is in the middle of another change, or SageMaker refuses.
    """
    tags = resource_tags(contract, target.team)
    try:
        model = _ensure_model(sagemaker, contract, target, tags)
        config = _ensure_config(sagemaker, contract, target, model, tags)
        existing = _describe(sagemaker, target.endpoint)
        if existing is None:
            sagemaker.create_endpoint(EndpointName=target.endpoint, EndpointConfigName=config, Tags=tags)
            return True
        status = existing["EndpointStatus"]
        if status in BUSY:
            raise MlError(f"The endpoint {target.endpoint} is {status}: wait until that is over, then deploy again.")
        if existing["EndpointConfigName"] == config and status == "InService":
            return False
        if status == "Failed":
            # An endpoint that never came up cannot be updated.
            delete(sagemaker, target.endpoint, wait=True)
            sagemaker.create_endpoint(EndpointName=target.endpoint, EndpointConfigName=config, Tags=tags)
            return True
        sagemaker.update_endpoint(EndpointName=target.endpoint, EndpointConfigName=config)
    except ClientError as error:
        if is_denied(error):
            raise
        message = error_details(error).message
        raise MlError(f"SageMaker refused {error.operation_name} for {target.endpoint}: {message}") from error
    return True


def wait(sagemaker: Any, name: str, on_status: Callable[[str], None]) -> EndpointState:
    """Wait until an endpoint is no longer changing, telling each status."""
    pause = Pause()
    seen = ""
    while True:
        state = describe(sagemaker, name)
        if state.status != seen:
            seen = state.status
            on_status(seen)
        if state.status not in BUSY:
            return state
        pause.sleep()


def describe(sagemaker: Any, name: str) -> EndpointState:
    """The state of an endpoint. Raises NotFoundError with the nearest names."""
    answer = _describe(sagemaker, name)
    if answer is None:
        names = [entry["EndpointName"] for entry in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        has = f"Near: {', '.join(close)}." if close else f"There is {', '.join(names)}." if names else "There is none."
        raise NotFoundError(f"There is no endpoint {name!r}. {has}")
    config = answer["EndpointConfigName"]
    return EndpointState(
        name=answer["EndpointName"],
        status=answer["EndpointStatus"],
        reason=answer.get("FailureReason") or None,
        config=config,
        models=_models_of(sagemaker, config),
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


def delete(sagemaker: Any, name: str, *, wait: bool) -> None:
    """Delete an endpoint, and with `wait` see it gone."""
    sagemaker.delete_endpoint(EndpointName=name)
    pause = Pause()
    while wait and _describe(sagemaker, name) is not None:
        pause.sleep()


def config_name(target: Target, model: str) -> str:
    """Name of the configuration that puts this model on these machines."""
    return f"{target.endpoint}-{_digest([model, target.instance.type, target.instance.count])}"


def _ensure_model(sagemaker: Any, contract: PlatformContract, target: Target, tags: list[dict[str, str]]) -> str:
    image = platform_image(target.image, contract) if target.image else contract.registry.serving_image
    role = contract.teams[target.team].execution_role_arn
    environment = {"AWS_DEFAULT_REGION": contract.platform.region, **target.environment}
    name = f"{target.job}-{_digest([image, target.model_data, role, environment])}"
    try:
        sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if not _missing(error):
            raise
        request: dict[str, Any] = {
            "ModelName": name,
            "ExecutionRoleArn": role,
            "PrimaryContainer": {"Image": image, "ModelDataUrl": target.model_data, "Environment": environment},
            "Tags": tags,
        }
        if contract.training.use_vpc:
            request["VpcConfig"] = vpc_config(contract)
        sagemaker.create_model(**request)
    return name


def _ensure_config(
    sagemaker: Any, contract: PlatformContract, target: Target, model: str, tags: list[dict[str, str]]
) -> str:
    name = config_name(target, model)
    try:
        sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if not _missing(error):
            raise
        variant = {
            "VariantName": "main",
            "ModelName": model,
            "InstanceType": target.instance.type,
            "InitialInstanceCount": target.instance.count,
            "InitialVariantWeight": 1.0,
        }
        request: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": [variant], "Tags": tags}
        if key := volume_key(contract, target.instance.type):
            request["KmsKeyId"] = key
        sagemaker.create_endpoint_config(**request)
    return name


def _describe(sagemaker: Any, name: str) -> dict[str, Any] | None:
    try:
        return sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _missing(error):
            return None
        raise


def _models_of(sagemaker: Any, config: str) -> tuple[str, ...]:
    try:
        answer: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if _missing(error):  # somebody deleted the configuration; the endpoint goes on
            return ()
        raise
    return tuple(variant["ModelName"] for variant in answer["ProductionVariants"])


def _missing(error: ClientError) -> bool:
    code, message = error_details(error)
    return code == "ValidationException" and re.search("could not find|not found", message, re.IGNORECASE) is not None


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
