"""Definitions of monitoring jobs, of four kinds: kept, described, listed and deleted; those of data quality are run."""

import copy
from collections.abc import Callable
from typing import Any

from local.aws_server.operations import Call, Server, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now, require_role
from local.aws_server.sagemaker.validation import validate

TYPES = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}
"""MonitoringType to the type of resource
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html)."""


def definition_of(server: Server, region: str, kind: str, name: str) -> dict[str, Any] | None:
    """CreateXJobDefinition's request, with JobDefinitionArn and CreationTime."""
    return copy.deepcopy(server.records.get(f"sagemaker:{TYPES[kind]}", f"{region}/{name}"))


def in_schedules_words(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """A definition as the MonitoringJobDefinition that a schedule may have written in it."""
    application = dict(document[f"{kind}AppSpecification"])
    environment = application.pop("Environment", None)
    members = {
        "BaselineConfig": document.get(f"{kind}BaselineConfig"),
        "MonitoringInputs": [document[f"{kind}JobInput"]],
        "MonitoringOutputConfig": document[f"{kind}JobOutputConfig"],
        "MonitoringResources": document["JobResources"],
        "MonitoringAppSpecification": application,
        "StoppingCondition": document.get("StoppingCondition"),
        "Environment": environment,
        "NetworkConfig": document.get("NetworkConfig"),
        "RoleArn": document["RoleArn"],
    }
    return {name: value for name, value in members.items() if value is not None}


def _endpoint(kind: str, document: dict[str, Any]) -> str:
    return (document[f"{kind}JobInput"].get("EndpointInput") or {}).get("EndpointName", "")


def _known(call: Call, kind: str) -> dict[str, Any]:
    name = call.params["JobDefinitionName"]
    document = definition_of(call.server, call.region, kind, name)
    if document is None:
        raise ServiceError("ResourceNotFound", f"Could not find {TYPES[kind]} {name}.")
    return document


def _create(kind: str) -> Callable[[Call], dict[str, Any]]:
    def create(call: Call) -> dict[str, Any]:
        validate(call)
        request = copy.deepcopy(call.params)
        require_role(call.server, request["RoleArn"])
        name = request["JobDefinitionName"]
        arn = call.arn(f"{TYPES[kind]}/{name}")
        with call.server.records.lock:
            if definition_of(call.server, call.region, kind, name) is not None:
                raise ServiceError("ResourceInUse", f"{arn} exists already.")
            given = request.pop("Tags", None)
            document = {**request, "JobDefinitionArn": arn, "CreationTime": now()}
            call.server.records.put(f"sagemaker:{TYPES[kind]}", f"{call.region}/{name}", document)
            tags.set_tags(call.server, arn, given)
        return {"JobDefinitionArn": arn}

    return create


def _describe(kind: str) -> Callable[[Call], dict[str, Any]]:
    return lambda call: _known(call, kind)


def _delete(kind: str) -> Callable[[Call], None]:
    def delete(call: Call) -> None:
        document = _known(call, kind)
        call.server.records.delete(f"sagemaker:{TYPES[kind]}", f"{call.region}/{document['JobDefinitionName']}")
        tags.forget_tags(call.server, document["JobDefinitionArn"])

    return delete


def _list(kind: str) -> Callable[[Call], dict[str, Any]]:
    def listed(call: Call) -> dict[str, Any]:
        validate(call)
        wanted = call.params.get("EndpointName")
        entries = (
            {
                "MonitoringJobDefinitionName": document["JobDefinitionName"],
                "MonitoringJobDefinitionArn": document["JobDefinitionArn"],
                "CreationTime": document["CreationTime"],
                "EndpointName": _endpoint(kind, document),
            }
            for _, document in call.server.records.items(f"sagemaker:{TYPES[kind]}", f"{call.region}/")
            if wanted in (None, _endpoint(kind, document))
        )
        found, token = page(entries, call.params, name="MonitoringJobDefinitionName")
        return {"JobDefinitionSummaries": found, **token}

    return listed


for _kind in TYPES:
    operation("sagemaker", f"Create{_kind}JobDefinition")(_create(_kind))
    operation("sagemaker", f"Describe{_kind}JobDefinition")(_describe(_kind))
    operation("sagemaker", f"Delete{_kind}JobDefinition")(_delete(_kind))
    operation("sagemaker", f"List{_kind}JobDefinitions")(_list(_kind))
