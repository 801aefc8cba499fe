"""The API of inference experiments."""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.endpoint_record import BUSY
from local.aws_server.sagemaker.experiments import (
    DEFAULT_DURATION,
    KIND,
    OVER,
    Experiment,
    advance,
    endpoint_of,
    load,
    save,
    stop_experiment,
    update_experiment,
)
from local.aws_server.sagemaker.models import model
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.validation import validate

SHOWN = ("Name", "Type", "Description", "RoleArn", "DataStorageConfig", "ShadowModeConfig", "KmsKey")
VARIANT_STATUS = {
    "Created": "Creating",
    "Starting": "Creating",
    "Updating": "Updating",
    "Running": "InService",
    "Stopping": "Updating",
}


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _experiment(call: Call) -> Experiment:
    name = call.params["Name"]
    experiment = load(call.server, f"{call.region}/{name}")
    if experiment is None:
        raise ServiceError("ResourceNotFound", f"Inference experiment {name} does not exist.")
    return experiment


def _in_status(experiment: Experiment, *wanted: str) -> None:
    if experiment.status not in wanted:
        raise ServiceError(
            "ConflictException",
            f"Inference experiment {experiment.request['Name']} is {experiment.status}, and must be "
            f"{' or '.join(wanted)} for this.",
        )


def _moment(value: Any) -> datetime | None:
    return value.astimezone() if isinstance(value, datetime) else None


@operation("sagemaker", "CreateInferenceExperiment")
def create_inference_experiment(call: Call) -> dict[str, Any]:
    """Notes an experiment, and starts it when its time has come."""
    validate(call)
    request = copy.deepcopy(call.params)
    require_role(call.server, request["RoleArn"])
    schedule = request.get("Schedule") or {}
    moment = now()
    start = _moment(schedule.get("StartTime")) or moment
    experiment = Experiment(
        request=request,
        region=call.region,
        arn=call.arn(f"inference-experiment/{request['Name']}"),
        created=moment,
        modified=moment,
        start=start,
        end=_moment(schedule.get("EndTime")) or start + DEFAULT_DURATION,
        variants={each["VariantName"]: each for each in request["ModelVariants"]},
    )
    with call.server.records.lock:
        if load(call.server, experiment.key) is not None:
            raise ServiceError("ResourceInUse", f"Inference experiment {experiment.arn} exists already.")
        _check(call, experiment)
        save(call.server, experiment)
        tags.set_tags(call.server, experiment.arn, request.get("Tags"))
    return {"InferenceExperimentArn": experiment.arn}


def _check(call: Call, experiment: Experiment) -> None:
    """What the endpoint, the models and the times must be."""
    if experiment.end <= experiment.start:
        raise _refusal("The EndTime of the Schedule must be after its StartTime.")
    if experiment.shadow not in experiment.variants or experiment.shadow == experiment.source:
        raise _refusal(
            f"ModelVariants must describe the shadow variant {experiment.shadow}, beside the production one."
        )
    for each in experiment.variants.values():
        if each["VariantName"] not in (experiment.source, experiment.shadow):
            raise _refusal(f"Variant {each['VariantName']} is neither in production nor a shadow in ShadowModeConfig.")
        if model(call.server, call.region, each["ModelName"]) is None:
            raise _refusal(f'Could not find model "{call.arn("model/" + each["ModelName"])}".')
    for _, other in call.server.records.items(KIND, f"{call.region}/"):
        if other.endpoint == experiment.endpoint and other.status not in OVER:
            raise ServiceError(
                "ResourceInUse",
                f"Endpoint {other.request['EndpointName']} has an inference experiment: {other.request['Name']}.",
            )
    endpoint = endpoint_of(call.server, experiment)
    if endpoint is None or endpoint.deployment is None:
        raise _refusal(f'Could not find endpoint "{call.arn("endpoint/" + experiment.request["EndpointName"])}".')
    if endpoint.deployment.production != [experiment.source] or endpoint.deployment.shadows:
        raise _refusal(
            f"Endpoint {endpoint.name} must have {experiment.source} as its only production variant, and no shadow: "
            f"it has {', '.join([*endpoint.deployment.production, *endpoint.deployment.shadows])}."
        )


@operation("sagemaker", "DescribeInferenceExperiment")
def describe_inference_experiment(call: Call) -> dict[str, Any]:
    """An experiment, with its endpoint."""
    experiment = _experiment(call)
    answer = _summary(experiment) | {name: value for name in SHOWN if (value := experiment.request.get(name))}
    endpoint = endpoint_of(call.server, experiment)
    metadata: dict[str, Any] = {"EndpointName": experiment.request["EndpointName"]}
    if endpoint is not None and (shown := endpoint.deployment or endpoint.pending) is not None:
        metadata |= {"EndpointConfigName": shown.config["EndpointConfigName"], "EndpointStatus": endpoint.status}
        if endpoint.failure:
            metadata["FailureReason"] = endpoint.failure
    return answer | {
        "Arn": experiment.arn,
        "EndpointMetadata": metadata,
        "ModelVariants": [
            {**variant, "Status": _variant_status(experiment, name)} for name, variant in experiment.variants.items()
        ],
    }


