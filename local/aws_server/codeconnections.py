"""CodeConnections: a connection is PENDING until a person confirms it, here by a page that stands for the console.

`curl -X POST 'http://127.0.0.1:PORT/_groundwork/codeconnections/confirm?arn=ARN'` is that person.
"""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from local.aws_server.operations import Call, RawResponse, Server, ServiceError, operation

CONNECTION = "codeconnections-connection"
"""Kind of a connection's record; the key is its ARN."""
CONFIRM_PATH = "/_groundwork/codeconnections/confirm"


def connection_of(call: Call, arn: str) -> dict[str, Any]:
    """The connection's record; raises ResourceNotFoundException."""
    record = call.server.records.get(CONNECTION, arn)
    if record is None:
        raise ServiceError("ResourceNotFoundException", f"Connection {arn} cannot be found.")
    return record


@operation("codeconnections", "CreateConnection")
def create_connection(call: Call) -> dict[str, Any]:
    params = call.params
    if bool(params.get("ProviderType")) == bool(params.get("HostArn")):
        raise ServiceError("InvalidInputException", "A connection has a provider type or a host, and one of them.")
    arn = call.arn(f"connection/{uuid.uuid4()}")
    record = {
        "ConnectionName": params["ConnectionName"],
        "ConnectionArn": arn,
        "ProviderType": params.get("ProviderType") or "GitLabSelfManaged",
        "OwnerAccountId": call.account_id,
        "ConnectionStatus": "PENDING",
        "Tags": list(params.get("Tags") or ()),
    }
    if params.get("HostArn"):
        record["HostArn"] = params["HostArn"]
    call.server.records.put(CONNECTION, arn, record)
    return {"ConnectionArn": arn, "Tags": record["Tags"]}


@operation("codeconnections", "GetConnection")
def get_connection(call: Call) -> dict[str, Any]:
    return {"Connection": connection_of(call, call.params["ConnectionArn"])}


@operation("codeconnections", "ListConnections")
def list_connections(call: Call) -> dict[str, Any]:
    """All of the region, on one page."""
    wanted = call.params.get("ProviderTypeFilter")
    found = [record for arn, record in call.server.records.items(CONNECTION) if f":{call.region}:" in arn]
    return {"Connections": [record for record in found if wanted in (None, record["ProviderType"])]}


@operation("codeconnections", "DeleteConnection")
def delete_connection(call: Call) -> dict[str, Any]:
    call.server.records.delete(CONNECTION, connection_of(call, call.params["ConnectionArn"])["ConnectionArn"])
    return {}


@operation("codeconnections", "ListTagsForResource")
def list_tags(call: Call) -> dict[str, Any]:
    return {"Tags": connection_of(call, call.params["ResourceArn"])["Tags"]}


@operation("codeconnections", "TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    record = connection_of(call, call.params["ResourceArn"])
    given = {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}
    _set_tags(call, record, {tag["Key"]: tag["Value"] for tag in record["Tags"]} | given)
    return {}


@operation("codeconnections", "UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    record = connection_of(call, call.params["ResourceArn"])
    gone = set(call.params["TagKeys"])
    _set_tags(call, record, {tag["Key"]: tag["Value"] for tag in record["Tags"] if tag["Key"] not in gone})
    return {}


def _set_tags(call: Call, record: dict[str, Any], tags: Mapping[str, str]) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    call.server.records.put(CONNECTION, record["ConnectionArn"], record | {"Tags": pairs})


def confirm(server: Server, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """What a person does in the console of AWS: the connection becomes AVAILABLE."""
    plain = {"Content-Type": "text/plain"}
    if environ["REQUEST_METHOD"] != "POST":
        return RawResponse(405, plain, b"POST it.\n")
    arn = parse_qs(environ.get("QUERY_STRING", "")).get("arn", [""])[0]
    with server.records.lock:
        record = server.records.get(CONNECTION, arn)
        if record is None:
            return RawResponse(404, plain, f"There is no connection {arn!r}.\n".encode())
        server.records.put(CONNECTION, arn, record | {"ConnectionStatus": "AVAILABLE"})
    return RawResponse(200, plain, b"AVAILABLE\n")


PAGES = {CONFIRM_PATH: confirm}
