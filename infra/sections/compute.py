"""Settings of the cluster."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from components.managed_nodes import ADDONS
from infra.principals import logical_name
from infra.sections.node_values import Image
from infra.sections.section import Problem, Section, check
from infra.sections.values import LogRetention, Principal, SourceCidr, matching

Version = Annotated[str, AfterValidator(matching(r"1\.\d{2}", 'a Kubernetes version of EKS in quotes, such as "1.35"'))]


def _known_addons(versions: dict[str, str]) -> dict[str, str]:
    if unknown := [name for name in versions if name not in ADDONS]:
        raise ValueError(f"a group of {', '.join(ADDONS)} with their versions; {', '.join(unknown)} is none of them")
    return versions


AddonVersions = Annotated[dict[str, str], AfterValidator(_known_addons)]


class AccessSettings(Section):
    """Who comes to the API server besides its administrators and the teams, and from where.

    from_vpc: make a security group whose members, shells in the VPC, reach the API server.
    viewers: IAM roles and users that may look at everything but Secrets.
    """

    from_vpc: bool = False
    viewers: tuple[Principal, ...] = ()


ClusterName = Annotated[
    str,
    AfterValidator(matching(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}", "the name of an EKS cluster, such as platform-shared")),
]
"""https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html"""


class ExistingCluster(Section):
    """A cluster in Auto Mode that somebody else looks after, and that lets in whoever runs `pulumi up`."""

    name: ClusterName


class ClusterSettings(Section):
    """The EKS cluster.

    version: Kubernetes version.
    admins: who administers the cluster; whoever runs `pulumi up` must be among them.
    public_access_cidrs: ranges that reach its API from outside of the VPC; none makes it private.
    access: ways to the API server for people.
    log_days: days that the control plane's logs are kept.
    addon_versions: add-on of managed node pools to the version that it stays at; EKS chooses the others'.
    autoscaler_image: image of the cluster-autoscaler, which scales managed node pools.
    efa_plugin_image: image of the EFA device plugin; AWS's own of the region by default.
    existing: use this cluster instead of making one.
    """

    version: Version = "1.35"
    admins: Annotated[tuple[Principal, ...], Field(min_length=1)] = ("role/groundwork-deployer",)
    public_access_cidrs: tuple[SourceCidr, ...] = ()
    access: AccessSettings = AccessSettings()
    log_days: LogRetention = 90
    addon_versions: AddonVersions = Field(default_factory=dict)
    autoscaler_image: Image | None = None
    efa_plugin_image: Image | None = None
    existing: ExistingCluster | None = None

    @check("existing")
    def an_existing_cluster_is_left_alone(self) -> Iterator[Problem]:
        """Settings that would change it."""
        for key, name in self.spelling().items():
            if self.existing is not None and name not in ("existing", "access") and name in self.model_fields_set:
                message = "with `existing` set whoever looks after the cluster decides it, so it must go"
                yield Problem(key=key, value=getattr(self, name, None), message=message)

    @check("admins")
    def admins_are_named_once(self) -> Iterator[Problem]:
        """Admins named twice."""
        if len({logical_name(admin) for admin in self.admins}) != len(self.admins):
            yield Problem(key="admins", value=list(self.admins), message="allowed is each role or user name once")

    @check("admins", "access")
    def viewers_are_named_once(self) -> Iterator[Problem]:
        """Viewers named twice, and administrators among them: a principal has one access entry."""
        viewers = [logical_name(viewer) for viewer in self.access.viewers]
        if len(set(viewers)) != len(viewers) or set(viewers) & {logical_name(admin) for admin in self.admins}:
            yield Problem(
                key="access.viewers",
                value=list(self.access.viewers),
                message="allowed is each role or user name once, and none of the administrators",
            )
