"""Parameters."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("ParameterNotFound",)


def _put(context: Context, *, overwrite: bool) -> dict[str, Any]:
    insecure = context.new.get("insecureValue") is not None
    params: dict[str, Any] = {
        "Name": "$name",
        "Type": "$type",
        "Value": "$insecureValue" if insecure else "$value",
        "Description": "$description",
        "AllowedPattern": "$allowedPattern",
        "DataType": "$dataType",
        "Tier": "$tier",
        "KeyId": "$keyId",
        "Overwrite": overwrite,
    }
    if context.new["type"] != "SecureString":
        del params["KeyId"]
    if overwrite:
        # What is left out of an overwrite stays; the provider empties it.
        params |= {"Description": "$description!", "AllowedPattern": "$allowedPattern!"}
        return context.take(Call("PutParameter", params))
    return context.create(Call("PutParameter", params))


def _create(context: Context) -> dict[str, Any]:
    return _put(context, overwrite=False)


def _update(context: Context) -> None:
    _put(context, overwrite=True)


def _tell_value(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    insecure = context.new.get("insecureValue") is not None
    actual["insecureValue" if insecure else "value"] = document.get("Value")
    actual["value" if insecure else "insecureValue"] = None


def _has_one_value(inputs: Mapping[str, Any]) -> str | None:
    given = [name for name in ("value", "insecureValue") if inputs.get(name) is not None]
    if len(given) != 1:
        return "aws:ssm/parameter:Parameter: exactly one of 'value' and 'insecureValue' must be set."
    if given == ["insecureValue"] and inputs.get("type") == "SecureString":
        return "aws:ssm/parameter:Parameter: a SecureString takes 'value', not 'insecureValue'."
    return None


def _is_downgrade(old: Any, new: Any) -> bool:
    return old == "Advanced" and new == "Standard"


PARAMETER = Resource(
    type="aws:ssm/parameter:Parameter",
    service="ssm",
    docs=page("parameter", "ssm"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=1011),
        Property("type", required=True),
        Property("value", computed=True),
        Property("insecureValue", computed=True),
        Property("description", path="metadata.Description"),
        Property("allowedPattern", path="metadata.AllowedPattern"),
        Property(
            "tier",
            computed=True,
            path="metadata.Tier",
            replaces="the registry page: 'Downgrading an Advanced tier parameter to Standard will recreate it.'",
            replaces_if=_is_downgrade,
        ),
        Property("keyId", computed=True, path="metadata.KeyId"),
        Property("dataType", computed=True, replaces=REPLACES),
        Property("overwrite", path=""),
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(
        Read("GetParameter", {"Name": "$id", "WithDecryption": True}, "Parameter", gone=_GONE),
        Read(
            "DescribeParameters",
            {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": ["$id"]}]},
            "Parameters[0]",
            into="metadata",
        ),
        Read(
            "ListTagsForResource",
            {"ResourceType": "Parameter", "ResourceId": "$id"},
            "TagList",
            into="tags",
            gone=("InvalidResourceId",),
        ),
    ),
    updates=(
        Function(
            _update,
            on=("type", "value", "insecureValue", "description", "allowedPattern", "tier", "keyId"),
        ),
    ),
    delete=(Call("DeleteParameter", {"Name": "$id"}, ignore=_GONE),),
    outputs={"arn": "ARN", "version": "Version"},
    shape=_tell_value,
    check=_has_one_value,
    stable=("arn",),
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="tags",
        add=Call("AddTagsToResource", {"ResourceType": "Parameter", "ResourceId": "$id", "Tags": "$tags"}),
        remove=Call(
            "RemoveTagsFromResource", {"ResourceType": "Parameter", "ResourceId": "$id", "TagKeys": "$tagKeys"}
        ),
    ),
    unique=("name",),
)

TYPES = (PARAMETER,)
