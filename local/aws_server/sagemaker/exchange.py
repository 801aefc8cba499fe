"""One request to a variant of an endpoint: to whichever instance is healthy, whatever is being replaced meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from local.aws_server.sagemaker.fleet import Fleet, Variant
from local.aws_server.sagemaker.instance import BrokenAnswerError, Instance, NoAnswerError, Reply

INVOCATION_TIMEOUT_S = 60.0
"""A container must answer within this time."""
Choice = tuple[Fleet, Variant]


@dataclass(frozen=True)
class Answered:
    """A request's way: the fleet and variant that had it, its reply or why there is none, seconds in the container.

    instance: the id of the instance that had it, "" where none had.
    """

    fleet: Fleet
    variant: Variant
    reply: Reply | None
    problem: str = ""
    model_s: float = 0.0
    instance: str = ""

    @property
    def status(self) -> int:
        """The reply's, as the caller's metrics count it."""
        return self.reply.status if self.reply is not None else 500


Sending = Callable[[Fleet, Variant, Instance, float], Reply]
"""Has an instance answer within a time, in seconds; raises what Instance.exchange raises."""


def exchange(
    choice: Choice,
    request: bytes | Sending,
    choose_again: Callable[[], Choice | None],
    timeout_s: float = INVOCATION_TIMEOUT_S,
) -> Answered:
    """Sends a request, and to the next choice where the first has gone before it took the request.

    A request whose process ends before its answer is whole goes to one other process: one that was killed fails
    nobody's request, and a request that kills its server kills two of them and not all.
    """
    until = time.monotonic() + timeout_s
    second_try = False
    while True:
        fleet, variant = choice
        with fleet.instance_of(variant, until - time.monotonic()) as instance:
            if instance is not None:
                began = time.monotonic()
                try:
                    if isinstance(request, bytes):
                        reply = instance.exchange(request, timeout_s)
                    else:
                        reply = request(fleet, variant, instance, timeout_s)
                except NoAnswerError:
                    # It has just died: its own thread will notice; another one, or its successor, takes the request.
                    instance.suspect()
                except BrokenAnswerError as error:
                    if second_try or error.timed_out:
                        return Answered(fleet, variant, None, str(error), time.monotonic() - began, instance.identity)
                    second_try = True
                    instance.suspect()
                else:
                    return Answered(fleet, variant, reply, model_s=time.monotonic() - began, instance=instance.identity)
        if instance is None:
            # An update may have replaced the fleet between the choice and now.
            following = choose_again() if fleet.retired or not variant.instances else None
            if following is None or following == choice or time.monotonic() >= until:
                return Answered(fleet, variant, None, "No instance of the variant is healthy.")
            choice = following
