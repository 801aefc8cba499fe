"""Waiting for a program's resources in one step.

Once a program has declared everything, the SDK (3.259, pulumi.runtime.stack.wait_for_rpcs) waits for all outputs, and
looks at each of them again whenever one is there: with thousands of resources that takes longer than all else. A
program that waits for its resources itself leaves nothing to look at again.
"""

import asyncio
from collections.abc import Callable, Sequence

import pulumi


def run_settled(program: Callable[[], None]) -> None:
    """Run a program, and hold its end until the engine has answered for every resource that it declares."""
    declared: list[pulumi.Resource] = []

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        declared.append(args.resource)

    pulumi.runtime.register_stack_transformation(note)
    program()

    async def settle() -> pulumi.Inputs:
        await _answered(declared)
        return {}

    pulumi.run(settle)


async def _answered(resources: Sequence[pulumi.Resource]) -> None:
    # Not gather, which would raise: what has failed is the SDK's to tell.
    waiting = [asyncio.ensure_future(resource.urn.future()) for resource in resources]
    if waiting:
        await asyncio.wait(waiting)
        for task in waiting:
            task.exception()  # seen: asyncio complains of an exception that nobody asked for
