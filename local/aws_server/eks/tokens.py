"""Tokens of `aws eks get-token`: a presigned GetCallerIdentity, checked as aws-iam-authenticator checks it.

https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster describes the form.
The signature is computed again here, since this server issued the secret key; it covers the header x-k8s-aws-id, so
a token is good for one cluster alone.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from local.aws_server.identity import Identity, identity_of
from local.aws_server.operations import ACCOUNT_ID

PREFIX = "k8s-aws-v1."
LIFETIME = timedelta(minutes=15)
_SKEW = timedelta(minutes=5)
_PARAMETERS = frozenset(
    {
        *("Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
        *("X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token"),
    }
)


class TokenError(Exception):
    """Why a token is refused."""


def verify(token: str, cluster_names: list[str], own_host: str, at: datetime | None = None) -> tuple[Identity, str]:
    """The identity behind a token, and the one of the clusters that it was made for; raises TokenError.

    own_host: this server's `host:port`, which an SDK with an endpoint_url signs for; AWS's own hosts of STS pass too.
    """
    if not token.startswith(PREFIX):
        raise TokenError("the token does not start with k8s-aws-v1.")
    encoded = token.removeprefix(PREFIX)
    try:
        url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    except (binascii.Error, UnicodeDecodeError) as error:
        raise TokenError("the token is not base64") from error
    if url.netloc != own_host and not (url.netloc.startswith("sts.") and url.netloc.endswith(".amazonaws.com")):
        raise TokenError(f"the token asks {url.netloc}, not STS")
    pairs = parse_qsl(url.query, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs) or url.path not in ("", "/"):
        raise TokenError("the token's URL is malformed")
    if unknown := query.keys() - _PARAMETERS:
        raise TokenError(f"the token has unknown parameters: {', '.join(sorted(unknown))}")
    if query.get("Action") != "GetCallerIdentity":
        raise TokenError("the token is not for GetCallerIdentity")
    if query.get("X-Amz-SignedHeaders") != "host;x-k8s-aws-id":
        raise TokenError("the token does not sign the header x-k8s-aws-id")
    signed_at = _signed_at(query)
    moment = at or datetime.now(UTC)
    if not signed_at - _SKEW <= moment <= signed_at + LIFETIME:
        raise TokenError(f"the token of {signed_at:%H:%M:%S} UTC is not valid any more; get a new one")
    identity = _identity(query, moment)
    for name in cluster_names:
        if hmac.compare_digest(
            _signature(url.netloc, query, name, identity.secret_access_key), query["X-Amz-Signature"]
        ):
            return identity, name
    raise TokenError(f"the signature is not right for the cluster {' or '.join(cluster_names) or '(there is none)'}")


def _signed_at(query: dict[str, str]) -> datetime:
    try:
        return datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError) as error:
        raise TokenError("the token has no valid X-Amz-Date") from error


def _identity(query: dict[str, str], moment: datetime) -> Identity:
    access_key_id = query.get("X-Amz-Credential", "").split("/")[0]
    identity = identity_of(ACCOUNT_ID, access_key_id)
    if identity is None:
        raise TokenError(f"the access key {access_key_id or '(none)'} is unknown")
    if identity.expires_at is not None and identity.expires_at < moment:
        raise TokenError("the session's credentials have expired")
    return identity


def _signature(host: str, query: dict[str, str], cluster_name: str, secret: str) -> str:
    """Signature Version 4 of the request (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""
    canonical_query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(query.items())
        if name != "X-Amz-Signature"
    )
    canonical = "\n".join(
        (
            *("GET", "/", canonical_query, f"host:{host}", f"x-k8s-aws-id:{cluster_name}", ""),
            *("host;x-k8s-aws-id", hashlib.sha256(b"").hexdigest()),
        )
    )
    _, date, region, service, terminator = query["X-Amz-Credential"].split("/")
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            query["X-Amz-Date"],
            f"{date}/{region}/{service}/{terminator}",
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, terminator):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
