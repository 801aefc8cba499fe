"""Shadow variants: copies of requests go to them beside the caller's way, and their answers to nobody.

A sample of the requests is copied: the shadow's weight in relation to the production variant's. The queue is bounded in
requests and bytes, and what finds no room is left out, so that a shadow that is slow or dead costs its caller nothing.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from local.aws_server.sagemaker.exchange import Answered, exchange
from local.aws_server.sagemaker.fleet import Fleet, Variant

logger = logging.getLogger(__name__)

WORKERS = 4
"""Requests that a shadow variant has at a time."""
MOST_WAITING, MOST_WAITING_BYTES = 512, 64 << 20
COMPLAIN_EVERY_S = 60.0


@dataclass(frozen=True)
class Copy:
    """A copied request: for the container, and as data capture sees it."""

    request: bytes
    body: bytes
    content_type: str
    inference_id: str = ""
    custom_attributes: str = ""


class Mirror:
    """Sends copies to the shadow variants of one fleet, for as long as the fleet is there.

    done: called with each answer; dropped: called with the variant for each copy that found no room.
    """

    def __init__(
        self, fleet: Fleet, done: Callable[[Copy, Answered], None], dropped: Callable[[Variant], None]
    ) -> None:
        self.fleet = fleet
        self._done = done
        self._dropped = dropped
        self._waiting: deque[tuple[Variant, Copy]] = deque()
        self._bytes = 0
        self._workers = 0
        self._condition = threading.Condition()
        self._complained_at = 0.0

    def offer(self, copy: Copy) -> None:
        """Queues a copy for each shadow whose sample the request belongs to. Never waits, never raises."""
        total = sum(each.weight for each in self.fleet.variants)
        for shadow in self.fleet.shadows:
            if total and random.random() * total < shadow.weight:  # noqa: S311 - a sample, no secret
                self._put(shadow, copy)

    def _put(self, shadow: Variant, copy: Copy) -> None:
        with self._condition:
            room = len(self._waiting) < MOST_WAITING and self._bytes + len(copy.request) <= MOST_WAITING_BYTES
            if room:
                self._waiting.append((shadow, copy))
                self._bytes += len(copy.request)
                if self._workers < WORKERS:
                    self._workers += 1
                    threading.Thread(target=self._work, name="shadow", daemon=True).start()
                self._condition.notify()
        if not room:
            self._dropped(shadow)
            if time.monotonic() - self._complained_at > COMPLAIN_EVERY_S:
                self._complained_at = time.monotonic()
                logger.warning("shadow variant %s is too slow for its share of requests", shadow.name)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            shadow, copy = taken
            try:
                self._done(copy, exchange((self.fleet, shadow), copy.request, lambda: None))
            except Exception:
                logger.exception("shadow variant %s", shadow.name)

    def _take(self) -> tuple[Variant, Copy] | None:
        with self._condition:
            while not self._waiting or self.fleet.retired:
                if self.fleet.retired or not self._condition.wait(5.0):
                    self._workers -= 1
                    return None
            taken = self._waiting.popleft()
            self._bytes -= len(taken[1].request)
            return taken
