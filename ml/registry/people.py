"""Acting as a role of the team in one's own name: the session carries the person as its source identity.

The roles' trust policies let nobody set another's name, and policies compare it with the author of a model
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html).
"""

import re
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import EnvironmentNotReadyError

NOT_ALLOWED = re.compile(r"[^\w+=,.@-]")
"""Characters that a source identity does not have: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""


def person(caller_arn: str) -> str:
    """The name in a caller's ARN: an IAM user's, or that of a role's session, which sign-in services set to the user's.

    2 to 64 characters, as a source identity has.
    """
    name = NOT_ALLOWED.sub("-", caller_arn.rpartition("/")[2].rpartition(":")[2])
    return name[:64].ljust(2, "-")


def acts_as(caller_arn: str, role_arn: str) -> bool:
    """Whether a caller is a session of a role. STS leaves a role's path out of the session's ARN."""
    role = role_arn.rpartition("/")[2]
    account = role_arn.split(":")[4]
    return re.fullmatch(rf"arn:[^:]+:sts::{account}:assumed-role/{re.escape(role)}/.+", caller_arn) is not None


def acting_as(environment: Environment, role_arn: str, purpose: str) -> Environment:
    """The environment as a session of a role sees it, with the caller as source identity.

    A profile that takes a role from another one (`role_arn`, `source_profile`) brings no source identity: the role is
    taken anew, from that other one. A session that something else made of the role is taken as it is; whoever made it
    has given it the person's name. purpose: what the role is for, in an error's words. Raises EnvironmentNotReadyError
    where the caller may not.
    """
    with readable_errors(environment):
        source = environment.clients.of_source()
        caller = source.caller_arn
        if acts_as(caller, role_arn):
            return environment
        name = person(caller)
        try:
            answer: dict[str, Any] = source.client("sts").assume_role(
                RoleArn=role_arn, RoleSessionName=name, SourceIdentity=name
            )
        except ClientError as error:
            if not is_denied(error):
                raise
            raise EnvironmentNotReadyError(
                f"{caller} may not act as {role_arn.rpartition('/')[2]}, {purpose}: {error_details(error).message}"
            ) from error
    return Environment(
        name=environment.name,
        profile=environment.profile,
        clients=environment.clients.with_credentials(answer["Credentials"]),
    )
