"""Settings of the dashboards' Grafana."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from infra.sections.ml import Uri
from infra.sections.section import Problem, Section, check
from infra.sections.values import matching

DEFAULT_IMAGE = (
    "docker.io/grafana/grafana:11.6.16@sha256:d67af92050b8d93b393dc741864752a69c9da1ffa39c1bb9af49ad5d9e47d2c3"
)
"""The newest 11.6 whose digest was found pinned in a public project (`grafana:11.6.16@sha256:…`). The dashboards are
written for 11.6, whose own Prometheus data source signs for AWS, so that no plugin is fetched."""

Image = Annotated[
    str,
    AfterValidator(
        matching(
            r"[\w./:-]+@sha256:[0-9a-f]{64}|[\w./-]+(:\d+/[\w./-]+)?:(?!latest$)[\w.-]+",
            "a container image with a tag other than latest, or better a digest: registry/name:tag@sha256:…",
        )
    ),
]
GroupId = Annotated[
    str,
    AfterValidator(
        matching(
            r"([0-9a-f]{10}-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "the id of a group of IAM Identity Center, such as 94482488-3041-7012-2f3a-0123456789ab",
        )
    ),
]
"""https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_Group.html"""


SecretName = Annotated[
    str, AfterValidator(matching(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?", "the name of a Secret of Kubernetes"))
]


class SamlSettings(Section):
    """A SAML identity provider.

    metadata_url: where it publishes its metadata.
    role_attribute: the assertion's attribute that holds roles.
    admins, editors: its values for these roles; everyone else who signs in reads.
    """

    metadata_url: Uri
    role_attribute: Annotated[str, Field(min_length=1)] = "role"
    admins: Annotated[tuple[str, ...], Field(min_length=1)]
    editors: tuple[str, ...] = ()


class GrafanaSettings(Section):
    """Where the dashboards are shown.

    enabled: whether there is a Grafana at all; `groundwork dashboards write` makes files of the dashboards without.
    sign_in: `AWS_SSO` (IAM Identity Center) or `SAML` for Amazon Managed Grafana; without it, Grafana on the cluster.
    admin_groups, viewer_groups: groups of IAM Identity Center.
    saml: the identity provider, with `signIn: SAML`.
    image: of Grafana on the cluster.
    admin_secret: a Secret in the namespace grafana that somebody made, with admin-user and admin-password: then
        everyone signs in. Without it there is no administrator, and whoever reaches Grafana reads.
    """

    enabled: bool = True
    sign_in: Literal["AWS_SSO", "SAML"] | None = None
    admin_groups: tuple[GroupId, ...] = ()
    viewer_groups: tuple[GroupId, ...] = ()
    saml: SamlSettings | None = None
    image: Image = DEFAULT_IMAGE
    admin_secret: SecretName = ""

    @check("sign_in", "saml")
    def saml_says_who_signs_in(self) -> Iterator[Problem]:
        """An identity provider where there is one to name, and only there."""
        if (self.sign_in == "SAML") != (self.saml is not None):
            message = "a `saml` group goes together with `signIn: SAML`, neither without the other"
            yield Problem(key="saml", value=None, message=message)

    @check("sign_in", "admin_groups", "viewer_groups")
    def groups_are_of_identity_center(self) -> Iterator[Problem]:
        """Groups without Identity Center, and Identity Center without an administrator."""
        groups = [*self.admin_groups, *self.viewer_groups]
        if self.sign_in == "AWS_SSO" and not self.admin_groups:
            message = "with `signIn: AWS_SSO` name at least one group: nobody else can load the dashboards"
            yield Problem(key="adminGroups", value=[], message=message)
        if self.sign_in != "AWS_SSO" and groups:
            message = "groups are those of IAM Identity Center: they go together with `signIn: AWS_SSO`"
            yield Problem(key="adminGroups", value=groups, message=message)

    @check("sign_in", "admin_secret")
    def the_secret_is_of_the_cluster(self) -> Iterator[Problem]:
        """An administrator's Secret without a Grafana on the cluster."""
        if self.sign_in and self.admin_secret:
            message = "Amazon Managed Grafana has no such Secret: its administrators sign in"
            yield Problem(key="adminSecret", value=self.admin_secret, message=message)
