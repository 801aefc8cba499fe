"""What every call of an operator's command to AWS has in common: how long it waits, and what an error is called."""

from typing import Any, cast

from botocore.config import Config
from botocore.exceptions import ClientError

PATIENCE = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 4, "mode": "standard"})
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized")


def code_of(error: ClientError) -> str:
    """AWS's own word for what went wrong."""
    return str(cast(Any, error.response).get("Error", {}).get("Code", ""))


def is_denied(error: ClientError) -> bool:
    """Whether the caller may not ask, as opposed to having asked in vain."""
    return code_of(error) in DENIED
