"""What is done about drift beyond telling: once for a version that serves, so that it does not go back and back."""

from collections.abc import Callable
from datetime import UTC, datetime

from ml.watch.place import Place

REACTION = "reaction.json"


def react(place: Place, kind: str, serving: Callable[[], str], bring: Callable[[], None]) -> bool:
    """Bring another version, unless what serves now is what an earlier reaction brought. Whether it did.

    kind: rollback or fall-back. serving: the name of the configuration that serves. What `bring` raises passes, and
    nothing is noted then.
    """
    before = serving()
    last = place.read(REACTION)
    if last is not None and last["serves"] == before:
        return False
    bring()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    place.write(REACTION, {"at": at, "kind": kind, "served": before, "serves": serving()})
    return True
