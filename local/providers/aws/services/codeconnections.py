"""Connections to forges, which a person confirms in the console."""

from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource, Tagging, Wait

_GONE = ("ResourceNotFoundException",)

CONNECTION = Resource(
    type="aws:codeconnections/connection:Connection",
    service="codeconnections",
    docs=page("connection", "codeconnections"),
    id="answer:ConnectionArn",
    properties=(
        Property("name", replaces=REPLACES, autoname=32, path="ConnectionName"),
        Property("providerType", computed=True, replaces=REPLACES),
        Property("hostArn", replaces=REPLACES),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateConnection", {"ConnectionName": "$name", "ProviderType": "$providerType", "HostArn": "$hostArn"}
    ),
    reads=(
        Read("GetConnection", {"ConnectionArn": "$id"}, "Connection", gone=_GONE),
        Read("ListTagsForResource", {"ResourceArn": "$id"}, "Tags", into="tags", gone=_GONE),
    ),
    delete=(Call("DeleteConnection", {"ConnectionArn": "$id"}, ignore=_GONE),),
    outputs={
        "arn": "ConnectionArn",
        "connectionStatus": "ConnectionStatus",
        "ownerAccountId": "OwnerAccountId",
    },
    stable=("arn", "ownerAccountId"),
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="tags",
        add=Call("TagResource", {"ResourceArn": "$id", "Tags": "$tags"}),
        remove=Call("UntagResource", {"ResourceArn": "$id", "TagKeys": "$tagKeys"}),
    ),
    created=Wait("ConnectionStatus", ("PENDING", "AVAILABLE"), ("ERROR",)),
    deleted_timeout_s=1800,
    # AWS takes a second connection of the same name.
    unique=(),
)

TYPES = (CONNECTION,)
