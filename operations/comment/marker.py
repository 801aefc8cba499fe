"""The line at the head of a comment that says which report it is and which run wrote it; readers do not see it."""

import re
from dataclasses import dataclass

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RUN = re.compile(r"\d+(\.\d+)*")
_MARKER = re.compile(r"<!-- groundwork:comment key=(?P<key>[a-z0-9-]+) run=(?P<run>[\d.]+) -->")


@dataclass(frozen=True)
class Marker:
    """Which report a comment holds.

    key: one comment each. run: numbers that grow, as 12.1: the first attempt of the forge's run 12.
    """

    key: str
    run: str

    @property
    def order(self) -> tuple[int, ...]:
        """For comparing runs."""
        return tuple(int(number) for number in self.run.split(".") if number)

    def __str__(self) -> str:
        return f"<!-- groundwork:comment key={self.key} run={self.run} -->"

    def with_text(self, text: str) -> str:
        """A comment's body."""
        return f"{self}\n{text}"


def marker_of(body: str) -> Marker | None:
    """The marker of a comment; only its first line counts, so that quoting a report makes no second one."""
    found = _MARKER.match(body)
    return Marker(found["key"], found["run"]) if found else None
