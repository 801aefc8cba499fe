"""What the settings of pools and teams say about queues."""

from collections.abc import Iterator, Sequence

from components.instance_class import instance_class
from components.instance_facts import RESOURCES
from components.queue_shares import InstanceClass, TeamShare, classes_of, problems
from infra.sections.ml import TeamSettings
from infra.sections.node_pools import NodePoolSettings
from infra.sections.section import Problem


def classes_of_pools(pools: Sequence[NodePoolSettings]) -> tuple[InstanceClass, ...]:
    """The instance classes of the pools with accelerators. CPUs are counted by quota alone."""
    return classes_of(
        (pool.name, instance_class(pool.machine_families, pool.gpu_sharing), pool.resource, pool.advertised)
        for pool in pools
        if pool.accelerator != "none"
    )


def shares_of_teams(teams: Sequence[TeamSettings]) -> list[TeamShare]:
    """What the teams get."""
    return [
        TeamShare(
            team=team.name,
            cpus=team.quota.cpus,
            memory_gib=team.quota.memory_gib,
            quota={RESOURCES["nvidia"]: team.quota.gpus, RESOURCES["neuron"]: team.quota.neuron_devices},
            guaranteed=team.queue.guaranteed,
            borrow=team.queue.borrow,
            lend=team.queue.lend,
        )
        for team in teams
    ]


def queue_problems(pools: Sequence[NodePoolSettings], teams: Sequence[TeamSettings]) -> Iterator[Problem]:
    """What is wrong with the classes of the pools and the shares of the teams, taken together."""
    indexes = {team.name: index for index, team in enumerate(teams)}
    for team, key, value, message in problems(classes_of_pools(pools), shares_of_teams(teams)):
        yield Problem(key=f"teams[{indexes[team]}].{key}" if team else "nodePools", value=value, message=message)
