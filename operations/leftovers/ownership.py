"""Whose a resource is: by the tags that the platform or its cluster put on it, by its name, or by its VPC."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.tagging import ENVIRONMENT_TAG, TEAM_TAG
from operations.bootstrap.names import BUCKET_PREFIX as STATE
from operations.bootstrap.names import TAG as STATE_TAG

CLUSTER_TAGS = (
    "aws:eks:cluster-name",
    "eks:cluster-name",
    "eks:eks-cluster-name",
    "elbv2.k8s.aws/cluster",
    "cluster.k8s.amazonaws.com/name",
)
"""Tags with a cluster's name as their value, on what is made for it: instances, disks, interfaces, Auto Scaling groups
(https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html, AmazonEKSComputePolicy), load balancers and their
security groups (kubernetes-sigs/aws-load-balancer-controller#3701), interfaces of pods (AmazonEKS_CNI_Policy)."""
CLUSTER_KEY = "kubernetes.io/cluster/"
"""And a tag whose key ends with it; its value is `owned`, or `shared` on what the cluster only uses."""
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment, and what may be taken for it.

    others: names of the other environments that are known. teams: names of its own teams.
    shared_teams: those of them whose name a team of another environment has, perhaps in the same account.
    places: VPCs and subnets that are the environment's own. spared: names and ids of what keeps the stack's state, and
    of what the settings take from somebody else. existing_cluster: name of the cluster where that is one of them.
    """

    environment: str
    region: str
    account_id: str
    others: Sequence[str] = ()
    teams: Sequence[str] = ()
    shared_teams: Sequence[str] = ()
    places: frozenset[str] = field(default_factory=frozenset[str])
    spared: frozenset[str] = field(default_factory=frozenset[str])
    existing_cluster: str = ""

    @property
    def prefix(self) -> str:
        """First part of every physical name, and the name of the environment's own cluster."""
        return f"groundwork-{self.environment}"

    @property
    def cluster(self) -> str:
        """The cluster that teams work on, which may be somebody else's: only what is the environment's may be ended."""
        return self.existing_cluster or self.prefix

    def why(self, name: str, tags: Mapping[str, str], place: str = "") -> str:
        """How a resource is known to be the environment's, in words; empty where it is not.

        A tag that says another environment outweighs every name. What keeps the stack's state is never its own.
        """
        if STATE_TAG in tags or name in self.spared or name.removeprefix("alias/").startswith(STATE):
            return ""
        if (said := tags.get(ENVIRONMENT_TAG)) is not None:
            team = f", {TEAM_TAG}={tags[TEAM_TAG]}" if TEAM_TAG in tags else ""
            return f"tag {ENVIRONMENT_TAG}={said}{team}" if said == self.environment else ""
        for key in CLUSTER_TAGS:
            if key in tags:
                return f"tag {key}={tags[key]}" if tags[key] == self.prefix else ""
        if tags.get(f"{CLUSTER_KEY}{self.prefix}") == "owned":
            return f"tag {CLUSTER_KEY}{self.prefix}"
        if place and place in self.places:
            return f"lies in {place}"
        if self._named(name):
            return "its name"
        if (team := self.team_of_log_group(name)) is not None:
            return f"its name: endpoints of team {team}"
        return ""

    def may_own(self, name: str) -> bool:
        """Whether a resource of this name is worth asking for its tags, where an account has many others.

        An endpoint's log group bears the name of a team, which the settings may not have any more.
        """
        return bool(self.why(name, {})) or name.startswith(ENDPOINT_LOGS)

    def team_of_log_group(self, name: str) -> str | None:
        """The team whose endpoint wrote a log group; where SageMaker has made it, it has no tag."""
        if not name.startswith(ENDPOINT_LOGS):
            return None
        endpoint = name.removeprefix(ENDPOINT_LOGS)
        own = [team for team in self.teams if endpoint.startswith(f"{team}-")]
        return max(own, key=len, default=None)

    def _named(self, name: str) -> bool:
        """Whether a name is built from the environment's, and from no longer one that begins alike."""
        longer = [other for other in self.others if other.startswith(f"{self.environment}-")]
        return _mentions(name, self.environment) and not any(_mentions(name, other) for other in longer)


def _mentions(name: str, environment: str) -> bool:
    """`groundwork-dev-data-…`, `/groundwork/dev/contract`, `alias/groundwork-dev-logs`, `/aws/eks/groundwork-dev/…`,
    `gw-dev/k8s/…` of the image cache."""
    return re.search(rf"(^|[/:])(groundwork[-/]|gw-){re.escape(environment)}($|[-/])", name) is not None
