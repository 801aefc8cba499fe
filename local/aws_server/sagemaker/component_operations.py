"""The API of inference components."""

import copy
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.component_record import BUSY, KIND, ComponentRecord, load, save
from local.aws_server.sagemaker.endpoint_record import Deployment, EndpointRecord
from local.aws_server.sagemaker.endpoint_record import load as load_endpoint
from local.aws_server.sagemaker.endpoints import endpoints_of
from local.aws_server.sagemaker.models import container_of, not_found
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.validation import validate

UNSUPPORTED = ("BaseInferenceComponentName", "InstanceType")
"""Members of a specification that nothing here obeys."""


@operation("sagemaker", "CreateInferenceComponent")
def create_inference_component(call: Call) -> dict[str, Any]:
    """Notes a component of an endpoint that hosts some, and starts its copies."""
    validate(call)
    endpoints = endpoints_of(call.server)
    params = call.params
    name = params["InferenceComponentName"]
    arn = call.arn(f"inference-component/{name}")
    moment = now()
    with call.server.records.lock:
        if load(call.server, call.region, name) is not None:
            raise _refusal(f'Cannot create already existing inference component "{arn}".')
        endpoint = load_endpoint(endpoints.plane, call.region, params["EndpointName"])
        if endpoint is None:
            raise not_found("endpoint", call.arn(f"endpoint/{params['EndpointName']}"))
        variant = _variant(endpoint, params.get("VariantName"))
        specification = _specification(params)
        copies = int((params.get("RuntimeConfig") or {}).get("CopyCount", 1))
        record = ComponentRecord(
            name=name,
            region=call.region,
            arn=arn,
            endpoint=endpoint.name,
            endpoint_arn=endpoint.arn,
            variant=variant,
            specification=specification,
            copies=copies,
            created=moment,
            modified=moment,
        )
        record.pending = _deployment(call, endpoint, record, specification)
        save(call.server, record)
        tags.set_tags(call.server, arn, params.get("Tags"))
    endpoints.components.create(record)
    return {"InferenceComponentArn": arn}


def _variant(endpoint: EndpointRecord, name: str | None) -> str:
    """The variant that hosts a component; a component is one of a variant of an endpoint in service."""
    if endpoint.status != "InService" or endpoint.deployment is None:
        raise _refusal(f'Endpoint "{endpoint.arn}" must be InService; it is {endpoint.status}.')
    hosts = endpoint.deployment.hosts
    if name is None and len(hosts) == 1:
        return hosts[0]
    if name not in hosts:
        raise _refusal(
            f"Variant {name} of endpoint {endpoint.name} hosts no inference components: its endpoint configuration "
            f"must have the variant without a ModelName. Those that do: [{', '.join(hosts)}]."
        )
    return name


def _specification(params: dict[str, Any]) -> dict[str, Any]:
    if params.get("Specifications"):
        raise _refusal("The local SageMaker has no Specifications by instance type: set Specification.")
    specification: dict[str, Any] = copy.deepcopy(params.get("Specification") or {})
    for member in UNSUPPORTED:
        if specification.get(member):
            raise _refusal(f"The local SageMaker has no {member} of inference components.")
    container = specification.get("Container") or {}
    if bool(specification.get("ModelName")) == bool(container.get("Image")):
        raise _refusal("Specification must have either ModelName, or Container with Image.")
    if not specification.get("ComputeResourceRequirements"):
        raise _refusal("Specification must have ComputeResourceRequirements.")
    return specification


