"""SNS: attributes that moto takes and does not tell, and e-mail subscriptions that wait for somebody to confirm."""

from typing import Any

from moto.sns.models import sns_backends

from local.aws_server.operations import Call, ServiceError, operation

_UNTOLD = {"SignatureVersion": ("signature_version", "1"), "TracingConfig": ("tracing_config", "PassThrough")}
"""Attribute to moto's name for it, and what AWS says of a topic that was told nothing."""


@operation("sns", "CreateTopic")
def create_topic(call: Call) -> dict[str, Any]:
    """A key that is named must be there."""
    key = (call.params.get("Attributes") or {}).get("KmsMasterKeyId")
    if key:
        _check_key(call, key)
    return call.forward()


@operation("sns", "SetTopicAttributes")
def set_topic_attributes(call: Call) -> dict[str, Any]:
    if call.params["AttributeName"] == "KmsMasterKeyId" and call.params.get("AttributeValue"):
        _check_key(call, call.params["AttributeValue"])
    return call.forward()


@operation("sns", "GetTopicAttributes")
def get_topic_attributes(call: Call) -> dict[str, Any]:
    answer = call.forward()
    topic = sns_backends[call.account_id][call.region].topics[call.params["TopicArn"]]
    for attribute, (name, default) in _UNTOLD.items():
        answer["Attributes"][attribute] = topic.__dict__.get(name) or default
    return answer


@operation("sns", "Subscribe")
def subscribe(call: Call) -> dict[str, Any]:
    answer = call.forward()
    if call.params["Protocol"].startswith("email"):
        with call.server.changing("sns"):
            subscriptions = sns_backends[call.account_id][call.region].subscriptions
            subscriptions[answer["SubscriptionArn"]].attributes["PendingConfirmation"] = True
    return answer


def _check_key(call: Call, key: str) -> None:
    if key.startswith("alias/aws/"):
        return
    try:
        call.server.call("kms", "DescribeKey", {"KeyId": key}, region=call.region)
    except ServiceError as error:
        raise ServiceError("InvalidParameter", f"Invalid parameter: KmsMasterKeyId: {key} does not exist.") from error
