"""Requests between accounts: those of this server's clients for what another account has, and those of its server."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from moto.core.request import Request
from moto.core.utils import get_service_model
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from local.aws_server import protocol
from local.aws_server.access import peers as accounts
from local.aws_server.access.decision import Wish, names, parsed
from local.aws_server.access.peers import Caller, object_wish, package_wish
from local.aws_server.iam_policy import Policy, evaluate
from local.aws_server.moto_bridge import moto_lock, request_environ
from local.aws_server.operations import ACCOUNT_ID, Call, RawResponse, Server, ServiceError, detour, operation
from local.aws_server.sagemaker.model_package_record import GROUP_KIND, key_of

NOT_HERE = RawResponse(404, {accounts.UNKNOWN: "1", "Content-Type": "text/plain"})


@detour
def other_account(server: Server, environ: Mapping[str, Any], request: Request, body: bytes) -> RawResponse | None:
    """The answer to a request that is another account's, either way; None for every other request."""
    if server.settings.peers is None:
        return None
    scope = protocol.scope_of(environ)
    caller = accounts.caller_of(server, environ)
    if scope.signing_name == "s3":
        matched = protocol.match_operation("s3", request)
        if matched is None:
            return NOT_HERE if caller else None
        params = {**request.args.to_dict(), **matched[1]}
        if caller is not None:
            return _give_object(server, caller, matched[0].name, params, environ, body, scope.region)
        return _get_object(server, matched[0].name, params, environ, body, scope)
    if scope.signing_name == "sagemaker":
        name = protocol.operation_name(environ, scope, body)
        if name not in accounts.PACKAGE_READS:
            return NOT_HERE if caller else None
        params = json.loads(body or b"{}")
        if caller is not None:
            return _give_package(server, caller, name, params, scope.region)
        return _get_package(server, name, params, environ, body, scope)
    return NOT_HERE if caller else None


def _owns(bucket: str) -> bool:
    with moto_lock:
        return bucket in s3_backends[ACCOUNT_ID]["aws"].buckets


def _get_object(
    server: Server,
    name: str,
    params: Mapping[str, Any],
    environ: Mapping[str, Any],
    body: bytes,
    scope: protocol.Scope,
) -> RawResponse | None:
    """A read of a bucket that is not here, from the account that has it."""
    known = accounts.peers_of(server)
    wish = object_wish(name, params) if "Bucket" in params else None
    if known is None or wish is None or _owns(params["Bucket"]):
        return None
    return accounts.ask(
        server,
        known,
        list(known.accounts),
        wish,
        environ,
        body,
        access_key_id=scope.access_key_id,
        region=scope.region,
        code="AccessDenied",
        status=403,
    )


def _get_package(
    server: Server,
    name: str,
    params: Mapping[str, Any],
    environ: Mapping[str, Any],
    body: bytes,
    scope: protocol.Scope,
) -> RawResponse | None:
    """A read of another account's package or group, which is asked for by its ARN."""
    known = accounts.peers_of(server)
    arn = _named(params)
    account = arn.split(":")[4] if arn.startswith("arn:") else ACCOUNT_ID
    if known is None or account not in known.accounts:
        return None
    return accounts.ask(
        server,
        known,
        [account],
        package_wish(name, arn),
        environ,
        body,
        access_key_id=scope.access_key_id,
        region=scope.region,
        code="AccessDeniedException",
        status=400,
    )


def _named(params: Mapping[str, Any]) -> str:
    return str(params.get("ModelPackageName") or params.get("ModelPackageGroupName") or "")


def _give_object(
    server: Server,
    caller: Caller,
    name: str,
    params: Mapping[str, Any],
    environ: Mapping[str, Any],
    body: bytes,
    region: str,
) -> RawResponse:
    """A read of this account's bucket, if the bucket's policy and the object's key let the other account's caller."""
    wish = object_wish(name, params) if "Bucket" in params else None
    if wish is None or not _owns(params["Bucket"]):
        return NOT_HERE
    with moto_lock:
        bucket = s3_backends[ACCOUNT_ID]["aws"].buckets[params["Bucket"]]
        policy = bucket.policy.decode() if bucket.policy else ""
    try:
        _opened(caller, wish, policy, region, "AccessDenied", 403)
        answer = server.run(environ, body)
        key = {header.lower(): value for header, value in answer.headers.items()}.get(accounts.KEY_HEADER)
        if key is None:
            return answer
        aliases = _key_opened(caller, key, region)
    except ServiceError as error:
        return protocol.serialize(get_service_model("s3").operation_model(name), error)
    headers = {**answer.headers, accounts.ALIASES: json.dumps(aliases), accounts.KEY_HEADER: key}
    return RawResponse(answer.status, headers, answer.body)


