"""The API of model packages: versions of a group, with their approval, or packages of their own.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html (a version takes its
group's tags and brings none; ModelApprovalStatus is for versions) and .../dg/model-registry-approve.html.
"""

import copy
from typing import Any

from local.aws_server.operations import Call, Server, ServiceError, operation
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.model_package_record import (
    GROUP_KIND,
    KIND,
    find_group,
    find_package,
    key_of,
    packages,
    user_context,
)
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.plane import now
from local.aws_server.sagemaker.validation import validate

NOT_SHOWN = ("Arn", "ClientToken")
REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
)
"""Members of UpdateModelPackage that take the place of what was there."""
MOST_ADDITIONAL, MOST_METADATA = 15, 50


def _refuse(problem: str) -> ServiceError:
    return ServiceError("ValidationException", problem)


@operation("sagemaker", "CreateModelPackage")
def create_model_package(call: Call) -> dict[str, Any]:
    """Notes a package; one of a group gets the group's next version, which is never given twice."""
    validate(call)
    request = copy.deepcopy(call.params)
    group = request.get("ModelPackageGroupName")
    if group and request.get("ModelPackageName"):
        raise _refuse(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to "
            "use."
        )
    if not group and not request.get("ModelPackageName"):
        raise _refuse("You must specify ModelPackageName or ModelPackageGroupName.")
    return {"ModelPackageArn": _create_version(call, request) if group else _create_unversioned(call, request)}


def _create_version(call: Call, request: dict[str, Any]) -> str:
    if "Tags" in request:
        raise _refuse(
            "Tags cannot be given to a model package that belongs to a model package group: it uses the group's tags."
        )
    if request.get("CertifyForMarketplace"):
        raise _refuse("CertifyForMarketplace does not apply to a model package of a group.")
    records = call.server.records
    with records.lock:
        group = find_group(call.server, call.region, request["ModelPackageGroupName"])
        group_key = key_of(call.region, group["Arn"])
        token = request.get("ClientToken")
        for each in packages(call.server, call.region, group_key) if token else ():
            if each.get("ClientToken") == token:
                return each["Arn"]
        version = group["Versions"] + 1
        name = group["ModelPackageGroupName"]
        arn = call.arn(f"model-package/{name.lower()}/{version}")
        request |= {"ModelPackageGroupName": name, "ModelPackageVersion": version, "ModelPackageName": name}
        request.setdefault("ModelApprovalStatus", "PendingManualApproval")
        # The counter first: a version that is lost between the two is a gap, never the same number twice.
        records.put(GROUP_KIND, group_key, {**group, "Versions": version})
        records.put(KIND, key_of(call.region, arn), _new(call, request, arn))
    return arn


def _create_unversioned(call: Call, request: dict[str, Any]) -> str:
    if "ModelApprovalStatus" in request:
        raise _refuse("ModelApprovalStatus does not apply to a model package without a group.")
    name = request["ModelPackageName"]
    arn = call.arn(f"model-package/{name.lower()}")
    wanted_tags = request.pop("Tags", None)
    with call.server.records.lock:
        if call.server.records.get(KIND, key_of(call.region, arn)) is not None:
            raise _refuse(f"Model Package already exists: {arn}")
        call.server.records.put(KIND, key_of(call.region, arn), _new(call, request, arn))
        tags.set_tags(call.server, arn, wanted_tags)
    return arn


def _new(call: Call, request: dict[str, Any], arn: str) -> dict[str, Any]:
    return {
        **request,
        "Arn": arn,
        "CreationTime": now(),
        "CreatedBy": user_context(call),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
    }


