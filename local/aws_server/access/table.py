"""The operations of SageMaker whose callers need a policy that allows them: the model registry.

Resource types and condition keys are those of the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.aws_server.access.decision import Wish, require
from local.aws_server.operations import Call, guard
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.model_package_record import GROUP_KIND, key_of, package_of

Keys = Mapping[str, Sequence[str]]
PACKAGE, GROUP = "model-package", "model-package-group"


def _package(call: Call) -> str:
    document = package_of(call)
    name = call.params.get("ModelPackageArn") or call.params["ModelPackageName"]
    return document.get("Arn") or (name if name.startswith("arn:") else call.arn(f"{PACKAGE}/{name.lower()}"))


def _new_package(call: Call) -> str:
    """ARN that the package would get: of a group the next version's."""
    group = call.params.get("ModelPackageGroupName")
    if not group:
        return call.arn(f"{PACKAGE}/{call.params.get('ModelPackageName', '').lower()}")
    key = key_of(call.region, group)
    version = (call.server.records.get(GROUP_KIND, key) or {"Versions": 0})["Versions"] + 1
    return call.arn(f"{PACKAGE}/{key.partition('/')[2]}/{version}")


def _group(call: Call) -> str:
    return call.arn(f"{GROUP}/{key_of(call.region, call.params['ModelPackageGroupName']).partition('/')[2]}")


def _tagged(call: Call) -> str:
    """The resource that is tagged, where it is of the registry."""
    arn = call.params["ResourceArn"]
    return arn if arn.split(":")[-1].partition("/")[0] in (PACKAGE, GROUP) else ""


RESOURCES: Mapping[str, Callable[[Call], str]] = {
    "CreateModelPackage": _new_package,
    "UpdateModelPackage": _package,
    "DeleteModelPackage": _package,
    "CreateModelPackageGroup": _group,
    "DeleteModelPackageGroup": _group,
    "PutModelPackageGroupPolicy": _group,
    "DeleteModelPackageGroupPolicy": _group,
    "AddTags": _tagged,
    "DeleteTags": _tagged,
}
"""The ARN that each enforced operation acts on; empty where the operation, with these members, is not enforced."""


@guard("sagemaker", *RESOURCES)
def check(call: Call) -> None:
    """Raises AccessDeniedException unless the caller's policies allow the request."""
    arn = RESOURCES[call.operation](call)
    if arn:
        keys = request_keys(call) | resource_keys(call, arn)
        wish = Wish(action=f"sagemaker:{call.operation}", resource=arn, keys=keys)
        require(wish, call.account_id, call.access_key_id, call.region, code="AccessDeniedException", status=400)


def request_keys(call: Call) -> dict[str, Sequence[str]]:
    """Condition keys of what is asked for."""
    params = call.params
    keys: dict[str, Sequence[str]] = {}
    if status := params.get("ModelApprovalStatus"):
        keys["sagemaker:modelapprovalstatus"] = [status]
    for name, value in (params.get("CustomerMetadataProperties") or {}).items():
        keys[f"sagemaker:customermetadataproperties/{name.lower()}"] = [value]
    if removed := params.get("CustomerMetadataPropertiesToRemove"):
        keys["sagemaker:customermetadatapropertiestoremove"] = list(removed)
    if stage := params.get("ModelLifeCycle"):
        keys["sagemaker:modellifecycle:stage"] = [stage["Stage"]]
        keys["sagemaker:modellifecycle:stagestatus"] = [stage["StageStatus"]]
    given: list[dict[str, str]] = params.get("Tags") or []
    for tag in given:
        keys[f"aws:requesttag/{tag['Key'].lower()}"] = [tag["Value"]]
    if names := [tag["Key"] for tag in given] or list(params.get("TagKeys") or ()):
        keys["aws:tagkeys"] = names
    return keys


def resource_keys(call: Call, arn: str) -> dict[str, Sequence[str]]:
    """Condition keys of the resource as it is: its tags; of a package its metadata and its stage in the life cycle."""
    keys: dict[str, Sequence[str]] = {}
    for name, value in tags.tags_of(call.server, arn).items():
        keys[f"aws:resourcetag/{name.lower()}"] = keys[f"sagemaker:resourcetag/{name.lower()}"] = [value]
    document: Mapping[str, Any] = package_of(call)
    for name, value in (document.get("CustomerMetadataProperties") or {}).items():
        keys[f"sagemaker:currentcustomermetadataproperties/{name.lower()}"] = [value]
    if stage := document.get("ModelLifeCycle"):
        keys["sagemaker:currentmodellifecyclestage"] = [stage["Stage"]]
        keys["sagemaker:currentmodellifecyclestagestatus"] = [stage["StageStatus"]]
    return keys
