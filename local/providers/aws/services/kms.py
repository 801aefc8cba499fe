"""Encryption keys and their aliases."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource, Tagging

_GONE = ("NotFoundException",)

KEY = Resource(
    type="aws:kms/key:Key",
    service="kms",
    docs=page("key", "kms"),
    id="answer:KeyMetadata.KeyId",
    properties=(
        Property("description", computed=True),
        Property("keyUsage", default="ENCRYPT_DECRYPT", replaces=REPLACES),
        Property("customerMasterKeySpec", default="SYMMETRIC_DEFAULT", replaces=REPLACES, path="KeySpec"),
        Property("multiRegion", default=False, replaces=REPLACES),
        Property("policy", "json", computed=True, path="policy"),
        Property("isEnabled", default=True, path="Enabled"),
        Property("enableKeyRotation", default=False, path="rotation.KeyRotationEnabled"),
        Property("rotationPeriodInDays", computed=True, path="rotation.RotationPeriodInDays"),
        Property("deletionWindowInDays", path=""),
        Property("bypassPolicyLockoutSafetyCheck", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateKey",
        {
            "Description": "$description",
            "KeyUsage": "$keyUsage",
            "KeySpec": "$customerMasterKeySpec",
            "MultiRegion": "$multiRegion",
            "Policy": "$policy",
            "BypassPolicyLockoutSafetyCheck": "$bypassPolicyLockoutSafetyCheck",
        },
    ),
    reads=(
        Read(
            "DescribeKey",
            {"KeyId": "$id"},
            "[KeyMetadata][?KeyState!='PendingDeletion'] | [0]",
            gone=_GONE,
        ),
        Read("GetKeyPolicy", {"KeyId": "$id", "PolicyName": "default"}, "Policy", into="policy"),
        Read(
            "GetKeyRotationStatus",
            {"KeyId": "$id"},
            into="rotation",
            gone=("UnsupportedOperationException", "KMSInvalidStateException", "DisabledException"),
        ),
        Read("ListResourceTags", {"KeyId": "$id"}, "Tags", into="tags"),
    ),
    updates=(
        Call("EnableKey", {"KeyId": "$id"}, on=("isEnabled",), if_set="isEnabled"),
        Call(
            "EnableKeyRotation",
            {"KeyId": "$id", "RotationPeriodInDays": "$rotationPeriodInDays"},
            on=("enableKeyRotation", "rotationPeriodInDays"),
            at_create=True,
            if_set="enableKeyRotation",
        ),
        Call(
            "DisableKeyRotation",
            {"KeyId": "$id"},
            on=("enableKeyRotation",),
            if_unset="enableKeyRotation",
        ),
        Call("UpdateKeyDescription", {"KeyId": "$id", "Description": "$description"}, on=("description",)),
        Call(
            "PutKeyPolicy",
            {
                "KeyId": "$id",
                "PolicyName": "default",
                "Policy": "$policy",
                "BypassPolicyLockoutSafetyCheck": "$bypassPolicyLockoutSafetyCheck",
            },
            on=("policy",),
        ),
        Call("DisableKey", {"KeyId": "$id"}, on=("isEnabled",), at_create=True, if_unset="isEnabled"),
    ),
    delete=(
        Call(
            "ScheduleKeyDeletion",
            {"KeyId": "$id", "PendingWindowInDays": "$deletionWindowInDays"},
            ignore=(*_GONE, "KMSInvalidStateException"),
        ),
    ),
    outputs={"arn": "Arn", "keyId": "KeyId"},
    stable=("arn", "keyId"),
    tagging=Tagging(
        member="Tags",
        style="kms",
        path="tags",
        add=Call("TagResource", {"KeyId": "$id", "Tags": "$tags"}),
        remove=Call("UntagResource", {"KeyId": "$id", "TagKeys": "$tagKeys"}),
    ),
)


def key_id(reference: Any) -> str:
    """The id in a key's ARN or id: KMS takes either and tells the id."""
    return str(reference).rpartition("/")[2]


def _tell_target(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    arn = str(document.get("AliasArn"))
    actual["targetKeyArn"] = f"{arn.rpartition(':')[0]}:key/{document.get('TargetKeyId')}"


def _is_alias_name(inputs: Mapping[str, Any]) -> str | None:
    name = inputs.get("name")
    if isinstance(name, str) and not name.startswith("alias/"):
        return f"aws:kms/alias:Alias: the name {name!r} must start with 'alias/'."
    return None


ALIAS = Resource(
    type="aws:kms/alias:Alias",
    service="kms",
    docs=page("alias", "kms"),
    id="{name}",
    properties=(
        Property("name", required=True, replaces=REPLACES, path="AliasName"),
        Property("targetKeyId", required=True, alike=key_id),
    ),
    create=Call("CreateAlias", {"AliasName": "$name", "TargetKeyId": "$targetKeyId"}),
    reads=(Read("ListAliases", {"Limit": 100}, "Aliases[?AliasName == '$id'] | [0]"),),
    updates=(Call("UpdateAlias", {"AliasName": "$id", "TargetKeyId": "$targetKeyId"}, on=("targetKeyId",)),),
    delete=(Call("DeleteAlias", {"AliasName": "$id"}, ignore=_GONE),),
    outputs={"arn": "AliasArn", "targetKeyArn": "TargetKeyId"},
    shape=_tell_target,
    check=_is_alias_name,
    unique=("name",),
)

TYPES = (KEY, ALIAS)
