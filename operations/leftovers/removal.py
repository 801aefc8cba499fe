"""Removes leftovers, again and again until nothing is left or nothing moves: AWS refuses what is still in use."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.kind import Clients, Kind
from operations.leftovers.scan import KINDS, is_gone

PATIENCE_S = 1800.0
"""A cluster's node groups, a NAT gateway and the interfaces of a load balancer take minutes to go."""
PAUSE_S = 10.0
BY_WORD = {kind.word: kind for kind in KINDS}


def remove(
    clients: Clients,
    look: Callable[[], Report],
    tell: Callable[[str], None],
    *,
    patience_s: float = PATIENCE_S,
    pause_s: float = PAUSE_S,
) -> Report:
    """Remove every leftover that a kind's own calls can; what is retained or scheduled is not touched.

    look: scans; it is called after each pass. tell: hears of each removal, and of each refusal once. Returns the last
    scan. It ends when nothing is left, or when for `patience_s` nothing went.
    """
    refused: dict[str, str] = {}
    report = look()
    waits_until = time.monotonic() + patience_s
    while doomed := [one for one in report.of(Fate.LEFTOVER) if not one.by_hand]:
        moved = False
        for finding in doomed:
            if finding.note:
                continue
            refusal = _removed(clients, BY_WORD[finding.kind], finding)
            if not refusal:
                moved = True
                tell(f"{finding.kind} {finding.name}: removed")
            elif refused.get(finding.id) != refusal:
                refused[finding.id] = refusal
                tell(f"{finding.kind} {finding.name}: not yet: {refusal}")
        before = {(one.kind, one.id) for one in doomed}
        report = look()
        left = {(one.kind, one.id) for one in report.of(Fate.LEFTOVER) if not one.by_hand}
        if left < before:
            waits_until = time.monotonic() + patience_s
        if not left:
            break
        if time.monotonic() > waits_until:
            break
        if not (moved and left < before):
            time.sleep(pause_s)
    return report


def _removed(clients: Clients, kind: Kind, finding: Finding) -> str:
    """Removes one; why AWS refused where it did."""
    try:
        if callable(kind.remove):
            kind.remove(clients, finding.item)
        else:
            client: Any = clients(kind.service)
            for call in kind.remove:
                call(client, finding.item)
    except ClientError as error:
        return "" if is_gone(error) else str(error)
    except BotoCoreError as error:
        return str(error)
    return ""
