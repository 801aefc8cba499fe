"""CloudWatch Logs: a log group's class is kept, and its KMS key can be set and taken away."""

from typing import Any

from moto.logs.models import logs_backends

from local.aws_server.operations import Call, ServiceError, operation


def _set_key(call: Call, key: str | None) -> dict[str, Any]:
    name = call.params.get("logGroupName") or ""
    if identifier := call.params.get("resourceIdentifier"):
        name = identifier.partition(":log-group:")[2].removesuffix(":*")
    with call.server.changing("logs"):
        group = logs_backends[call.account_id][call.region].groups.get(name)
        if group is None:
            raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
        group.kms_key_id = key
    return {}


@operation("logs", "AssociateKmsKey")
def associate_kms_key(call: Call) -> dict[str, Any]:
    key = call.params["kmsKeyId"]
    try:
        call.server.call("kms", "DescribeKey", {"KeyId": key}, region=call.region)
    except ServiceError as error:
        raise ServiceError("InvalidParameterException", f"The specified KMS key does not exist: {key}") from error
    return _set_key(call, key)


@operation("logs", "DisassociateKmsKey")
def disassociate_kms_key(call: Call) -> dict[str, Any]:
    return _set_key(call, None)


@operation("logs", "CreateLogGroup")
def create_log_group(call: Call) -> dict[str, Any]:
    answer = call.forward()
    if kind := call.params.get("logGroupClass"):
        with call.server.changing("logs"):
            group = logs_backends[call.account_id][call.region].groups[call.params["logGroupName"]]
            group.__dict__["groundwork_class"] = kind
    return answer


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call: Call) -> dict[str, Any]:
    answer = call.forward()
    groups = logs_backends[call.account_id][call.region].groups
    for described in answer.get("logGroups", ()):
        group = groups.get(described["logGroupName"])
        described["logGroupClass"] = group.__dict__.get("groundwork_class", "STANDARD") if group else "STANDARD"
    wanted = call.params.get("logGroupClass")
    if wanted:
        answer["logGroups"] = [one for one in answer["logGroups"] if one["logGroupClass"] == wanted]
    return answer
