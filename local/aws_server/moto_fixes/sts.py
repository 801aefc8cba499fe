"""STS: sessions that have expired are forgotten at each start, so that the state does not grow for ever."""

from datetime import UTC, datetime

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local.aws_server.operations import ACCOUNT_ID, Server, on_start


@on_start
def forget_expired_sessions(server: Server) -> None:
    """Removes assumed roles whose credentials have expired, and the access keys that they had."""
    with server.changing("sts"):
        sts, iam = sts_backends[ACCOUNT_ID]["aws"], iam_backends[ACCOUNT_ID]["aws"]
        now = datetime.now(UTC).replace(tzinfo=None)
        kept = [role for role in sts.assumed_roles if role.expiration.replace(tzinfo=None) > now]
        for role in sts.assumed_roles:
            if role not in kept:
                iam.access_keys.pop(role.access_key_id, None)
        sts.assumed_roles = kept
