"""Logs have an end."""

from collections.abc import Iterator, Sequence

from policies.model import Resource, Violation, resource_rule, stack_rule
from policies.parameters import Parameters
from policies.values import MISSING, UNKNOWN, at

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
CLUSTER = "aws:eks/cluster:Cluster"


@resource_rule("log-retention", "Every log group has a retention.", LOG_GROUP)
def log_retention(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Log groups that keep everything for good, which is what AWS does by default."""
    if at(resource.props, "retentionInDays") in (MISSING, 0):
        yield f"{resource.name} never expires. Set retentionInDays (the `…Days` settings name it)."


@stack_rule("log-groups-declared", "A log group that AWS would make by itself is made here, with a retention.")
def log_groups_declared(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Clusters that log into a group that EKS makes: without encryption and without an end.

    Source of the name: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    groups = [at(item.props, "name") for item in resources if item.type == LOG_GROUP]
    for cluster in resources:
        if cluster.type != CLUSTER or not at(cluster.props, "enabledClusterLogTypes"):
            continue
        name = at(cluster.props, "name")
        if name is not UNKNOWN and UNKNOWN not in groups and f"/aws/eks/{name}/cluster" not in groups:
            yield Violation(
                f"{cluster.name} logs to /aws/eks/{name}/cluster, which nothing here declares. Add that log group "
                f"with a retention and a key, and let the cluster depend on it.",
                cluster.urn,
            )
