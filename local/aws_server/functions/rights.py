"""What a role may do, by IAM's own policies: for what AWS's services do in a role's name."""

from moto.iam.models import iam_backends

from local.aws_server.iam_policy import evaluate
from local.aws_server.iam_simulation import policies_of
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, ServiceError


def may(role_arn: str, action: str, resource: str) -> bool:
    """Whether a role's policies and its boundary allow an action. A role that is not there may nothing."""
    try:
        with moto_lock:
            policies, boundary = policies_of(iam_backends[ACCOUNT_ID]["aws"], role_arn)
    except ServiceError:
        return False
    context = {"aws:principalaccount": [ACCOUNT_ID], "aws:principalarn": [role_arn], "aws:securetransport": ["true"]}
    return evaluate(action, resource, context, policies, boundary).decision == "allowed"
