"""The API of endpoints."""

from typing import Any

from local.aws_server.autoscaling import targets
from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.component_hosts import host_counts, require_no_components, require_room
from local.aws_server.sagemaker.endpoint_description import describe
from local.aws_server.sagemaker.endpoint_record import BUSY, KIND, Deployment, EndpointRecord, load, save
from local.aws_server.sagemaker.endpoints import endpoints_of
from local.aws_server.sagemaker.models import not_found
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now
from local.aws_server.sagemaker.rollout import alarm_states
from local.aws_server.sagemaker.rollout_policy import check_update, policy_of
from local.aws_server.sagemaker.validation import validate


def _record(call: Call) -> EndpointRecord:
    name = call.params["EndpointName"]
    record = load(endpoints_of(call.server).plane, call.region, name)
    if record is None:
        raise not_found("endpoint", call.arn(f"endpoint/{name}"))
    return record


def _free(record: EndpointRecord) -> None:
    if record.status in BUSY:
        raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{record.arn}".')


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(call: Call) -> dict[str, Any]:
    """Notes an endpoint and brings it up."""
    validate(call)
    endpoints = endpoints_of(call.server)
    name = call.params["EndpointName"]
    arn = call.arn(f"endpoint/{name}")
    moment = now()
    with call.server.records.lock:
        if load(endpoints.plane, call.region, name) is not None:
            raise ServiceError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
        record = EndpointRecord(
            name=name,
            region=call.region,
            arn=arn,
            created=moment,
            modified=moment,
            pending=endpoints.deployment(call.region, name, call.params["EndpointConfigName"], 1),
            deployment_config=call.params.get("DeploymentConfig") or {},
            revisions=1,
        )
        save(endpoints.plane, record)
        tags.set_tags(call.server, arn, call.params.get("Tags"))
    endpoints.create(record)
    return {"EndpointArn": arn}


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(call: Call) -> dict[str, Any]:
    """Starts a fleet of the new configuration beside the old one, and lets it take over as DeploymentConfig says."""
    validate(call)
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _record(call)
        _free(record)
        record.revisions += 1
        pending = endpoints.deployment(call.region, record.name, call.params["EndpointConfigName"], record.revisions)
        require_room(call.server, record.region, record.name, pending)
        if call.params.get("RetainAllVariantProperties") and record.deployment is not None:
            excluded = {
                each["VariantPropertyType"] for each in call.params.get("ExcludeRetainedVariantProperties") or []
            }
            _retain(record.deployment, pending, excluded)
        _require_same_machines(call, record, pending)
        record.pending = pending
        if call.params.get("DeploymentConfig"):
            record.deployment_config = call.params["DeploymentConfig"]
        elif not call.params.get("RetainDeploymentConfig"):
            record.deployment_config = {}
        if record.deployment is not None:
            check_update(record.deployment_config, record.deployment, pending)
        _require_alarms(call, policy_of(record.deployment_config, pending).alarms)
        record.enter("Updating")
        save(endpoints.plane, record)
    endpoints.update(record)
    return {"EndpointArn": record.arn}


def _require_same_machines(call: Call, record: EndpointRecord, pending: Deployment) -> None:
    """A variant that scales keeps its machines (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html)."""

    def machines(deployment: Deployment) -> dict[str, str]:
        return {name: deployment.variant(name).get("InstanceType", "") for name in deployment.production}

    wanted = machines(pending)
    for name, machine in machines(record.deployment).items() if record.deployment else ():
        resource = f"endpoint/{record.name}/variant/{name}"
        if wanted.get(name) != machine and targets.target_of(call.region, resource) is not None:
            raise ServiceError(
                "ValidationException",
                f"The variant(s) [{name}] must be deregistered as scalable targets with Application Auto Scaling "
                "before they are removed or their instance type is changed.",
            )


def _require_alarms(call: Call, names: tuple[str, ...]) -> None:
    if missing := sorted(set(names) - set(alarm_states(call.server, call.region, names))) if names else []:
        raise ServiceError(
            "ValidationException",
            f"The alarm(s) [{', '.join(missing)}] of AutoRollbackConfiguration do not exist in CloudWatch.",
        )


def _retain(current: Deployment, pending: Deployment, excluded: set[str]) -> None:
    """Keeps counts and weights of the variants that both have."""
    for kept, target, kind in (
        (current.counts, pending.counts, "DesiredInstanceCount"),
        (current.weights, pending.weights, "DesiredWeight"),
    ):
        if kind not in excluded:
            target.update({name: value for name, value in kept.items() if name in target})  # type: ignore[arg-type]


def _may_be_idle(record: EndpointRecord, variant: str) -> bool:
    """Whether a variant may have no instance: of an asynchronous endpoint, or one that hosts inference components."""
    deployment = record.deployment
    assert deployment is not None
    return bool(deployment.config.get("AsyncInferenceConfig")) or "ModelName" not in deployment.variant(variant)


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(call: Call) -> dict[str, Any]:
    """Changes weights and instance counts of the variants that serve."""
    validate(call)
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _record(call)
        _free(record)
        desired = call.params["DesiredWeightsAndCapacities"]
        known = set(record.deployment.weights) if record.deployment else set[str]()
        for each in desired:
            if each["VariantName"] not in known:
                raise ServiceError(
                    "ValidationException",
                    f"The variant name(s) {each['VariantName']} is/are not present within endpoint configuration.",
                )
            if each.get("DesiredInstanceCount") == 0 and not _may_be_idle(record, each["VariantName"]):
                raise ServiceError(
                    "ValidationException", "DesiredInstanceCount may be 0 for asynchronous endpoints alone."
                )
        record.enter("Updating")
        save(endpoints.plane, record)
    weights = {each["VariantName"]: float(each["DesiredWeight"]) for each in desired if "DesiredWeight" in each}
    counts = {
        each["VariantName"]: int(each["DesiredInstanceCount"]) for each in desired if "DesiredInstanceCount" in each
    }
    endpoints.adjust(record, weights, counts)
    return {"EndpointArn": record.arn}


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(call: Call) -> dict[str, Any]:
    """An endpoint with its status."""
    record = _record(call)
    if record.deployment is not None:
        record.deployment.counts |= host_counts(call.server, record.region, record.name, record.deployment)
    return describe(record, endpoints_of(call.server).progress(record.key))


@operation("sagemaker", "ListEndpoints")
def list_endpoints(call: Call) -> dict[str, Any]:
    """Endpoints by time, name or status."""
    validate(call)
    records = call.server.records.items(KIND, f"{call.region}/")
    entries, token = page(
        (record.summary() for _, record in records), call.params, name="EndpointName", status="EndpointStatus"
    )
    return {"Endpoints": entries, **token}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(call: Call) -> dict[str, Any] | None:
    """Ends an endpoint; it is gone once its processes are."""
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _record(call)
        _free(record)
        require_no_components(call.server, record.region, record.name, record.arn)
        record.enter("Deleting")
        save(endpoints.plane, record)
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-delete.html
    for resource in targets.registered(call.region, record.name):
        target = {"ServiceNamespace": targets.NAMESPACE, "ScalableDimension": targets.DIMENSION, "ResourceId": resource}
        call.server.call("application-autoscaling", "DeregisterScalableTarget", target, region=call.region)
    endpoints.delete(record)
    return None
