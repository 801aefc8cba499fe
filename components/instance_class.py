"""Instance classes: what pools count as one kind of machine for jobs that wait for it."""

from collections.abc import Sequence

from components.gpu_sharing import GpuSharing

CLASS_LABEL = "groundwork/instance-class"
"""Label of every node of a pool, whose value is the pool's class."""


def instance_class(families: Sequence[str], sharing: GpuSharing | None = None) -> str:
    """The class of pools that buy these instance families: their names in order, such as `g5-g6`.

    Whoever puts families into one pool has said that its jobs run on any of them; pools of the same families differ in
    how or where their machines are bought, which is nothing that a job in a queue waits for. A part of a GPU is no GPU:
    pools that share theirs are a class of their own, such as `p4d-1g.5gb` or `g5-shared-4`.
    """
    parts = sorted(families)
    if sharing is not None:
        parts.append(sharing.profile or f"shared-{sharing.replicas}")
    return "-".join(parts)
