"""The API of models and endpoint configurations: records that CreateEndpoint reads."""

import copy
from collections.abc import Mapping
from typing import Any

from local.aws_server.operations import Call, Server, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.component_hosts import check_host
from local.aws_server.sagemaker.endpoint_metrics import INTERVAL_S, INTERVALS_S
from local.aws_server.sagemaker.files import Bucket
from local.aws_server.sagemaker.model_packages import containers_of
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import Plane, now, plane_of, require_role, s3_location
from local.aws_server.sagemaker.refused import refuse_configuration
from local.aws_server.sagemaker.validation import validate

MODEL_KIND, CONFIG_KIND = "sagemaker:model", "sagemaker:endpoint-config"
PACKAGED = "PackagedContainer"
"""Member of a model's document, not of the API: its model package's container, as it was when the model was made."""


def not_found(what: str, arn: str) -> ServiceError:
    """The service's answer for a resource that is not there."""
    return ServiceError("ValidationException", f'Could not find {what} "{arn}".')


def create_record(call: Call, kind: str, what: str, resource: str, document: dict[str, Any]) -> None:
    """Keeps a new resource with its tags; the document must have CreationTime and its ARN under `Arn`."""
    key = f"{call.region}/{resource.partition('/')[2]}"
    with call.server.records.lock:
        if call.server.records.get(kind, key) is not None:
            raise ServiceError("ValidationException", f'Cannot create already existing {what} "{document["Arn"]}".')
        call.server.records.put(kind, key, document)
        tags.set_tags(call.server, document["Arn"], call.params.get("Tags"))


def _get(call: Call, kind: str, what: str, resource_type: str, name: str) -> dict[str, Any]:
    document = call.server.records.get(kind, f"{call.region}/{name}")
    if document is None:
        raise not_found(what, call.arn(f"{resource_type}/{name}"))
    return copy.deepcopy(document)


def model(server: Server, region: str, name: str) -> dict[str, Any] | None:
    """A model's document, None when there is none."""
    return copy.deepcopy(server.records.get(MODEL_KIND, f"{region}/{name}"))


def endpoint_config(server: Server, region: str, name: str) -> dict[str, Any] | None:
    """An endpoint configuration's document, None when there is none."""
    return copy.deepcopy(server.records.get(CONFIG_KIND, f"{region}/{name}"))


def container_of(plane: Plane, region: str, model_name: str) -> dict[str, Any]:
    """What a model runs, with its model package's part and its ExecutionRoleArn; raises ValidationException."""
    found = model(plane.server, region, model_name)
    if found is None:
        raise not_found("model", plane.arn(region, f"model/{model_name}"))
    container = found.get("PrimaryContainer") or found["Containers"][0]
    if packaged := found.get(PACKAGED):
        environment = {**(packaged.get("Environment") or {}), **(container.get("Environment") or {})}
        container = {**packaged, **container, "Environment": environment}
    return {**container, "ExecutionRoleArn": found.get("ExecutionRoleArn")}


@operation("sagemaker", "CreateModel")
def create_model(call: Call) -> dict[str, Any]:
    """Notes a model whose data and role exist."""
    validate(call)
    request = copy.deepcopy(call.params)
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers") or []
    if not containers:
        raise ServiceError("ValidationException", "You must specify either PrimaryContainer or Containers.")
    if "PrimaryContainer" in request and request.get("Containers"):
        raise ServiceError("ValidationException", "You cannot specify both PrimaryContainer and Containers.")
    if len(containers) > 1:
        raise ServiceError("ValidationException", "The local SageMaker serves models of one container, not pipelines.")
    if request.get("ExecutionRoleArn"):
        require_role(call.server, request["ExecutionRoleArn"])
    packaged = _check_container(call, containers[0])
    arn = call.arn(f"model/{request['ModelName']}")
    request.pop("Tags", None)
    request.setdefault("EnableNetworkIsolation", False)
    document = {**request, "CreationTime": now(), "Arn": arn, PACKAGED: packaged}
    create_record(call, MODEL_KIND, "model", f"model/{request['ModelName']}", document)
    return {"ModelArn": arn}


def _check_container(call: Call, container: Mapping[str, Any]) -> dict[str, Any]:
    """The container of the model package that the model is made from; empty for a container of its own."""
    if container.get("Mode") == "MultiModel":
        if not container.get("Image") or not container.get("ModelDataUrl", "").startswith("s3://"):
            raise ServiceError("ValidationException", "A MultiModel container needs an Image and a ModelDataUrl in S3.")
        return {}
    if package := container.get("ModelPackageName"):
        packaged = containers_of(call.server, call.region, package)[0]
        _check_data(call, packaged)
        return packaged
    if "Image" not in container:
        raise ServiceError("ValidationException", "You must specify the Image or the ModelPackageName of a container.")
    _check_data(call, container)
    return {}


