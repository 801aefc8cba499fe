"""Log groups."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource, Tagging

_GONE = ("ResourceNotFoundException",)


def _tell_arn(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """The provider's ARN is the one without the trailing `:*`."""
    actual["arn"] = str(document.get("arn") or "").removesuffix(":*")


LOG_GROUP = Resource(
    type="aws:cloudwatch/logGroup:LogGroup",
    service="logs",
    docs=page("loggroup", "cloudwatch"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=512, path="logGroupName"),
        Property("retentionInDays", default=0),
        Property("kmsKeyId"),
        Property("logGroupClass", computed=True, replaces=REPLACES),
        Property("skipDestroy", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateLogGroup", {"logGroupName": "$name", "kmsKeyId": "$kmsKeyId", "logGroupClass": "$logGroupClass"}
    ),
    reads=(
        Read(
            "DescribeLogGroups",
            {"logGroupNamePrefix": "$id"},
            "logGroups[?logGroupName == '$id'] | [0]",
            gone=_GONE,
        ),
        Read("ListTagsLogGroup", {"logGroupName": "$id"}, "tags", into="tags", gone=_GONE),
    ),
    updates=(
        Call(
            "PutRetentionPolicy",
            {"logGroupName": "$id", "retentionInDays": "$retentionInDays"},
            on=("retentionInDays",),
            at_create=True,
            if_set="retentionInDays",
        ),
        Call(
            "DeleteRetentionPolicy",
            {"logGroupName": "$id"},
            on=("retentionInDays",),
            if_unset="retentionInDays",
        ),
        Call("AssociateKmsKey", {"logGroupName": "$id", "kmsKeyId": "$kmsKeyId"}, on=("kmsKeyId",), if_set="kmsKeyId"),
        Call("DisassociateKmsKey", {"logGroupName": "$id"}, on=("kmsKeyId",), if_unset="kmsKeyId"),
    ),
    delete=(Call("DeleteLogGroup", {"logGroupName": "$id"}, if_unset="skipDestroy", ignore=_GONE),),
    outputs={"arn": "arn"},
    shape=_tell_arn,
    tagging=Tagging(
        member="tags",
        style="map",
        path="tags",
        add=Call("TagLogGroup", {"logGroupName": "$id", "tags": "$tags"}),
        remove=Call("UntagLogGroup", {"logGroupName": "$id", "tags": "$tagKeys"}),
    ),
    unique=("name",),
)

TYPES = (LOG_GROUP,)
