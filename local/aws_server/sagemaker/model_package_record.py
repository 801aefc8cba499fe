"""Model packages and their groups as they are kept: documents of the API's own members, with `Arn` and `Tags` apart."""

import copy
from collections.abc import Mapping
from typing import Any

from local.aws_server.identity import identity_of
from local.aws_server.operations import Call, Server, ServiceError

KIND, GROUP_KIND = "sagemaker:model-package", "sagemaker:model-package-group"
ARN_PREFIXES = ("model-package/", "model-package-group/")


def key_of(region: str, name_or_arn: str) -> str:
    """Key among the records of `group`, `group/3`, `name` or an ARN, whose region counts.

    In any case of letters: SageMaker writes these ARNs in lower case.
    """
    if name_or_arn.startswith("arn:"):
        parts = name_or_arn.split(":", 5)
        return f"{parts[3]}/{parts[5].partition('/')[2]}".lower()
    return f"{region}/{name_or_arn}".lower()


def find_package(server: Server, region: str, name_or_arn: str) -> dict[str, Any]:
    """A copy of a package's document; raises ValidationException where there is none."""
    return _find(server, KIND, "ModelPackage", region, name_or_arn)


def find_group(server: Server, region: str, name_or_arn: str) -> dict[str, Any]:
    """A copy of a group's document; raises ValidationException where there is none."""
    return _find(server, GROUP_KIND, "ModelPackageGroup", region, name_or_arn)


def _find(server: Server, kind: str, what: str, region: str, name_or_arn: str) -> dict[str, Any]:
    document = server.records.get(kind, key_of(region, name_or_arn))
    if document is None:
        raise ServiceError("ValidationException", f"{what} {name_or_arn} does not exist.")
    return copy.deepcopy(document)


def packages(server: Server, region: str, group_key: str = "") -> list[dict[str, Any]]:
    """Documents of a region's packages, or of one group's versions (by the group's key)."""
    prefix = f"{group_key}/" if group_key else f"{region}/"
    return [document for _, document in server.records.items(KIND, prefix)]


def user_context(call: Call) -> dict[str, Any]:
    """CreatedBy and LastModifiedBy: the IAM identity behind a request."""
    identity = identity_of(call.account_id, call.access_key_id)
    who = {"Arn": call.caller_arn}
    if identity is not None:
        who["PrincipalId"] = identity.principal_id
        if identity.source_identity:
            who["SourceIdentity"] = identity.source_identity
    return {"IamIdentity": who}


def package_of(call: Call) -> Mapping[str, Any]:
    """The package that a request names, as it is now; empty where there is none (IAM's condition keys ask)."""
    name = call.params.get("ModelPackageArn") or call.params.get("ModelPackageName") or ""
    return call.server.records.get(KIND, key_of(call.region, name)) or {} if name else {}
