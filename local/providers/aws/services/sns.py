"""Notifications: topics, who may publish to them, and who is told."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("NotFound", "NotFoundException")
_ATTRIBUTES = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
"""Property of a topic to the attribute that holds it; each can be set by itself."""


def _truths(actual: dict[str, Any], *names: str) -> None:
    """Attributes are text; the program has booleans."""
    for name in names:
        if isinstance(actual.get(name), str):
            actual[name] = actual[name] == "true"


def _tell_topic(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    actual["name"] = str(document.get("TopicArn") or "").rpartition(":")[2]
    _truths(actual, "fifoTopic", "contentBasedDeduplication")
    for name in ("displayName", "deliveryPolicy", "kmsMasterKeyId"):
        actual[name] = actual[name] or None  # nothing is told as empty text
    if isinstance(actual.get("signatureVersion"), str):
        actual["signatureVersion"] = int(actual["signatureVersion"])


TOPIC = Resource(
    type="aws:sns/topic:Topic",
    service="sns",
    docs=page("topic", "sns"),
    id="answer:TopicArn",
    properties=(
        Property("name", replaces=REPLACES, autoname=256),
        Property("displayName"),
        Property("kmsMasterKeyId"),
        Property("policy", "json", computed=True),
        Property("deliveryPolicy", "json"),
        Property("fifoTopic", default=False, replaces=REPLACES),
        Property("contentBasedDeduplication", default=False),
        Property("signatureVersion", computed=True),
        Property("tracingConfig", computed=True),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateTopic",
        {
            "Name": "$name",
            "Attributes": {
                **{attribute: f"${name}" for name, attribute in _ATTRIBUTES.items()},
                "FifoTopic": "$fifoTopic",
                "ContentBasedDeduplication": "$contentBasedDeduplication",
            },
        },
    ),
    reads=(
        Read("GetTopicAttributes", {"TopicArn": "$id"}, "Attributes", gone=_GONE),
        Read("ListTagsForResource", {"ResourceArn": "$id"}, "Tags", into="tags", gone=("ResourceNotFound",)),
    ),
    updates=(
        *(
            Call(
                "SetTopicAttributes",
                {"TopicArn": "$id", "AttributeName": attribute, "AttributeValue": f"${name}!"},
                on=(name,),
            )
            for name, attribute in _ATTRIBUTES.items()
        ),
        Call(
            "SetTopicAttributes",
            {
                "TopicArn": "$id",
                "AttributeName": "ContentBasedDeduplication",
                "AttributeValue": "$contentBasedDeduplication",
            },
            on=("contentBasedDeduplication",),
        ),
    ),
    delete=(Call("DeleteTopic", {"TopicArn": "$id"}, ignore=_GONE),),
    outputs={"arn": "TopicArn", "owner": "Owner"},
    shape=_tell_topic,
    stable=("arn", "owner"),
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="tags",
        add=Call("TagResource", {"ResourceArn": "$id", "Tags": "$tags"}),
        remove=Call("UntagResource", {"ResourceArn": "$id", "TagKeys": "$tagKeys"}),
    ),
    unique=("name",),
)


def _default_policy(context: Context) -> None:
    """A topic always has a policy: taking one away means to give it back the one that it began with."""
    arn = context.id
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            *("SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission"),
            *("SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"),
        ],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }
    document = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    context.take(
        Call(
            "SetTopicAttributes",
            {"TopicArn": "$id", "AttributeName": "Policy", "AttributeValue": json.dumps(document)},
            ignore=_GONE,
        )
    )


_POLICY = {"TopicArn": "$arn", "AttributeName": "Policy", "AttributeValue": "$policy"}

TOPIC_POLICY = Resource(
    type="aws:sns/topicPolicy:TopicPolicy",
    service="sns",
    docs=page("topicpolicy", "sns"),
    id="{arn}",
    properties=(
        Property("arn", required=True, replaces=REPLACES, path="TopicArn"),
        Property("policy", "json", required=True),
    ),
    create=Call("SetTopicAttributes", _POLICY),
    reads=(Read("GetTopicAttributes", {"TopicArn": "$id"}, "Attributes", gone=_GONE),),
    updates=(Call("SetTopicAttributes", _POLICY, on=("policy",)),),
    delete=(Function(_default_policy),),
    outputs={"owner": "Owner"},
    stable=("owner",),
    unique=("arn",),
)

_SUBSCRIPTION = {
    "rawMessageDelivery": "RawMessageDelivery",
    "filterPolicyScope": "FilterPolicyScope",
    "filterPolicy": "FilterPolicy",
    "deliveryPolicy": "DeliveryPolicy",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def _tell_subscription(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    actual["pendingConfirmation"] = document.get("PendingConfirmation")
    actual["confirmationWasAuthenticated"] = document.get("ConfirmationWasAuthenticated")
    _truths(actual, "rawMessageDelivery", "pendingConfirmation", "confirmationWasAuthenticated")


TOPIC_SUBSCRIPTION = Resource(
    type="aws:sns/topicSubscription:TopicSubscription",
    service="sns",
    docs=page("topicsubscription", "sns"),
    id="answer:SubscriptionArn",
    properties=(
        Property("topic", required=True, replaces=REPLACES, path="TopicArn"),
        Property("protocol", required=True, replaces=REPLACES),
        Property("endpoint", required=True, replaces=REPLACES),
        Property("endpointAutoConfirms", default=False, path=""),
        Property("confirmationTimeoutInMinutes", default=1, path=""),
        Property("rawMessageDelivery", default=False),
        Property("filterPolicy", "json"),
        Property("filterPolicyScope", computed=True),
        Property("deliveryPolicy", "json"),
        Property("redrivePolicy", "json"),
        Property("subscriptionRoleArn"),
    ),
    create=Call(
        "Subscribe",
        {
            "TopicArn": "$topic",
            "Protocol": "$protocol",
            "Endpoint": "$endpoint",
            "Attributes": {attribute: f"${name}" for name, attribute in _SUBSCRIPTION.items()},
            "ReturnSubscriptionArn": True,
        },
    ),
    reads=(Read("GetSubscriptionAttributes", {"SubscriptionArn": "$id"}, "Attributes", gone=_GONE),),
    updates=tuple(
        Call(
            "SetSubscriptionAttributes",
            {"SubscriptionArn": "$id", "AttributeName": attribute, "AttributeValue": f"${name}!"},
            on=(name,),
        )
        for name, attribute in _SUBSCRIPTION.items()
    ),
    delete=(Call("Unsubscribe", {"SubscriptionArn": "$id"}, ignore=_GONE),),
    outputs={
        "arn": "SubscriptionArn",
        "ownerId": "Owner",
        "pendingConfirmation": "PendingConfirmation",
        "confirmationWasAuthenticated": "ConfirmationWasAuthenticated",
    },
    shape=_tell_subscription,
    stable=("arn", "ownerId"),
    unique=("topic", "protocol", "endpoint"),
)

TYPES = (TOPIC, TOPIC_POLICY, TOPIC_SUBSCRIPTION)
