"""Who a request comes from, by the access key that signed it."""

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends


def caller_arn(account_id: str, access_key_id: str) -> str:
    """ARN of the user or assumed role that an access key belongs to.

    A key that was never issued here counts as the account's root, as moto lets it do everything.
    """
    iam = iam_backends[account_id]["aws"]
    key = iam.access_keys.get(access_key_id)
    if assumed := sts_backends[account_id]["aws"].get_assumed_role_from_access_key(access_key_id):
        return assumed.arn
    if key is not None:
        return iam.get_user(key.user_name).arn
    return f"arn:aws:iam::{account_id}:root"
