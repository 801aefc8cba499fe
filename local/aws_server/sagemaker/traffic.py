"""Which fleet and variant of an endpoint takes a request, also while an update shifts requests from one to another."""

import random
import threading
from collections.abc import Mapping

from local.aws_server.sagemaker.fleet import Fleet, Variant


class Deck:
    """Deals out a share of exactly `part` in every `whole` requests, in random order.

    Like a round over the instances of both fleets: a canary of one in ten never gets more than one request in ten.
    """

    def __init__(self, part: int, whole: int) -> None:
        self._cards = [True] * part + [False] * (whole - part)
        self._left: list[bool] = []

    def draw(self) -> bool:
        """Whether the next request belongs to the share."""
        if not self._left:
            self._left = random.sample(self._cards, len(self._cards))
        return self._left.pop()


class Traffic:
    """main: the fleet that serves. green: the one that an update brings, None without an update."""

    def __init__(self, main: Fleet) -> None:
        self.main = main
        self.green: Fleet | None = None
        self._decks: dict[str, Deck] = {}
        self._lock = threading.Lock()

    def fleets(self) -> list[Fleet]:
        """Every fleet that has processes."""
        with self._lock:
            return [self.main] if self.green is None else [self.main, self.green]

    def add(self, green: Fleet) -> None:
        """A fleet that gets no requests yet."""
        with self._lock:
            self.green, self._decks = green, {}

    def split(self, shares: Mapping[str, tuple[int, int]]) -> None:
        """From now on the added fleet gets `part` of each `whole` requests of a variant."""
        decks = {name: Deck(part, whole) for name, (part, whole) in shares.items() if part}
        with self._lock:
            self._decks = decks

    def settle(self, fleet: Fleet) -> None:
        """From now on this fleet gets every request."""
        with self._lock:
            self.main, self.green, self._decks = fleet, None, {}

    def choose(self, target: str | None) -> tuple[Fleet, Variant] | None:
        """Who takes the next request; None where no variant has the name."""
        with self._lock:
            variant = self.main.variant(target)
            if variant is None:
                return None
            deck = self._decks.get(variant.name)
            if self.green is not None and deck is not None and deck.draw():
                taken = self.green.variant(variant.name)
                if taken is not None:
                    return self.green, taken
            return self.main, variant
