"""The API of functions, but for their invocation. Shapes: https://docs.aws.amazon.com/lambda/latest/api/."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local.aws_server.functions.record import KIND, Function, checked, find, name_in, save, with_code
from local.aws_server.operations import Call, Overlay, ServiceError, operation

_NOT_CONFIGURATION = frozenset({"Code", "Tags", "Publish", "DryRun", "RevisionId"})


def _lambda_operation(name: str) -> Callable[[Overlay], Overlay]:
    """Registers an overlay that has the records to itself while it runs."""

    def register(overlay: Overlay) -> Overlay:
        @functools.wraps(overlay)
        def alone(call: Call) -> Any:
            with call.server.records.lock:
                return overlay(call)

        return operation("lambda", name)(alone)

    return register


@_lambda_operation("CreateFunction")
def create_function(call: Call) -> dict[str, Any]:
    name = name_in(call.params["FunctionName"])
    if call.server.records.get(KIND, f"{call.region}/{name}") is not None:
        raise ServiceError("ResourceConflictException", f"Function already exist: {name}", status=409)
    given = {key: value for key, value in call.params.items() if key not in _NOT_CONFIGURATION}
    arn = call.arn(f"function:{name}")
    configuration = checked(call, given | {"FunctionName": name, "FunctionArn": arn, "Version": "$LATEST"})
    configuration, digest = with_code(call, configuration, call.params["Code"])
    return save(call, Function(configuration, digest, dict(call.params.get("Tags") or {})))


@_lambda_operation("GetFunction")
def get_function(call: Call) -> dict[str, Any]:
    found = find(call, call.params["FunctionName"])
    answer: dict[str, Any] = {
        "Configuration": found.configuration,
        "Code": {"RepositoryType": "S3", "Location": found.archive(call.server).as_uri()},
    }
    return answer | ({"Tags": found.tags} if found.tags else {})


@_lambda_operation("GetFunctionConfiguration")
def get_function_configuration(call: Call) -> dict[str, Any]:
    return find(call, call.params["FunctionName"]).configuration


@_lambda_operation("ListFunctions")
def list_functions(call: Call) -> dict[str, Any]:
    """All functions of the region, on one page."""
    found = call.server.records.items(KIND, f"{call.region}/")
    return {"Functions": [function.configuration for _, function in found]}


@_lambda_operation("UpdateFunctionConfiguration")
def update_function_configuration(call: Call) -> dict[str, Any]:
    found = find(call, call.params["FunctionName"])
    given = {key: value for key, value in call.params.items() if key not in {*_NOT_CONFIGURATION, "FunctionName"}}
    return save(call, replace(found, configuration=checked(call, found.configuration | given)))


@_lambda_operation("UpdateFunctionCode")
def update_function_code(call: Call) -> dict[str, Any]:
    found = find(call, call.params["FunctionName"])
    given = {key: call.params[key] for key in ("Architectures",) if call.params.get(key)}
    configuration, digest = with_code(call, checked(call, found.configuration | given), call.params)
    return save(call, replace(found, configuration=configuration, digest=digest))


@_lambda_operation("DeleteFunction")
def delete_function(call: Call) -> dict[str, Any]:
    found = find(call, call.params["FunctionName"])
    call.server.records.delete(KIND, f"{call.region}/{found.name}")
    return {"StatusCode": 204}


@_lambda_operation("ListTags")
def list_tags(call: Call) -> dict[str, Any]:
    return {"Tags": find(call, call.params["Resource"]).tags}


@_lambda_operation("TagResource")
def tag_resource(call: Call) -> None:
    found = find(call, call.params["Resource"])
    save(call, replace(found, tags=found.tags | call.params["Tags"]))


@_lambda_operation("UntagResource")
def untag_resource(call: Call) -> None:
    found = find(call, call.params["Resource"])
    save(call, replace(found, tags={k: v for k, v in found.tags.items() if k not in call.params["TagKeys"]}))
