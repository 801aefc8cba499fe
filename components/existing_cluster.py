"""A cluster that somebody else looks after: the platform puts its objects into it and leaves it alone."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.existing import asked, refuse_unless_it_fits
from components.placement import Placement

SETTING = "cluster.existing"


@dataclass(frozen=True, kw_only=True)
class ExistingCluster:
    """A cluster in Auto Mode that is there.

    vpc_id: of the environment, in which the cluster must lie. profile: AWS profile that the kubeconfig asks for tokens
    with; its role is let into the cluster by whoever looks after it. is_scraped: whether a managed collector of metrics
    comes to its API server, which it does by the private endpoint
    (https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-collector-how-to.html).
    """

    placement: Placement
    name: str
    vpc_id: pulumi.Input[str]
    profile: str
    is_scraped: bool = False


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the platform needs to know of a cluster."""

    arn: str
    endpoint: str
    certificate: str
    security_group_id: str
    node_role_name: str


def looked_at(args: ExistingCluster, parent: pulumi.Resource) -> pulumi.Output[Seen]:
    """The cluster, once it was seen to fit. Only the engine asks (`getCluster`); its state keeps nothing of it.

    Fails with pulumi.RunError and everything that does not fit.
    """
    given = {"name": args.name}
    found = asked("aws:eks/getCluster:getCluster", given, aws.eks.GetClusterResult, SETTING, parent)

    def check(cluster: aws.eks.GetClusterResult, vpc_id: str) -> Seen:
        refuse_unless_it_fits(SETTING, f"the cluster {args.name}", problems(cluster, vpc_id, args.is_scraped))
        return Seen(
            arn=cluster.arn,
            endpoint=cluster.endpoint,
            certificate=cluster.certificate_authorities[0].data,
            security_group_id=cluster.vpc_config.cluster_security_group_id,
            node_role_name=cluster.compute_configs[0].node_role_arn.rpartition("/")[2],
        )

    return pulumi.Output.all(found, args.vpc_id).apply(lambda known: check(*known))


def problems(cluster: aws.eks.GetClusterResult, vpc_id: str, is_scraped: bool) -> list[str]:
    """What keeps the platform from running on it, each as a sentence without its full stop."""
    found: list[str] = []
    if cluster.status not in ("ACTIVE", "UPDATING"):
        found.append(f"it is {cluster.status}")
    if cluster.vpc_config.vpc_id != vpc_id:
        found.append(f"it lies in {cluster.vpc_config.vpc_id}; groundwork:network.existing.vpcId is {vpc_id}")
    if is_scraped and not cluster.vpc_config.endpoint_private_access:
        found.append("its private endpoint is off, by which metrics are collected; or set monitoring.prometheus: false")
    mode = cluster.access_configs[0].authentication_mode if cluster.access_configs else "CONFIG_MAP"
    if mode == "CONFIG_MAP":
        found.append(
            "its authentication mode is CONFIG_MAP; teams come in by access entries: API_AND_CONFIG_MAP or API"
        )
    compute = cluster.compute_configs[0] if cluster.compute_configs else None
    if compute is None or not compute.enabled:
        found.append("it is not in Auto Mode, which brings the nodes, load balancers, disks and Pod Identity")
    elif not compute.node_role_arn:
        found.append("its Auto Mode has no node role: switch on a built-in node pool")
    return found
