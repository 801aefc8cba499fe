"""A preview against a state alone: what the plugins answer where there is an account's record, and no account to ask.

`groundwork preview --state` sets the variable. The engine and the program are the same; a plugin then tells the caller
that it was given, plans what it can without AWS and without an API server, and says so where it cannot.
"""

import os
from typing import Final

RECORDED: Final = "GROUNDWORK_RECORDED_CALLER"
"""Variable: the ARN under which the preview runs."""


def recorded_caller() -> str:
    """The ARN; empty where there is an account to ask."""
    return os.environ.get(RECORDED, "")
