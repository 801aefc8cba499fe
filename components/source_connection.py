"""A connection to a forge, which CodeBuild gets webhooks and sources through."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

Forge = Literal["github", "gitlab"]
PROVIDER_TYPES: dict[Forge, str] = {"github": "GitHub", "gitlab": "GitLab"}
SERVER_TYPES: dict[Forge, str] = {"github": "GITHUB", "gitlab": "GITLAB"}
CONSOLE = "https://console.aws.amazon.com/codesuite/settings/connections"
"""Where a person confirms a connection:
https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html"""


@dataclass(frozen=True, kw_only=True)
class SourceConnectionArgs:
    """What a connection needs.

    name: of the connection, as the console shows it (up to 32 characters).
    confirmed: somebody has confirmed it in the console. Until then CodeBuild refuses it, so nothing is built on it.
    """

    forge: Forge
    name: str
    confirmed: bool = False


class SourceConnection(pulumi.ComponentResource):
    """A connection of CodeConnections; once confirmed, the credential that CodeBuild uses for this kind of forge."""

    arn: pulumi.Output[str]
    status: pulumi.Output[str]
    credential: aws.codebuild.SourceCredential | None
    """What webhooks must depend on."""

    def __init__(self, name: str, args: SourceConnectionArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:SourceConnection", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        connection = aws.codeconnections.Connection(
            name, name=args.name, provider_type=PROVIDER_TYPES[args.forge], opts=child
        )
        self.arn, self.status = connection.arn, connection.connection_status
        self.credential = None
        if args.confirmed:
            self.credential = aws.codebuild.SourceCredential(
                f"{name}-credential",
                auth_type="CODECONNECTIONS",
                server_type=SERVER_TYPES[args.forge],
                token=connection.arn,
                opts=child,
            )
        self.register_outputs({"arn": self.arn, "status": self.status})


def waits_for(status: str, name: str, arn: str, setting: str, *, confirmed: bool) -> str:
    """What is to be said about a connection in this state; empty where there is nothing.

    setting: key that says that it was confirmed.
    """
    if confirmed and status != "AVAILABLE":
        return (
            f"Connection {name} ({arn}) is {status}, though {setting} says `confirmed`: open {CONSOLE}, choose it and "
            "`Update pending connection`. Runners cannot get jobs before."
        )
    if not confirmed and status == "AVAILABLE":
        return f"Connection {name} has been confirmed: put `confirmed` into {setting} and run `up` again."
    if not confirmed:
        return (
            f"Connection {name} ({arn}) is PENDING: open {CONSOLE}, choose it and `Update pending connection`. Then "
            f"put `confirmed` into {setting} and run `up` again: its runners are not made before."
        )
    return ""
