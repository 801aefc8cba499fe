"""Trails."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("TrailNotFoundException",)
_FIELD_SELECTOR = tuple(
    Property(name, path=path)
    for name, path in (
        ("equals", "Equals"),
        ("notEquals", "NotEquals"),
        ("startsWiths", "StartsWith"),
        ("notStartsWiths", "NotStartsWith"),
        ("endsWiths", "EndsWith"),
        ("notEndsWiths", "NotEndsWith"),
    )
)
_SELECTOR_NAMES = {prop.name: str(prop.path) for prop in _FIELD_SELECTOR}
_TRAIL = {
    "S3BucketName": "$s3BucketName",
    "S3KeyPrefix": "$s3KeyPrefix!",
    "SnsTopicName": "$snsTopicName!",
    "IncludeGlobalServiceEvents": "$includeGlobalServiceEvents",
    "IsMultiRegionTrail": "$isMultiRegionTrail",
    "IsOrganizationTrail": "$isOrganizationTrail",
    "EnableLogFileValidation": "$enableLogFileValidation",
    "KmsKeyId": "$kmsKeyId!",
    "CloudWatchLogsLogGroupArn": "$cloudWatchLogsGroupArn!",
    "CloudWatchLogsRoleArn": "$cloudWatchLogsRoleArn!",
}


def _put_selectors(context: Context) -> None:
    """Without selectors of its own a trail logs every management event, which is what AWS starts it with."""
    selectors = [
        {
            "Name": each.get("name"),
            "FieldSelectors": [
                {_SELECTOR_NAMES.get(name, name): value for name, value in field.items() if value is not None}
                for field in each.get("fieldSelectors") or []
            ],
        }
        for each in context.new.get("advancedEventSelectors") or []
    ]
    params: dict[str, Any] = {"TrailName": context.id, "AdvancedEventSelectors": selectors}
    if not selectors:
        params = {
            "TrailName": context.id,
            "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}],
        }
    context.call("PutEventSelectors", params)


def _shape(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    topic = str(document.get("SnsTopicARN") or "")
    actual["snsTopicName"] = topic.rpartition(":")[2] or None


TRAIL = Resource(
    type="aws:cloudtrail/trail:Trail",
    service="cloudtrail",
    docs=page("trail", "cloudtrail"),
    id="answer:TrailARN",
    properties=(
        Property("name", replaces=REPLACES, autoname=128),
        Property("s3BucketName", required=True),
        Property("s3KeyPrefix"),
        Property("snsTopicName"),
        Property("includeGlobalServiceEvents", default=True),
        Property("isMultiRegionTrail", default=False),
        Property("isOrganizationTrail", default=False),
        Property("enableLogFileValidation", default=False, path="LogFileValidationEnabled"),
        Property("enableLogging", default=True, path="status.IsLogging"),
        Property("kmsKeyId"),
        Property("cloudWatchLogsGroupArn", path="CloudWatchLogsLogGroupArn"),
        Property("cloudWatchLogsRoleArn"),
        Property(
            "advancedEventSelectors",
            "blocks",
            path="selectors.AdvancedEventSelectors",
            fields=(
                Property("name"),
                Property(
                    "fieldSelectors",
                    "blockset",
                    required=True,
                    fields=(Property("field", required=True), *_FIELD_SELECTOR),
                ),
            ),
        ),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateTrail",
        {"Name": "$name", **{key: value.rstrip("!") for key, value in _TRAIL.items()}},
    ),
    reads=(
        Read("GetTrail", {"Name": "$id"}, "Trail", gone=_GONE),
        Read("GetTrailStatus", {"Name": "$id"}, into="status", gone=_GONE),
        Read("GetEventSelectors", {"TrailName": "$id"}, into="selectors", gone=_GONE),
        Read("ListTags", {"ResourceIdList": ["$id"]}, "ResourceTagList[0].TagsList", into="tags", gone=_GONE),
    ),
    # CloudTrail makes a trail that does not log yet.
    after_create=(Call("StartLogging", {"Name": "$id"}, if_set="enableLogging"),),
    updates=(
        Call(
            "UpdateTrail",
            {"Name": "$id", **_TRAIL},
            on=(
                *("s3BucketName", "s3KeyPrefix", "snsTopicName", "includeGlobalServiceEvents", "isMultiRegionTrail"),
                *("isOrganizationTrail", "enableLogFileValidation", "kmsKeyId", "cloudWatchLogsGroupArn"),
                "cloudWatchLogsRoleArn",
            ),
        ),
        Function(_put_selectors, on=("advancedEventSelectors",), at_create=True),
        Call("StartLogging", {"Name": "$id"}, on=("enableLogging",), if_set="enableLogging"),
        Call("StopLogging", {"Name": "$id"}, on=("enableLogging",), if_unset="enableLogging"),
    ),
    delete=(Call("DeleteTrail", {"Name": "$id"}, ignore=_GONE),),
    outputs={"arn": "TrailARN", "homeRegion": "HomeRegion", "snsTopicArn": "SnsTopicARN"},
    stable=("arn", "homeRegion"),
    shape=_shape,
    tagging=Tagging(
        member="TagsList",
        style="pairs",
        path="tags",
        add=Call("AddTags", {"ResourceId": "$id", "TagsList": "$tags"}),
        remove=Call("RemoveTags", {"ResourceId": "$id", "TagsList": "$tagKeyPairs"}),
    ),
    unique=("name",),
)

TYPES = (TRAIL,)