def _check_data(call: Call, container: Mapping[str, Any]) -> None:
    uri = container.get("ModelDataUrl")
    if uri and not Bucket(plane_of(call.server), call.region, None).exists(*s3_location(uri)):
        raise ServiceError("ValidationException", f"Could not find model data at {uri}.")


@operation("sagemaker", "DescribeModel")
def describe_model(call: Call) -> dict[str, Any]:
    """A model."""
    document = _get(call, MODEL_KIND, "model", "model", call.params["ModelName"])
    document.pop(PACKAGED, None)
    return {**document, "ModelArn": document.pop("Arn")}


@operation("sagemaker", "ListModels")
def list_models(call: Call) -> dict[str, Any]:
    """Models by time or name."""
    validate(call)
    entries, token = page(
        (
            {"ModelName": each["ModelName"], "ModelArn": each["Arn"], "CreationTime": each["CreationTime"]}
            for _, each in call.server.records.items(MODEL_KIND, f"{call.region}/")
        ),
        call.params,
        name="ModelName",
    )
    return {"Models": entries, **token}


@operation("sagemaker", "DeleteModel")
def delete_model(call: Call) -> dict[str, Any] | None:
    """Forgets a model; endpoints that were made from it go on."""
    name = call.params["ModelName"]
    document = _get(call, MODEL_KIND, "model", "model", name)
    call.server.records.delete(MODEL_KIND, f"{call.region}/{name}")
    tags.forget_tags(call.server, document["Arn"])
    return None


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(call: Call) -> dict[str, Any]:
    """Notes a configuration whose models exist."""
    validate(call)
    request = copy.deepcopy(call.params)
    refuse_configuration(request)
    frequency = (request.get("MetricsConfig") or {}).get("MetricPublishFrequencyInSeconds", INTERVAL_S)
    if frequency not in INTERVALS_S:
        raise ServiceError("ValidationException", f"MetricPublishFrequencyInSeconds must be one of {INTERVALS_S}.")
    shadows = request.get("ShadowProductionVariants") or []
    variants = [*request["ProductionVariants"], *shadows]
    if shadows and len(variants) != 2:
        # "you can only specify one variant for ProductionVariants and one variant for ShadowProductionVariants":
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
        raise ServiceError(
            "ValidationException",
            "With ShadowProductionVariants there can be only one variant in ProductionVariants and one in "
            "ShadowProductionVariants.",
        )
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise ServiceError("ValidationException", "Variant names must be unique within an endpoint configuration.")
    for variant in variants:
        name = variant.get("ModelName")
        if name is None:
            check_host(request, variant)
        elif model(call.server, call.region, name) is None:
            raise not_found("model", call.arn(f"model/{name}"))
        variant.setdefault("InitialVariantWeight", 1.0)
        if "ServerlessConfig" not in variant:
            variant.setdefault("InitialInstanceCount", 1)
            if "InstanceType" not in variant:
                raise ServiceError(
                    "ValidationException",
                    f"Variant {variant['VariantName']} must have an InstanceType or a ServerlessConfig.",
                )
    arn = call.arn(f"endpoint-config/{request['EndpointConfigName']}")
    request.pop("Tags", None)
    document = {**request, "CreationTime": now(), "Arn": arn}
    resource = f"endpoint-config/{request['EndpointConfigName']}"
    create_record(call, CONFIG_KIND, "endpoint configuration", resource, document)
    return {"EndpointConfigArn": arn}


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(call: Call) -> dict[str, Any]:
    """An endpoint configuration."""
    name = call.params["EndpointConfigName"]
    document = _get(call, CONFIG_KIND, "endpoint configuration", "endpoint-config", name)
    return {**document, "EndpointConfigArn": document.pop("Arn")}


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(call: Call) -> dict[str, Any]:
    """Endpoint configurations by time or name."""
    validate(call)
    entries, token = page(
        (
            {
                "EndpointConfigName": each["EndpointConfigName"],
                "EndpointConfigArn": each["Arn"],
                "CreationTime": each["CreationTime"],
            }
            for _, each in call.server.records.items(CONFIG_KIND, f"{call.region}/")
        ),
        call.params,
        name="EndpointConfigName",
    )
    return {"EndpointConfigs": entries, **token}


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(call: Call) -> dict[str, Any] | None:
    """Forgets a configuration; an endpoint that uses it goes on with its own copy."""
    name = call.params["EndpointConfigName"]
    document = _get(call, CONFIG_KIND, "endpoint configuration", "endpoint-config", name)
    call.server.records.delete(CONFIG_KIND, f"{call.region}/{name}")
    tags.forget_tags(call.server, document["Arn"])
    return None
