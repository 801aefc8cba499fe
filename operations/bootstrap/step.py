"""A thing that is to be so: looked at first, put right only where it is not."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from local.errors import LocalStackError

MISSING = "missing"


class Step(Protocol):
    """One thing that bootstrap sees to.

    what: in words, with its name.
    """

    @property
    def what(self) -> str: ...

    def look(self) -> str | None:
        """What is wrong with it, `MISSING` where it is not there; None where it is as it should be."""
        ...

    def mend(self) -> None:
        """Puts it right; called after `look` has found something wrong."""
        ...


class BootstrapError(LocalStackError):
    """The state's home cannot be made or used; the message says why and what mends it."""


@contextmanager
def in_words(profile: str) -> Generator[None]:
    """What the AWS SDK raises as BootstrapError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        operation = str(cast(Any, error).operation_name)
        raise BootstrapError(
            f"AWS refused {operation} through the AWS profile {profile!r}: {error}",
            hint="What was made before it is kept: mend this, and run the same command again.",
        ) from error
    except BotoCoreError as error:
        raise BootstrapError(
            f"AWS cannot be reached through the AWS profile {profile!r}: {error}",
            hint="Credentials that have run out are renewed by `aws sso login` (or however you sign in).",
        ) from error
