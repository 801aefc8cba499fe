"""A window's rows once more, from the captures: for those who want to look closer."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from ml.captures import Captures, UnreadableBodyError, captures_uri, variants_of
from ml.errors import NotFoundError
from ml.spec.rollout import SHADOW
from ml.watch.answer import compared
from ml.watch.place import Place
from ml.watch.reference import Reference
from ml.watch.run import LAST
from ml.watch.windows import Asked, in_order, rows_of
from platform_contract import PlatformContract


def rows_again(
    s3: Any, contract: PlatformContract, team: str, endpoint: str, place: Place, reference: Reference, name: str
) -> dict[str, list[Any]]:
    """The columns of a window that was judged, all in memory. Raises NotFoundError where it, or its rows, are gone."""
    window, names = place.window(name), place.names()
    if window is None:
        raise NotFoundError(f"{endpoint} has no window {name}: ml watch windows {endpoint}")
    start, end = (datetime.fromisoformat(window[side]) for side in ("start", "end"))
    before = names[names.index(name) - 1] if names.index(name) else ""
    previous = place.window(before) if before else None
    after = (start - timedelta(microseconds=1), LAST)
    if previous is not None and previous["last"]:
        # Of windows of rows two may share a second: the event's id tells them apart.
        after = max(after, (datetime.fromisoformat(previous["end"]), str(previous["last"])))
    # A window of time ends before its end.
    until = (end, str(window["last"])) if window["last"] else (end - timedelta(microseconds=1), LAST)
    uri = captures_uri(contract, team, endpoint)
    variants = [variant for variant in variants_of(s3, uri) if variant != SHADOW]
    captures = Captures(s3, uri, start=start, end=end + timedelta(seconds=1), variants=variants)
    found: list[Asked] = []
    for request in takewhile(lambda one: (one.time, one.event_id) <= until, in_order(captures, after)):
        try:
            found.append(rows_of(request, reference.columns)[0])
        except UnreadableBodyError:
            continue
    if not found:
        raise NotFoundError(f"The captures of the window {name} are gone: {uri}")
    return compared(found)
