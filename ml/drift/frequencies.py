"""How often each category occurs, in bounded memory: exact while the categories are few, the frequent ones beyond."""

import hashlib
from collections.abc import Mapping
from typing import Any

CATEGORIES = 10_000
"""Distinct categories up to which all are kept with their exact number."""
LONGEST = 200
"""Characters of a category that are kept; of a longer text the beginning and a hash of the whole."""


class Frequencies:
    """Numbers of rows by category.

    Up to `limit` distinct categories nothing is lost. Beyond that it is the summary of Misra and Gries in its mergeable
    form (Agarwal et al., Mergeable Summaries, PODS 2012): a category that is kept has at least the rows that are said
    and at most `error` more, one that is not kept has at most `error`, and error ≤ count / (limit + 1).
    """

    def __init__(self, limit: int = CATEGORIES) -> None:
        self.count = 0
        self.error = 0
        self.limit = limit
        self.rows: dict[str, int] = {}

    @property
    def others(self) -> int:
        """Rows that are not counted for any category that is kept; 0 where all are."""
        return self.count - sum(self.rows.values())

    @property
    def distinct(self) -> int | None:
        """Number of categories; None where they are too many to be kept."""
        return None if self.error else len(self.rows)

    def add(self, rows: Mapping[str, int]) -> None:
        """Add numbers of rows by category."""
        self.count += sum(rows.values())
        self._join(rows)
        # With room for as many again, a shortening is paid by the categories that made it needed.
        if len(self.rows) > 2 * self.limit:
            self._shorten()

    def merge(self, other: "Frequencies") -> None:
        """Add what another has seen; the errors add up. The other stays as it is."""
        self.limit = min(self.limit, other.limit)
        self.count += other.count
        self.error += other.error
        self._join(other.rows)
        self.settle()

    def settle(self) -> None:
        """Keep no more than the limit, as whoever reads it expects."""
        if len(self.rows) > self.limit:
            self._shorten()

    def to_json(self) -> dict[str, Any]:
        """As JSON, the most frequent first."""
        self.settle()
        ordered = dict(sorted(self.rows.items(), key=lambda one: (-one[1], one[0])))
        return {"count": self.count, "error": self.error, "limit": self.limit, "rows": ordered}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Frequencies":
        """What `to_json` wrote."""
        made = cls(document["limit"])
        made.count, made.error, made.rows = document["count"], document["error"], dict(document["rows"])
        return made

    def _join(self, rows: Mapping[str, int]) -> None:
        mine = self.rows
        for category, number in rows.items():
            mine[category] = mine.get(category, 0) + number

    def _shorten(self) -> None:
        """Subtract the first number that has no room from all: at least limit + 1 rows go for each row of error."""
        cut = sorted(self.rows.values(), reverse=True)[self.limit]
        self.rows = {category: number - cut for category, number in self.rows.items() if number > cut}
        self.error += cut


def shortened(category: str) -> str:
    """The category as it is kept."""
    if len(category) <= LONGEST:
        return category
    digest = hashlib.sha256(category.encode(errors="replace")).hexdigest()[:12]
    return f"{category[: LONGEST - 15]}… {digest}"
