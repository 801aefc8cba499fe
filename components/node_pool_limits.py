"""The arithmetic between a pool's limit and the machines that it may have."""

from collections.abc import Sequence

from components.instance_facts import WORDS, Instance, instances_of, sizes


def sizes_within(families: Sequence[str], limit: int, wanted: Sequence[int] | None = None) -> tuple[int, ...]:
    """Devices (or vCPUs) that one node of the pool may have without being above the pool's limit by itself.

    limit: the most devices (or vCPUs) that the pool may ever hold. wanted: numbers that a node may have; None for all.
    Raises ValueError, with the arithmetic, where no node fits: such a pool would never start one.
    """
    machines = instances_of(families)
    word = WORDS[machines[0].accelerator]
    offered = tuple(size for size in sizes(families) if wanted is None or size in wanted)
    if not offered:
        raise ValueError(
            f"no instance type of {', '.join(families)} has {either(wanted or ())} {word}; "
            f"they have {either(sizes(families))}"
        )
    fitting = tuple(size for size in offered if size <= limit)
    if not fitting:
        smallest = next(each for each in machines if each.size == offered[0])
        raise ValueError(
            f"the smallest node of {', '.join(families)} that the pool allows is {smallest.described}, "
            f"and {smallest.size} > {limit}: the pool could never start a node"
        )
    return fitting


def nodes_within(machine: Instance, limit: int) -> int:
    """How many machines of one type the limit holds. Raises ValueError, with the arithmetic, where it holds none."""
    if machine.size > limit:
        raise ValueError(
            f"one node is {machine.described}, and {machine.size} > {limit}: the pool could never start a node"
        )
    return limit // machine.size


def either(counts: Sequence[int]) -> str:
    """`1, 4 or 8`."""
    texts = [str(count) for count in counts]
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
