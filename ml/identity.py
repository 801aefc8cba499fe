"""Whose a resource is: the tags that everything made here carries."""

import getpass
import os
import re

from ml.environment import Environment
from platform_contract import PlatformContract


def resource_tags(contract: PlatformContract, team: str) -> list[dict[str, str]]:
    """Tags of a resource: team, environment, and the owner, who is $GROUNDWORK_OWNER or the user of this machine."""
    tags = {
        "groundwork:team": team,
        "groundwork:environment": contract.platform.environment,
        "groundwork:owner": owner(),
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def owner() -> str:
    """The user's name, with the characters that a tag's value may have, 256 at most."""
    name = os.environ.get("GROUNDWORK_OWNER")
    if not name:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no name
            name = "unknown"
    return re.sub(r"[^\w .:/=+\-@]", "-", name)[:256]


def writer(environment: Environment) -> dict[str, str]:
    """Who writes a record: the AWS identity that signs, which is not to be chosen, and the owner, which is."""
    return {"arn": environment.clients.caller_arn, "owner": owner()}
