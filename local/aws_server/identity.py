"""Who a request comes from, by the access key that signed it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends


@dataclass(frozen=True)
class Identity:
    """An IAM principal behind an access key.

    arn: what GetCallerIdentity answers. principal_arn: the user or the role itself, as access entries name it.
    principal_id: `AIDA…` of a user, `AROA…` of a role. session_name: empty for a user.
    expires_at: end of temporary credentials, None for a user's own.
    """

    arn: str
    principal_arn: str
    principal_id: str
    session_name: str
    secret_access_key: str
    expires_at: datetime | None = None


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
    """ARN of the user or assumed role that an access key belongs to.

    A key that was never issued here counts as the account's root, as moto lets it do everything.
    """
    identity = identity_of(account_id, access_key_id)
    return identity.arn if identity else f"arn:aws:iam::{account_id}:root"


def principal_exists(arn: str) -> bool:
    """Whether an ARN names a role or a user of this account that is there."""
    account_id, _, resource = arn.removeprefix("arn:aws:iam::").partition(":")
    kind, _, path = resource.partition("/")
    iam = iam_backends[account_id]["aws"]
    if kind == "role":
        return any(role.arn == arn for role in iam.roles.values())
    return kind == "user" and path.rpartition("/")[2] in iam.users