def _deployment(
    call: Call, endpoint: EndpointRecord, record: ComponentRecord, specification: dict[str, Any]
) -> Deployment:
    """What the copies run; raises ValidationException where the model is not there."""
    assert endpoint.deployment is not None
    endpoints = endpoints_of(call.server)
    config = endpoint.deployment.config
    if name := specification.get("ModelName"):
        container = container_of(endpoints.plane, call.region, name)
    else:
        given = specification["Container"]
        container = {"Image": given["Image"], "Environment": given.get("Environment") or {}}
        if url := given.get("ArtifactUrl"):
            container["ModelDataUrl"] = url
    role = container.get("ExecutionRoleArn") or config["ExecutionRoleArn"]
    require_role(call.server, role)
    startup = specification.get("StartupParameters") or {}
    kept = ("EndpointConfigName", "MetricsConfig")
    return Deployment(
        config={
            **{member: config[member] for member in kept if member in config},
            "InferenceComponentName": record.name,
            "ProductionVariants": [{"VariantName": record.variant, **startup}],
        },
        containers={record.variant: {**container, "ExecutionRoleArn": role}},
        weights={record.variant: 1.0},
        counts={record.variant: record.copies},
        folder=str(endpoints.plane.folder / "inference-components" / record.name / f"{record.revisions}"),
    )


@operation("sagemaker", "DescribeInferenceComponent")
def describe_inference_component(call: Call) -> dict[str, Any]:
    """A component with its status."""
    return _record(call).description()


@operation("sagemaker", "ListInferenceComponents")
def list_inference_components(call: Call) -> dict[str, Any]:
    """Components by time, name, status, endpoint or variant."""
    validate(call)
    entries = [record.summary() for _, record in call.server.records.items(KIND, f"{call.region}/")]
    for member in ("EndpointName", "VariantName"):
        if wanted := call.params.get(f"{member}Equals"):
            entries = [each for each in entries if each[member] == wanted]
    found, token = page(entries, call.params, name="InferenceComponentName", status="InferenceComponentStatus")
    return {"InferenceComponents": found, **token}


@operation("sagemaker", "UpdateInferenceComponent")
def update_inference_component(call: Call) -> dict[str, Any]:
    """Starts copies of a new specification, which take over at once; with a copy count alone scales."""
    validate(call)
    if call.params.get("DeploymentConfig"):
        raise _refusal("The local SageMaker updates inference components all at once: leave DeploymentConfig out.")
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _free_record(call)
        runtime = call.params.get("RuntimeConfig") or {}
        record.copies = int(runtime.get("CopyCount", record.copies))
        if "Specification" in call.params or "Specifications" in call.params:
            endpoint = load_endpoint(endpoints.plane, call.region, record.endpoint)
            assert endpoint is not None
            record.pending_specification = _specification(call.params)
            record.revisions += 1
            record.pending = _deployment(call, endpoint, record, record.pending_specification)
        elif record.deployment is None:
            raise _refusal(f'Inference component "{record.arn}" has failed: give it a Specification.')
        record.enter("Updating")
        save(call.server, record)
    if record.pending is not None:
        endpoints.components.update(record)
    else:
        endpoints.components.scale(record)
    return {"InferenceComponentArn": record.arn}


@operation("sagemaker", "UpdateInferenceComponentRuntimeConfig")
def update_inference_component_runtime_config(call: Call) -> dict[str, Any]:
    """Changes the number of copies, down to none."""
    validate(call)
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _free_record(call)
        if record.deployment is None:
            raise _refusal(f'Inference component "{record.arn}" has failed and has no copies.')
        record.copies = int(call.params["DesiredRuntimeConfig"]["CopyCount"])
        record.enter("Updating")
        save(call.server, record)
    endpoints.components.scale(record)
    return {"InferenceComponentArn": record.arn}


@operation("sagemaker", "DeleteInferenceComponent")
def delete_inference_component(call: Call) -> dict[str, Any] | None:
    """Ends a component; it is gone once its copies are."""
    endpoints = endpoints_of(call.server)
    with call.server.records.lock:
        record = _free_record(call)
        record.enter("Deleting")
        save(call.server, record)
    endpoints.components.delete(record)
    return None


def _record(call: Call) -> ComponentRecord:
    name = call.params["InferenceComponentName"]
    record = load(call.server, call.region, name)
    if record is None:
        raise not_found("inference component", call.arn(f"inference-component/{name}"))
    return record


def _free_record(call: Call) -> ComponentRecord:
    record = _record(call)
    if record.status in BUSY:
        raise _refusal(f'Cannot update in-progress inference component "{record.arn}".')
    return record


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
