"""Other accounts: AWS servers of their own, whose buckets and model packages their policies may open to this one.

A file names the accounts, each with the address of its server, and a token by which the servers know each other. A
request for a resource of another account goes on to that account's server: there the resource's policy decides (for an
encrypted object also its key's), and here the caller's own policies, as both must for a request between accounts:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html. Reads alone.
"""

import hmac
import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.aws_server.access.decision import Wish, context_of, decide, refusal, tags_of
from local.aws_server.identity import Identity, identity_of
from local.aws_server.operations import ACCOUNT_ID, RawResponse, Server, ServiceError

TOKEN, CALLER, UNKNOWN = "x-groundwork-peer-token", "x-groundwork-caller", "x-groundwork-not-here"
ALIASES = "x-groundwork-key-aliases"
TIMEOUT_S = 60.0
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
PACKAGE_READS = ("DescribeModelPackage", "DescribeModelPackageGroup", "ListModelPackages")
OBJECT_READS: Mapping[str, str] = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "GetObjectTagging": "s3:GetObjectTagging",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "GetBucketLocation": "s3:GetBucketLocation",
    "ListObjectVersions": "s3:ListBucketVersions",
}
"""The action that each operation of S3 is, of those that another account may do."""


@dataclass(frozen=True)
class Peers:
    """The file: `{"token": "…", "accounts": {"<account id>": "http://127.0.0.1:<port>"}}`."""

    token: str
    accounts: Mapping[str, str]


@dataclass(frozen=True)
class Caller:
    """Who asks, as the servers tell each other."""

    account_id: str
    arn: str
    principal_arn: str
    principal_id: str
    session_name: str
    source_identity: str = ""
    session_tags: Mapping[str, str] | None = None

    def identity(self) -> Identity:
        """As this server's own decisions take it."""
        return Identity(
            arn=self.arn,
            principal_arn=self.principal_arn,
            principal_id=self.principal_id,
            session_name=self.session_name,
            secret_access_key="",
            source_identity=self.source_identity,
            session_tags=self.session_tags or {},
        )


def peers_of(server: Server) -> Peers | None:
    """The other accounts; None where this server is alone. The file may come after the server's start."""
    file: Path | None = server.settings.peers
    if file is None or not file.exists():
        return None
    document: dict[str, Any] = json.loads(file.read_text())
    others = {account: url for account, url in document["accounts"].items() if account != ACCOUNT_ID}
    return Peers(document["token"], others)


def object_wish(operation: str, params: Mapping[str, Any]) -> Wish | None:
    """What a read of S3 asks IAM for; None for an operation that other accounts may not do."""
    action = OBJECT_READS.get(operation)
    if action is None:
        return None
    arn = f"arn:aws:s3:::{params['Bucket']}"
    if "Key" in params:
        version = params.get("versionId") or params.get("VersionId")
        action = "s3:GetObjectVersion" if version and action == "s3:GetObject" else action
        keys = {"s3:versionid": [str(version)]} if version else {}
        return Wish(action=action, resource=f"{arn}/{params['Key']}", keys=keys)
    prefix = params.get("prefix") or params.get("Prefix") or ""
    return Wish(action=action, resource=arn, keys={"s3:prefix": [str(prefix)]})


def package_wish(operation: str, arn: str) -> Wish:
    """What a read of the registry asks IAM for. A group's packages are listed by a resource of theirs."""
    if operation == "ListModelPackages":
        arn = arn.replace(":model-package-group/", ":model-package/") + "/*"
    return Wish(action=f"sagemaker:{operation}", resource=arn, keys={})


def ask(
    server: Server,
    peers: Peers,
    accounts: Sequence[str],
    wish: Wish,
    environ: Mapping[str, Any],
    body: bytes,
    *,
    access_key_id: str,
    region: str,
    code: str,
    status: int,
) -> RawResponse | None:
    """The answer of the first of these accounts that has the resource; None where none has it.

    Raises ServiceError where the caller's own policies do not allow the request.
    """
    identity = identity_of(ACCOUNT_ID, access_key_id)
    if identity is None:
        return None
    for account in accounts:
        answer = _send(peers, peers.accounts[account], environ, body, identity)
        if UNKNOWN in answer.headers:
            continue
        _require(wish, access_key_id, region, code=code, status=status)
        if key := answer.headers.get(KEY_HEADER):
            aliases = json.loads(answer.headers.get(ALIASES, "[]"))
            keys = {"kms:viaservice": [f"s3.{region}.amazonaws.com"], "kms:resourcealiases": aliases}
            _require(
                Wish(action="kms:Decrypt", resource=key, keys=keys), access_key_id, region, code=code, status=status
            )
        shown = {name: value for name, value in answer.headers.items() if name != ALIASES}
        return RawResponse(answer.status, shown, answer.body)
    return None


def _require(wish: Wish, access_key_id: str, region: str, *, code: str, status: int) -> None:
    found = decide(wish, ACCOUNT_ID, access_key_id, region)
    if found.decision != "allowed":
        raise refusal(wish, found, ACCOUNT_ID, access_key_id, code=code, status=status)


def _send(peers: Peers, url: str, environ: Mapping[str, Any], body: bytes, identity: Identity) -> RawResponse:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name not in ("HTTP_HOST", "HTTP_CONNECTION", "HTTP_TRANSFER_ENCODING")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    caller = Caller(
        ACCOUNT_ID,
        identity.arn,
        identity.principal_arn,
        identity.principal_id,
        identity.session_name,
        identity.source_identity,
        tags_of(identity, ACCOUNT_ID),
    )
    headers |= {TOKEN: peers.token, CALLER: json.dumps(asdict(caller)), "content-length": str(len(body))}
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body, headers)
        response = connection.getresponse()
        content = response.read()
    except OSError as error:
        raise ServiceError("ServiceUnavailable", f"The AWS server of another account ({url}): {error}", 503) from error
    finally:
        connection.close()
    hops = ("connection", "transfer-encoding", "date", "server")
    kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in hops}
    return RawResponse(response.status, kept, content)


def caller_of(server: Server, environ: Mapping[str, Any]) -> Caller | None:
    """Who asks on behalf of another account's server; None for a request of a client. Raises ServiceError for fakes."""
    token = environ.get("HTTP_X_GROUNDWORK_PEER_TOKEN")
    if token is None:
        return None
    peers = peers_of(server)
    caller = Caller(**json.loads(environ.get("HTTP_X_GROUNDWORK_CALLER", "{}") or "{}")) if peers else None
    if (
        peers is None
        or caller is None
        or not hmac.compare_digest(token, peers.token)
        or caller.account_id not in peers.accounts
    ):
        raise ServiceError("InvalidClientTokenId", "The server that asks is none that this one knows.", 403)
    return caller


def keys_of(caller: Caller, region: str) -> dict[str, Sequence[str]]:
    """The global condition keys of another account's principal."""
    return context_of(caller.identity(), caller.account_id, region)
