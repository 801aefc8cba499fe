"""Who a request comes from, by the access key that signed it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local.aws_server.operations import ServiceError

_UNSIGNED = (b"Action=AssumeRoleWithWebIdentity", b"Action=AssumeRoleWithSAML")
"""What AWS answers without a signature: the token in the request says who asks."""


@dataclass(frozen=True)
class Identity:
    """An IAM principal behind an access key.

    arn: what GetCallerIdentity answers. principal_arn: the user or the role itself, as access entries name it.
    principal_id: `AIDA…` of a user, `AROA…` of a role. session_name: empty for a user.
    expires_at: end of temporary credentials, None for a user's own.
    source_identity, session_tags, transitive_tags: what the session was given when its role was assumed; empty for a
        user. session_policy: the JSON text that limits it, or empty.
    """

    arn: str
    principal_arn: str
    principal_id: str
    session_name: str
    secret_access_key: str
    expires_at: datetime | None = None
    source_identity: str = ""
    session_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    transitive_tags: Sequence[str] = ()
    session_policy: str = ""


def identity_of(account_id: str, access_key_id: str) -> Identity | None:
    """The principal that an access key was issued to here, None when it was not."""
    assumed = sts_backends[account_id]["aws"].get_assumed_role_from_access_key(access_key_id)
    if assumed is not None:
        expires = assumed.expiration
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        return Identity(
            arn=assumed.arn,
            principal_arn=assumed.role_arn,
            principal_id=assumed.user_id.partition(":")[0],
            session_name=assumed.session_name,
            secret_access_key=assumed.secret_access_key,
            expires_at=expires,
            # What moto drops is kept on its own object, which the journal keeps (local/aws_server/access/sessions.py).
            source_identity=getattr(assumed, "source_identity", ""),
            session_tags=getattr(assumed, "session_tags", {}),
            transitive_tags=getattr(assumed, "transitive_tags", ()),
            session_policy=assumed.policy or "",
        )
    iam = iam_backends[account_id]["aws"]
    key = iam.access_keys.get(access_key_id)
    if key is None or key.user_name is None or key.status != "Active":
        return None
    user = iam.get_user(key.user_name)
    return Identity(
        arn=user.arn,
        principal_arn=user.arn,
        principal_id=user.id,
        session_name="",
        secret_access_key=key.secret_access_key,
    )


def caller_arn(account_id: str, access_key_id: str) -> str:
    """ARN of the user or assumed role that an access key belongs to; the account's root for the server itself."""
    identity = identity_of(account_id, access_key_id)
    return identity.arn if identity else f"arn:aws:iam::{account_id}:root"


def check_key(environ: Mapping[str, Any], access_key_id: str, account_id: str, body: bytes) -> None:
    """Raise ServiceError unless the request names an access key that was issued here and still counts.

    access_key_id: of the credential scope; empty for a request without one.
    """
    if not access_key_id:
        old_form = re.search(r"(?:^|&)AWSAccessKeyId=([^&]+)", environ.get("QUERY_STRING", ""))
        old_form = old_form or re.match(r"AWS ([^:]+):", environ.get("HTTP_AUTHORIZATION", ""))
        access_key_id = old_form[1] if old_form else ""
    if not access_key_id:
        if any(action in body for action in _UNSIGNED):
            return
        raise ServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
    if identity_of(account_id, access_key_id) is None:
        raise ServiceError(
            "InvalidClientTokenId",
            f"The access key {access_key_id} was not issued by this local AWS server, or counts no more: use the "
            'profile groundwork-local of `eval "$(make -s local-env)"`.',
            status=403,
        )


def principal_exists(arn: str) -> bool:
    """Whether an ARN names a role or a user of this account that is there."""
    account_id, _, resource = arn.removeprefix("arn:aws:iam::").partition(":")
    kind, _, path = resource.partition("/")
    iam = iam_backends[account_id]["aws"]
    if kind == "role":
        return any(role.arn == arn for role in iam.roles.values())
    return kind == "user" and path.rpartition("/")[2] in iam.users