def _variant_status(experiment: Experiment, name: str) -> str:
    if experiment.status not in OVER:
        return VARIANT_STATUS[experiment.status]
    action = experiment.actions.get(name, "Retain" if name == experiment.source else "Remove")
    return "Deleted" if action == "Remove" else "InService"


def _summary(experiment: Experiment) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "Name": experiment.request["Name"],
        "Type": experiment.request["Type"],
        "Schedule": {"StartTime": experiment.start, "EndTime": experiment.end},
        "Status": experiment.status,
        "CreationTime": experiment.created,
        "LastModifiedTime": experiment.modified,
        "RoleArn": experiment.request["RoleArn"],
    }
    optional = {
        "StatusReason": experiment.reason[:1024],
        "Description": experiment.request.get("Description"),
        "CompletionTime": experiment.completed,
    }
    return summary | {name: value for name, value in optional.items() if value}


@operation("sagemaker", "ListInferenceExperiments")
def list_inference_experiments(call: Call) -> dict[str, Any]:
    """Experiments by time, name or status."""
    validate(call)
    records = call.server.records.items(KIND, f"{call.region}/")
    entries, token = page((_summary(each) for _, each in records), call.params, name="Name", status="Status")
    return {"InferenceExperiments": entries, **token}


@operation("sagemaker", "StartInferenceExperiment")
def start_inference_experiment(call: Call) -> dict[str, Any]:
    """Starts an experiment before its time."""
    with call.server.records.lock:
        experiment = _experiment(call)
        _in_status(experiment, "Created")
        experiment.start = min(experiment.start, now())
        advance(call.server, experiment)
        save(call.server, experiment)
    return {"InferenceExperimentArn": experiment.arn}


@operation("sagemaker", "UpdateInferenceExperiment")
def update_inference_experiment(call: Call) -> dict[str, Any]:
    """Changes an experiment; one that runs brings the change to its endpoint."""
    validate(call)
    changed = {name: call.params[name] for name in ("DataStorageConfig", "ShadowModeConfig") if name in call.params}
    with call.server.records.lock:
        experiment = _experiment(call)
        _in_status(experiment, "Created", "Running")
        schedule: Mapping[str, Any] = call.params.get("Schedule") or {}
        if "StartTime" in schedule:
            _in_status(experiment, "Created")
            experiment.start = schedule["StartTime"].astimezone()
        if "EndTime" in schedule:
            experiment.end = schedule["EndTime"].astimezone()
        if "Description" in call.params:
            experiment.request["Description"] = call.params["Description"]
        names = experiment.source, experiment.shadow
        experiment.request |= changed
        variants = {each["VariantName"]: each for each in call.params.get("ModelVariants") or ()}
        if (experiment.source, experiment.shadow) != names or not set(variants) <= set(names):
            raise _refusal("The variants of an experiment cannot be exchanged for others.")
        experiment.variants |= variants
        if experiment.end <= experiment.start:
            raise _refusal("The EndTime of the Schedule must be after its StartTime.")
        experiment.modified = now()
        if experiment.status == "Running" and (changed or variants):
            update_experiment(call.server, experiment)
        save(call.server, experiment)
    return {"InferenceExperimentArn": experiment.arn}


@operation("sagemaker", "StopInferenceExperiment")
def stop_inference_experiment(call: Call) -> dict[str, Any]:
    """Ends an experiment: its shadow variant is removed, promoted or left where it is."""
    validate(call)
    actions: dict[str, str] = call.params["ModelVariantActions"]
    with call.server.records.lock:
        experiment = _experiment(call)
        _in_status(experiment, "Created", "Running")
        names = experiment.source, experiment.shadow
        if not set(actions) <= set(names):
            raise _refusal(f"ModelVariantActions can name {' and '.join(names)}, not {', '.join(sorted(actions))}.")
        source, shadow = actions.get(names[0], "Retain"), actions.get(names[1], "Remove")
        if source == "Promote" or (source == "Remove") != (shadow == "Promote"):
            raise _refusal(
                f"One variant must stay in production: either {names[0]} is retained, or it is removed and {names[1]} "
                "promoted."
            )
        experiment.variants |= {each["VariantName"]: each for each in call.params.get("DesiredModelVariants") or ()}
        experiment.desired = call.params.get("DesiredState", "Completed")
        experiment.reason = call.params.get("Reason", "")
        endpoint = endpoint_of(call.server, experiment)
        if experiment.status == "Created" or endpoint is None or endpoint.deployment is None:
            experiment.enter(experiment.desired)
        elif endpoint.status in BUSY:
            raise ServiceError("ConflictException", f"Endpoint {endpoint.name} is {endpoint.status}.")
        else:
            stop_experiment(call.server, experiment, {names[0]: source, names[1]: shadow})
        save(call.server, experiment)
    return {"InferenceExperimentArn": experiment.arn}


@operation("sagemaker", "DeleteInferenceExperiment")
def delete_inference_experiment(call: Call) -> dict[str, Any]:
    """Forgets an experiment that is over or has not begun; its endpoint stays as it is."""
    with call.server.records.lock:
        experiment = _experiment(call)
        _in_status(experiment, "Created", *OVER)
        call.server.records.delete(KIND, experiment.key)
        tags.forget_tags(call.server, experiment.arn)
    return {"InferenceExperimentArn": experiment.arn}
