"""CloudTrail's event history: the calls of this process's life that changed something, with who made them.

Kept in memory, the newest alone: a restart forgets it. AWS decides for each event which resources it lists; here they
are all names, ids and ARNs in the request, so that what a call makes and names itself is not among them.
"""

import io
import json
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, unquote_plus

from moto.core.request import Request

from local.aws_server import protocol
from local.aws_server.identity import Identity, identity_of
from local.aws_server.operations import ACCOUNT_ID, ServiceError

KEPT = 2000
LARGEST_BODY = 16_384
"""Bytes; a larger request is kept without what it names."""
READS = ("Describe", "List", "Get", "Head", "BatchGet", "Lookup", "Simulate", "Assume", "Query", "Search")
_DATA = ("/invocations",)
_NAMED = ("name", "names", "id", "ids", "arn", "arns", "bucket", "resource", "resources", "repositoryname")


@dataclass(frozen=True)
class Noted:
    """A request that succeeded. environ: the parts of it that are text."""

    event_id: str
    at: datetime
    environ: Mapping[str, str]
    body: bytes


_noted: deque[Noted] = deque(maxlen=KEPT)


def note(environ: Mapping[str, Any], body: bytes) -> None:
    """Keeps a request that has succeeded, unless it reads or is a data event (an S3 object, an inference)."""
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") or path.startswith("/_groundwork/") or path.endswith(_DATA):
        return
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if "/s3/aws4_request" in authorization and "/" in path.strip("/"):
        return
    name = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or _action(body)
    if name.startswith(READS):
        return
    kept = {key: value for key, value in environ.items() if isinstance(value, str)}
    small = body if len(body) <= LARGEST_BODY else b""
    _noted.append(Noted(str(uuid.uuid4()), datetime.now(UTC), kept, small))


def events(region: str, key: str = "", value: str = "") -> Iterator[dict[str, Any]]:
    """The region's events, newest first, of those with this attribute; members as in LookupEvents' answer."""
    for noted in reversed(tuple(_noted)):
        if (event := _event(noted, key, value, region)) is not None:
            yield event


def _event(noted: Noted, key: str, value: str, region: str) -> dict[str, Any] | None:
    scope = protocol.scope_of(noted.environ)
    # Requests to IAM are signed for us-east-1, where AWS records them too.
    if scope.region != region or (key == "ResourceName" and value not in _text(noted)):
        return None
    operation = _operation(noted, scope.signing_name)
    if operation is None:
        return None
    who = _user_identity(scope.access_key_id, identity_of(ACCOUNT_ID, scope.access_key_id))
    event = {
        "EventId": noted.event_id,
        "EventName": operation.name,
        "ReadOnly": "false",
        "AccessKeyId": scope.access_key_id,
        "EventTime": noted.at,
        "EventSource": operation.source,
        "Username": who.get("userName") or who.get("sessionContext", {}).get("sessionIssuer", {}).get("userName", ""),
        "Resources": [{"ResourceName": name} for name in operation.names],
    }
    if key and not (value in operation.names if key == "ResourceName" else event.get(key) == value):
        return None
    return {**event, "CloudTrailEvent": json.dumps(_record(noted, event, who, region))}


@dataclass(frozen=True)
class _Operation:
    """A parsed request. source: AWS's name of the service. names: what it speaks of."""

    name: str
    source: str
    names: tuple[str, ...]


def _operation(noted: Noted, signing_name: str) -> _Operation | None:
    model = protocol.service_for_signing_name(signing_name)
    if model is None:
        return None
    request = Request({**noted.environ, "wsgi.input": io.BytesIO(noted.body), "CONTENT_LENGTH": str(len(noted.body))})
    matched = protocol.match_operation(model.service_name, request)
    if matched is None or matched[0].name.startswith(READS):
        return None
    try:
        params = protocol.parse_members(matched[0], request, matched[1])
    except ServiceError:
        params = {}
    source = f"{model.endpoint_prefix}.amazonaws.com"
    return _Operation(matched[0].name, source, tuple(sorted(set(_names(params)))))


def _record(noted: Noted, event: Mapping[str, Any], who: Mapping[str, Any], region: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html"""
    return {
        "userIdentity": who,
        "eventTime": noted.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": event["EventSource"],
        "eventName": event["EventName"],
        "awsRegion": region,
        "sourceIPAddress": noted.environ.get("REMOTE_ADDR", ""),
        "userAgent": noted.environ.get("HTTP_USER_AGENT", ""),
        "eventID": noted.event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT_ID,
    }


def _user_identity(key: str, identity: Identity | None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html"""
    common = {"accountId": ACCOUNT_ID, "accessKeyId": key}
    if identity is None:
        return {"type": "Unknown", **common}
    name = identity.principal_arn.rsplit("/", 1)[-1]
    if not identity.session_name:
        return {"type": "IAMUser", "arn": identity.arn, **common, "userName": name}
    issuer = {"type": "Role", "arn": identity.principal_arn, "accountId": ACCOUNT_ID, "userName": name}
    context: dict[str, Any] = {"sessionIssuer": issuer}
    if identity.source_identity:
        context["sourceIdentity"] = identity.source_identity
    return {"type": "AssumedRole", "arn": identity.arn, **common, "sessionContext": context}


def _names(params: Any, key: str = "") -> Iterator[str]:
    if isinstance(params, Mapping):
        for name, value in params.items():
            yield from _names(value, str(name))
    elif isinstance(params, list):
        for value in params:
            yield from _names(value, key)
    elif isinstance(params, str) and params and key.lower().endswith(_NAMED):
        yield params


def _text(noted: Noted) -> str:
    path, query = unquote(noted.environ["PATH_INFO"]), unquote_plus(noted.environ.get("QUERY_STRING", ""))
    body = noted.body.decode(errors="replace")
    return "\n".join((path, query, body, unquote_plus(body)))


def _action(body: bytes) -> str:
    """The operation in the body of a query protocol's request, where clients put it first."""
    start = body[:200]
    if not start.startswith(b"Action="):
        return ""
    return start[len(b"Action=") :].partition(b"&")[0].decode(errors="replace")