def described(document: dict[str, Any], included: str = "AllData") -> dict[str, Any]:
    """DescribeModelPackage's members. included: `MetadataOnly` leaves the model card's content out."""
    shown = _nameless({name: value for name, value in document.items() if name not in NOT_SHOWN})
    if included == "MetadataOnly" and "ModelCard" in shown:
        shown["ModelCard"] = {name: value for name, value in shown["ModelCard"].items() if name != "ModelCardContent"}
    return {**shown, "ModelPackageArn": document["Arn"]}


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(call: Call) -> dict[str, Any]:
    """A package."""
    validate(call)
    document = find_package(call.server, call.region, call.params["ModelPackageName"])
    return described(document, call.params.get("IncludedData", "AllData"))


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(call: Call) -> dict[str, Any]:
    """Several packages of groups, by their ARNs."""
    validate(call)
    members = (
        *("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription", "CreationTime"),
        *("InferenceSpecification", "ModelPackageStatus", "ModelApprovalStatus", "ModelPackageRegistrationType"),
    )
    found: dict[str, Any] = {}
    missing: dict[str, Any] = {}
    for arn in call.params["ModelPackageArnList"]:
        try:
            document = find_package(call.server, call.region, arn)
        except ServiceError as error:
            missing[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
            continue
        found[arn] = {name: document[name] for name in members if name in document} | {"ModelPackageArn": arn}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": missing}


@operation("sagemaker", "ListModelPackages")
def list_model_packages(call: Call) -> dict[str, Any]:
    """Packages: a group's versions, or by their type (without both those that have no group)."""
    validate(call)
    params = call.params
    if group := params.get("ModelPackageGroupName"):
        document = find_group(call.server, call.region, group)
        kept = packages(call.server, call.region, key_of(call.region, document["Arn"]))
    else:
        wanted = params.get("ModelPackageType", "Unversioned")
        kept = [
            each
            for each in packages(call.server, call.region)
            if wanted == "Both" or (wanted == "Versioned") == ("ModelPackageVersion" in each)
        ]
    if status := params.get("ModelApprovalStatus"):
        kept = [each for each in kept if each.get("ModelApprovalStatus") == status]
    # Versions that were made in one moment stay in their order.
    kept.sort(key=lambda each: each.get("ModelPackageVersion", 0), reverse=params.get("SortOrder") == "Descending")
    summaries, token = page(
        (_summary(each) for each in kept), params, name="ModelPackageName", default_order="Ascending"
    )
    return {"ModelPackageSummaryList": [_nameless(each) for each in summaries], **token}


def _nameless(members: dict[str, Any]) -> dict[str, Any]:
    """A version shows no name: the SDK then asks by its ARN (sagemaker.core.resources, ModelPackage.refresh)."""
    hidden = ("ModelPackageName",) if "ModelPackageVersion" in members else ()
    return {name: value for name, value in members.items() if name not in hidden}


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    members = (
        *("ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription"),
        *("CreationTime", "ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle"),
        "ModelPackageRegistrationType",
    )
    return {name: document[name] for name in members if name in document} | {"ModelPackageArn": document["Arn"]}


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(call: Call) -> dict[str, Any]:
    """Changes a version's approval, metadata, card or specifications."""
    validate(call)
    params = call.params
    with call.server.records.lock:
        document = find_package(call.server, call.region, params["ModelPackageArn"])
        if "ModelApprovalStatus" in params and "ModelPackageVersion" not in document:
            raise _refuse("ModelApprovalStatus does not apply to a model package without a group.")
        document |= {name: params[name] for name in REPLACED if name in params}
        _change_metadata(document, params)
        _change_card(document, params)
        additional = params.get("AdditionalInferenceSpecificationsToAdd") or []
        if additional:
            document["AdditionalInferenceSpecifications"] = [
                *(document.get("AdditionalInferenceSpecifications") or []),
                *additional,
            ]
            if len(document["AdditionalInferenceSpecifications"]) > MOST_ADDITIONAL:
                raise _refuse(f"A model package has at most {MOST_ADDITIONAL} additional inference specifications.")
        document |= {"LastModifiedTime": now(), "LastModifiedBy": user_context(call)}
        call.server.records.put(KIND, key_of(call.region, document["Arn"]), document)
    return {"ModelPackageArn": document["Arn"]}


def _change_metadata(document: dict[str, Any], params: dict[str, Any]) -> None:
    metadata = {
        **(document.get("CustomerMetadataProperties") or {}),
        **(params.get("CustomerMetadataProperties") or {}),
    }
    for key in params.get("CustomerMetadataPropertiesToRemove") or ():
        metadata.pop(key, None)
    if len(metadata) > MOST_METADATA:
        raise _refuse(f"A model package has at most {MOST_METADATA} customer metadata properties.")
    if metadata:
        document["CustomerMetadataProperties"] = metadata
    else:
        document.pop("CustomerMetadataProperties", None)


def _change_card(document: dict[str, Any], params: dict[str, Any]) -> None:
    change = params.get("ModelCard")
    if not change:
        return
    card = document.get("ModelCard") or {}
    if card.get("ModelCardStatus") == "Archived" and "ModelCardContent" in change:
        raise _refuse("Model Card is in Archived state")
    document["ModelCard"] = {**card, **change}


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(call: Call) -> dict[str, Any] | None:
    """Forgets a package; models that were made from it go on."""
    with call.server.records.lock:
        document = find_package(call.server, call.region, call.params["ModelPackageName"])
        call.server.records.delete(KIND, key_of(call.region, document["Arn"]))
        tags.forget_tags(call.server, document["Arn"])
    return None


def containers_of(server: Server, region: str, name_or_arn: str) -> list[dict[str, Any]]:
    """The containers of a package that may be deployed. Raises ValidationException for a version that is not approved.

    "the value of this parameter must be set to Approved to deploy the model" (CreateModelPackage, ModelApprovalStatus).
    """
    document = find_package(server, region, name_or_arn)
    status = document.get("ModelApprovalStatus", "Approved")
    if status != "Approved":
        raise _refuse(f"Model package {document['Arn']} is {status}: only an Approved version can be deployed.")
    containers = (document.get("InferenceSpecification") or {}).get("Containers") or []
    if not containers:
        raise _refuse(f"Model package {document['Arn']} has no inference specification.")
    return containers
