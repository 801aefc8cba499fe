"""The queues that teams wait in for the pools."""

import pulumi

from components.cluster import Cluster
from components.kueue import Kueue, KueueArgs
from components.queues import Priority, Queues, QueuesArgs
from components.team import Team
from infra.queue_settings import classes_of_pools, shares_of_teams
from infra.wiring.context import Context


def queue_controller(context: Context, in_cluster: Cluster) -> list[pulumi.Resource]:
    """The controller behind the queues, where the settings want queues; what it answers for must go before it."""
    chosen = context.settings.queues
    if not chosen.enabled:
        return []
    args = KueueArgs(
        provider=in_cluster.provider,
        image=chosen.image,
        replicas=chosen.replicas,
        frameworks=chosen.frameworks,
    )
    return Kueue("kueue", args, context.opts).ready


def queues(
    context: Context, in_cluster: Cluster, controller: list[pulumi.Resource], teams: dict[str, Team]
) -> dict[str, str]:
    """A queue for each team; team to the queue's name in its namespace."""
    settings = context.settings
    if not controller:
        return {}
    args = QueuesArgs(
        provider=in_cluster.provider,
        ready=controller,
        classes=classes_of_pools(settings.node_pools),
        shares=shares_of_teams(settings.teams),
        namespaces={name: team.namespace_object for name, team in teams.items()},
        priorities=[
            Priority(name=one.name, value=one.value, description=one.description) for one in settings.queues.priorities
        ],
        reclaim=settings.queues.reclaim,
        preempt=settings.queues.preempt,
        order=settings.queues.order,
    )
    return Queues("queues", args, context.opts).names
