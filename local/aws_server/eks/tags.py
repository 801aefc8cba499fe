"""Tags of what the EKS overlays keep; those of Fargate profiles are moto's."""

from typing import Any

from local.aws_server.eks.access import ENTRY
from local.aws_server.eks.common import CLUSTER, eks_operation
from local.aws_server.operations import Call

_ARN_MEMBERS = {
    CLUSTER: "arn",
    ENTRY: "accessEntryArn",
    "eks-addon": "addonArn",
    "eks-nodegroup": "nodegroupArn",
    "eks-pod-identity": "associationArn",
}


def _find(call: Call) -> tuple[str, str, dict[str, Any]] | None:
    for kind, member in _ARN_MEMBERS.items():
        for key, record in call.server.records.items(kind):
            if record[member] == call.params["resourceArn"]:
                return kind, key, record
    return None


def _put(call: Call, tags: dict[str, str], found: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    kind, key, record = found
    call.server.records.put(kind, key, record | {"tags": tags})
    return {}


@eks_operation("TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    found = _find(call)
    return call.forward() if found is None else _put(call, found[2].get("tags", {}) | call.params["tags"], found)


@eks_operation("UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    found = _find(call)
    if found is None:
        return call.forward()
    tags = {name: value for name, value in found[2].get("tags", {}).items() if name not in call.params["tagKeys"]}
    return _put(call, tags, found)


@eks_operation("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    found = _find(call)
    return call.forward() if found is None else {"tags": found[2].get("tags", {})}
