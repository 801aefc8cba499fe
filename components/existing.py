"""Asking AWS about what exists already, and saying everything that does not fit before anything uses it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pulumi
import pulumi.runtime

Answer = TypeVar("Answer")
PREFACE = "returned an error: "
"""What the engine puts before a provider's own words."""


def asked(
    function: str, given: Mapping[str, Any], answer: type[Answer], setting: str, parent: pulumi.Resource
) -> pulumi.Output[Answer]:
    """What a function of the AWS provider answers; nothing of it comes into the stack's state.

    function: its token (`aws:ec2/getVpc:getVpc`). answer: its result's class in the SDK. setting: key of the settings
    that names the thing. Fails with pulumi.RunError, which the engine shows without a traceback: the SDK's own wrapper
    (`aws.ec2.get_vpc_output`) ends in one.
    """

    async def ask() -> Answer:
        try:
            return await pulumi.runtime.invoke_async(function, dict(given), pulumi.InvokeOptions(parent=parent), answer)
        except Exception as error:
            said = str(error).rpartition(PREFACE)[2]
            raise pulumi.RunError(f"groundwork:{setting}: it cannot be looked at: {said}") from None

    return pulumi.Output.from_input(ask())


def refuse_unless_it_fits(setting: str, what: str, problems: Sequence[str]) -> None:
    """Raises pulumi.RunError, which the engine shows without a traceback, where there are problems.

    setting: key of the settings that names the thing. what: the thing, in words. problems: each a sentence without
    its full stop.
    """
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise pulumi.RunError(
            f"groundwork:{setting}: {what} does not fit; nothing of it has been changed.\n{lines}\n"
            "  Mend it where it is looked after, or name another one (docs/adoption.md)."
        )