def _key_opened(caller: Caller, arn: str, region: str) -> list[str]:
    """Raises AccessDenied unless the policy of an object's key lets the caller decrypt; the key's aliases."""
    with moto_lock:
        key = kms_backends[ACCOUNT_ID][region].keys.get(arn.rpartition("/")[2])
        policy = key.policy if key is not None else ""
        aliases = list(key.aliases) if key is not None else []
    keys = {"kms:viaservice": [f"s3.{region}.amazonaws.com"], "kms:resourcealiases": aliases}
    _opened(caller, Wish(action="kms:Decrypt", resource=arn, keys=keys), policy, region, "AccessDenied", 403)
    return aliases


def _give_package(server: Server, caller: Caller, name: str, params: dict[str, Any], region: str) -> RawResponse:
    """A read of this account's package or group, if the group's policy lets the other account's caller."""
    arn = _named(params)
    model = get_service_model("sagemaker").operation_model(name)
    own = arn.split(":")[-1].partition("/")[2].partition("/")[0]
    group = server.records.get(GROUP_KIND, key_of(region, own)) or {}
    try:
        wish = package_wish(name, arn)
        _opened(caller, wish, group.get("ResourcePolicy", ""), region, "AccessDeniedException", 400)
        return protocol.serialize(model, server.call("sagemaker", name, params, region=region))
    except ServiceError as error:
        return protocol.serialize(model, error)


def _opened(caller: Caller, wish: Wish, policy: str, region: str, code: str, status: int) -> None:
    """Raises ServiceError unless the resource's own policy allows what another account's caller wishes."""
    document: Any = parsed(policy) if policy else {}
    given = document.get("Statement", [])
    statements = [
        each
        for each in (given if isinstance(given, list) else [given])
        if names(each, caller.identity(), caller.account_id, account_counts=True)
    ]
    keys = {**accounts.keys_of(caller, region), **wish.keys}
    own = Policy("resource", "resource", {"Statement": statements})
    found = evaluate(wish.action, wish.resource, keys, [], resource_policies=[own])
    if found.decision != "allowed":
        raise ServiceError(
            code,
            f"User: {caller.arn} is not authorized to perform: {wish.action} on resource: {wish.resource} because no "
            f"resource-based policy allows the {wish.action} action",
            status,
        )


@operation("s3", "CopyObject")
def copy_object(call: Call) -> dict[str, Any]:
    """A copy; from another account's bucket the object is read there and written here."""
    source = call.params["CopySource"]
    text = source if isinstance(source, str) else f"{source['Bucket']}/{source['Key']}"
    bucket, _, rest = text.lstrip("/").partition("/")
    if accounts.peers_of(call.server) is None or _owns(bucket):
        return call.forward()
    path, _, version = unquote(rest).partition("?versionId=")
    wanted = {"Bucket": bucket, "Key": path, **({"VersionId": version} if version else {})}
    environ, body = request_environ("s3", "GetObject", wanted, region=call.region, access_key_id=call.access_key_id)
    params = {"Bucket": bucket, "Key": path, **({"versionId": version} if version else {})}
    answer = _get_object(call.server, "GetObject", params, environ, body, protocol.scope_of(environ))
    if answer is None or answer.status != 200:
        raise ServiceError("AccessDenied" if answer is not None else "NoSuchBucket", f"{text} cannot be copied.", 403)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    kept = ("Bucket", "Key", "ServerSideEncryption", "SSEKMSKeyId", "IfNoneMatch", "Tagging", "StorageClass")
    request = {name: call.params[name] for name in kept if call.params.get(name) is not None}
    request |= {"Body": answer.body, "ContentType": call.params.get("ContentType") or headers.get("content-type", "")}
    meta = "x-amz-meta-"
    given = {name.removeprefix(meta): value for name, value in headers.items() if name.startswith(meta)}
    request["Metadata"] = call.params["Metadata"] if call.params.get("MetadataDirective") == "REPLACE" else given
    written = call.server.call("s3", "PutObject", request, region=call.region, access_key_id=call.access_key_id)
    head = call.server.call("s3", "HeadObject", {"Bucket": request["Bucket"], "Key": request["Key"]})
    return {"CopyObjectResult": {"ETag": written["ETag"], "LastModified": head["LastModified"]}}
