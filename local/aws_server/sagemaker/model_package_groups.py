"""The API of model package groups: models of the registry, whose versions are model packages."""

import json
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.model_package_record import GROUP_KIND, find_group, key_of, packages, user_context
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now
from local.aws_server.sagemaker.validation import validate

NOT_SHOWN = ("Arn", "Versions", "ResourcePolicy")


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(call: Call) -> dict[str, Any]:
    """Notes a group."""
    validate(call)
    request = dict(call.params)
    name = request["ModelPackageGroupName"]
    arn = call.arn(f"model-package-group/{name.lower()}")
    wanted_tags = request.pop("Tags", None)
    with call.server.records.lock:
        if call.server.records.get(GROUP_KIND, key_of(call.region, name)) is not None:
            raise ServiceError("ValidationException", f"Model Package Group already exists: {arn}")
        document = {
            **request,
            "Arn": arn,
            "CreationTime": now(),
            "CreatedBy": user_context(call),
            "ModelPackageGroupStatus": "Completed",
            "Versions": 0,
        }
        call.server.records.put(GROUP_KIND, key_of(call.region, name), document)
        tags.set_tags(call.server, arn, wanted_tags)
    return {"ModelPackageGroupArn": arn}


def described_group(document: dict[str, Any]) -> dict[str, Any]:
    """DescribeModelPackageGroup's members."""
    shown = {name: value for name, value in document.items() if name not in NOT_SHOWN}
    return {**shown, "ModelPackageGroupArn": document["Arn"]}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(call: Call) -> dict[str, Any]:
    """A group."""
    return described_group(find_group(call.server, call.region, call.params["ModelPackageGroupName"]))


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(call: Call) -> dict[str, Any]:
    """Groups by time or name."""
    validate(call)
    members = ("ModelPackageGroupName", "ModelPackageGroupDescription", "CreationTime", "ModelPackageGroupStatus")
    entries, token = page(
        (
            {name: each[name] for name in members if name in each} | {"ModelPackageGroupArn": each["Arn"]}
            for _, each in call.server.records.items(GROUP_KIND, f"{call.region}/")
        ),
        call.params,
        name="ModelPackageGroupName",
        default_order="Ascending",
    )
    return {"ModelPackageGroupSummaryList": entries, **token}


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(call: Call) -> dict[str, Any] | None:
    """Forgets a group without versions."""
    with call.server.records.lock:
        document = find_group(call.server, call.region, call.params["ModelPackageGroupName"])
        key = key_of(call.region, document["Arn"])
        if packages(call.server, call.region, key):
            raise ServiceError(
                "ConflictException",
                f"Model Package Group {document['Arn']} cannot be deleted: it still has model packages.",
            )
        call.server.records.delete(GROUP_KIND, key)
        tags.forget_tags(call.server, document["Arn"])
    return None


@operation("sagemaker", "PutModelPackageGroupPolicy")
def put_model_package_group_policy(call: Call) -> dict[str, Any]:
    """Notes a group's resource policy."""
    validate(call)
    try:
        json.loads(call.params["ResourcePolicy"])
    except ValueError as error:
        raise ServiceError("ValidationException", f"The ResourcePolicy is not JSON: {error}") from error
    with call.server.records.lock:
        document = find_group(call.server, call.region, call.params["ModelPackageGroupName"])
        document["ResourcePolicy"] = call.params["ResourcePolicy"]
        call.server.records.put(GROUP_KIND, key_of(call.region, document["Arn"]), document)
    return {"ModelPackageGroupArn": document["Arn"]}


@operation("sagemaker", "GetModelPackageGroupPolicy")
def get_model_package_group_policy(call: Call) -> dict[str, Any]:
    """A group's resource policy."""
    document = find_group(call.server, call.region, call.params["ModelPackageGroupName"])
    if "ResourcePolicy" not in document:
        raise ServiceError("ValidationException", f"Cannot find resource policy for: {document['Arn']}")
    return {"ResourcePolicy": document["ResourcePolicy"]}


@operation("sagemaker", "DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(call: Call) -> dict[str, Any] | None:
    """Forgets a group's resource policy."""
    with call.server.records.lock:
        document = find_group(call.server, call.region, call.params["ModelPackageGroupName"])
        if document.pop("ResourcePolicy", None) is None:
            raise ServiceError("ValidationException", f"Cannot find resource policy for: {document['Arn']}")
        call.server.records.put(GROUP_KIND, key_of(call.region, document["Arn"]), document)
    return None
