"""S3 objects that are written or deleted: explicit denials of bucket and identity policies hold for everybody.

Of the records that a platform writes once (KEPT) the caller also needs an Allow. The rest of S3 takes every key that
was issued here. Condition keys: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html;
for conditional writes https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from moto.s3.models import s3_backends

from local.aws_server.access.decision import Wish, decide, parsed, refusal
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import Call, ServiceError, guard, operation

KEPT = re.compile(r"teams/[^/]+/(?:aliases|approved|audit|ledger)/.*", re.DOTALL)
"""Keys of records that the platform's policies keep (components/record_policy.py)."""
WRITES = {
    "PutObject": "s3:PutObject",
    "CopyObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}
HEADER_KEYS = {
    "if-none-match": "s3:if-none-match",
    "if-match": "s3:if-match",
    "x-amz-server-side-encryption": "s3:x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-acl": "s3:x-amz-acl",
    "x-amz-copy-source": "s3:x-amz-copy-source",
}
MEMBER_HEADERS = {
    "IfNoneMatch": "if-none-match",
    "IfMatch": "if-match",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
"""Members of a request made in this process, by the header that they would be."""


@guard("s3", *WRITES)
def check(call: Call) -> None:
    """Raises AccessDenied for a write or deletion of an object that policies deny."""
    version = call.params.get("VersionId") or call.params.get("versionId")
    problem = refused(call, WRITES[call.operation], call.params["Bucket"], call.params["Key"], version)
    if problem is not None:
        raise problem


def refused(call: Call, action: str, bucket: str, key: str, version: str | None = None) -> ServiceError | None:
    """The error of an action that policies deny, None where the request may go on."""
    if version and action == "s3:DeleteObject":
        action = "s3:DeleteObjectVersion"
    headers = dict(call.headers) or {
        header: str(call.params[member]) for member, header in MEMBER_HEADERS.items() if call.params.get(member)
    }
    keys: dict[str, Sequence[str]] = {
        name: [headers[header]] for header, name in HEADER_KEYS.items() if headers.get(header)
    }
    if version:
        keys["s3:versionid"] = [version]
    wish = Wish(
        action=action, resource=f"arn:aws:s3:::{bucket}/{key}", keys=keys, resource_policy=_policy_of(call, bucket)
    )
    found = decide(wish, call.account_id, call.access_key_id, call.region)
    if found.decision == "allowed" or (found.decision == "implicitDeny" and not KEPT.fullmatch(key)):
        return None
    return refusal(wish, found, call.account_id, call.access_key_id, code="AccessDenied", status=403)


def _policy_of(call: Call, bucket: str) -> Mapping[str, Any] | None:
    with moto_lock:
        found = s3_backends[call.account_id]["aws"].buckets.get(bucket)
        text: bytes | None = found.policy if found is not None else None
    return parsed(text.decode()) if text else None


@operation("s3", "DeleteObjects")
def delete_objects(call: Call) -> dict[str, Any]:
    """Deletes what may be deleted, and says of each other one why not."""
    bucket = call.params["Bucket"]
    kept: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for each in call.params["Delete"]["Objects"]:
        problem = refused(call, "s3:DeleteObject", bucket, each["Key"], each.get("VersionId"))
        if problem is None:
            kept.append(each)
        else:
            errors.append({**each, "Code": problem.code, "Message": problem.message})
    if not errors:
        return call.forward()
    answer = call.forward({**call.params, "Delete": {**call.params["Delete"], "Objects": kept}}) if kept else {}
    return {**answer, "Errors": [*answer.get("Errors", []), *errors]}
