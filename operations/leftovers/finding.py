"""What a scan has found: one entry a resource, in three lists, and what could not be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Fate(StrEnum):
    """Which of the three lists a resource is in."""

    LEFTOVER = "leftover"
    RETAINED = "retained"
    SCHEDULED = "scheduled"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One resource that is still there.

    kind: in words, such as `load balancer`. id: what AWS deletes it by. name: what people know it by; may be the id.
    why: how it is known to be the environment's. fate: its list. note: what retains it, or when AWS deletes it.
    usd_month: what it costs a month by being there; None where nobody knows. by_hand: why no command removes it.
    item: as AWS listed it.
    """

    kind: str
    id: str
    name: str
    why: str
    fate: Fate
    item: Mapping[str, Any]
    note: str = ""
    usd_month: Decimal | None = None
    by_hand: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that a scan has found. unseen: kinds that could not be looked at, and why."""

    findings: Sequence[Finding]
    unseen: Mapping[str, str]

    def of(self, fate: Fate) -> list[Finding]:
        """One of the three lists."""
        return [finding for finding in self.findings if finding.fate is fate]

    @property
    def empty(self) -> bool:
        """Whether nothing is left over, and everything was looked at: only then is it proven."""
        return not self.of(Fate.LEFTOVER) and not self.unseen
