"""CloudTrail: moto's trails, with what moto takes without a look or gets wrong, and the event history.

No trail delivers anything.

CloudTrail checks at once that it may write into the bucket and use the key:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html.
"""

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudtrail.models import cloudtrail_backends

from local.aws_server.event_history import events
from local.aws_server.operations import Call, ServiceError, operation

_PRINCIPAL = "cloudtrail.amazonaws.com"
_PAGE = 50


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _allows(policy: str, action: str) -> bool:
    """Whether a statement lets CloudTrail do this; conditions are not looked at."""
    statements: Iterable[dict[str, Any]] = _as_list(json.loads(policy)["Statement"])
    return any(
        statement["Effect"] == "Allow"
        and isinstance(statement.get("Principal"), dict)
        and _PRINCIPAL in _as_list(statement["Principal"].get("Service", []))
        and any(action.startswith(allowed.rstrip("*")) for allowed in _as_list(statement["Action"]))
        for statement in statements
    )


def _check_bucket(call: Call, bucket: str) -> None:
    try:
        policy = call.server.call("s3", "GetBucketPolicy", {"Bucket": bucket})["Policy"]
    except ServiceError as error:
        if error.code == "NoSuchBucket":
            raise ServiceError("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!") from error
        policy = '{"Statement": []}'
    for action in ("s3:GetBucketAcl", "s3:PutObject"):
        if not _allows(policy, action):
            message = f"Incorrect S3 bucket policy is detected for bucket: {bucket}: no {action} for {_PRINCIPAL}."
            raise ServiceError("InsufficientS3BucketPolicyException", message)


def _check_key(call: Call, key: str) -> None:
    try:
        found = call.server.call("kms", "GetKeyPolicy", {"KeyId": key, "PolicyName": "default"}, region=call.region)
    except ServiceError as error:
        raise ServiceError("KmsKeyNotFoundException", f"The KMS key {key} does not exist.") from error
    if not _allows(found["Policy"], "kms:GenerateDataKey"):
        message = f"The policy of the KMS key {key} does not let {_PRINCIPAL} kms:GenerateDataKey."
        raise ServiceError("InsufficientEncryptionPolicyException", message)


def _check(call: Call) -> None:
    if bucket := call.params.get("S3BucketName"):
        _check_bucket(call, bucket)
    if key := call.params.get("KmsKeyId"):
        _check_key(call, key)


@operation("cloudtrail", "CreateTrail")
def create_trail(call: Call) -> dict[str, Any]:
    name = call.params["Name"]
    if name in cloudtrail_backends[call.account_id][call.region].trails:
        raise ServiceError("TrailAlreadyExistsException", f"Trail {name} exists for customer: {call.account_id}")
    _check(call)
    return call.forward()


@operation("cloudtrail", "UpdateTrail")
def update_trail(call: Call) -> dict[str, Any]:
    _check(call)
    return call.forward()


@operation("cloudtrail", "DeleteTrail")
def delete_trail(call: Call) -> dict[str, Any]:
    """By name or by ARN; moto knows names alone, and says nothing where there is no such trail."""
    trail = call.server.call("cloudtrail", "GetTrail", {"Name": call.params["Name"]}, region=call.region)["Trail"]
    return call.forward({"Name": trail["Name"]})


@operation("cloudtrail", "PutEventSelectors")
def put_event_selectors(call: Call) -> dict[str, Any]:
    """One kind of selectors takes the place of the other."""
    answer = call.forward()
    if call.params.get("EventSelectors"):
        with call.server.changing("cloudtrail"):
            trail = cloudtrail_backends[call.account_id][call.region].get_trail(call.params["TrailName"])
            trail.advanced_event_selectors = []
    return answer


@operation("cloudtrail", "LookupEvents")
def lookup_events(call: Call) -> dict[str, Any]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html"""
    attributes = call.params.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise ServiceError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
    start, end = _time(call.params.get("StartTime")), _time(call.params.get("EndTime"))
    if start and end and start > end:
        raise ServiceError("InvalidTimeRangeException", "The start time is after the end time.")
    size = int(call.params.get("MaxResults") or _PAGE)
    if not 1 <= size <= _PAGE:
        raise ServiceError("InvalidMaxResultsException", f"MaxResults is from 1 to {_PAGE}.")
    token = str(call.params.get("NextToken") or "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The token is not one that was given out.")
    key, value = (attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]) if attributes else ("", "")
    found = (
        event
        for event in events(call.region, key, value)
        if (start is None or event["EventTime"] >= start) and (end is None or event["EventTime"] <= end)
    )
    first = int(token)
    page = list(itertools.islice(found, first, first + size + 1))
    more = {"NextToken": str(first + size)} if len(page) > size else {}
    return {"Events": page[:size], **more}


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    time = value if isinstance(value, datetime) else datetime.fromtimestamp(float(value), UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
