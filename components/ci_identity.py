"""The identity providers by which an account trusts tokens of a forge's jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class CiIdentityArgs:
    """What the identity providers need.

    issuers: word that a provider is named by, to the issuer's URL and the audience of its tokens.
    """

    issuers: Mapping[str, tuple[str, str]]


class CiIdentity(pulumi.ComponentResource):
    """One IAM identity provider an issuer. An account has one of each, whatever the number of environments.

    No thumbprints: IAM checks GitHub and GitLab.com by its own list of authorities, and finds others' by itself
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html).
    """

    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: CiIdentityArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:CiIdentity", name, None, opts)
        self.arns = {}
        for word, (issuer, audience) in args.issuers.items():
            provider = aws.iam.OpenIdConnectProvider(
                f"{name}-{word}", url=issuer, client_id_lists=[audience], opts=pulumi.ResourceOptions(parent=self)
            )
            self.arns[word] = provider.arn
        self.register_outputs({"arns": self.arns})
