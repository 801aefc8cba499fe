"""S3: a bucket policy's statement with a condition binds only where the condition is met.

moto takes each Deny as if it had no condition, so that a policy as common as "refuse what does not come over TLS" shuts
the bucket for everybody. It knows nothing of a request that a condition could be checked against, so statements with a
condition are left out here. For aws:SecureTransport that is what AWS would answer: this server stands where TLS ends.
"""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket


def _get_permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy.decode())
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    unconditional = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps({**policy, "Statement": unconditional})).is_action_permitted(action, resource)


FakeBucket.get_permission = _get_permission
