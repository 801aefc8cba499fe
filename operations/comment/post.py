"""Brings a pull request to exactly one comment of a kind, whoever else does the same at the same time.

Forges have no "create if absent" and no conditional update. So everybody who posts looks at what is there, goes towards
one state that all agree on (the oldest comment stays, with the newest run's text), and looks again until it is so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from operations.comment.conversation import Comment, CommentGoneError, ConflictError, Conversation, ForgeError
from operations.comment.marker import Marker, marker_of

ROUNDS = 8
PAUSE_S = 1.0
"""Before looking again, so that what others do at the same moment is seen."""


@dataclass(frozen=True)
class Posted:
    """How it ended.

    action: created, updated, unchanged, or superseded where a newer run's text is there and stays.
    """

    action: str
    url: str


def post(
    conversation: Conversation, marker: Marker, text: str, pause: Callable[[float], object] = time.sleep
) -> Posted:
    """Posts a report, or brings its comment up to date. Raises ForgeError."""
    body = marker.with_text(text)
    if len(body) > conversation.limit:
        raise ForgeError(
            f"The report has {len(body):,} characters with its marker: a comment on {conversation.title} takes "
            f"{conversation.limit:,}.",
            hint="`groundwork preview --limit` writes one that fits and keeps the rest in the HTML report.",
        )
    action = "unchanged"
    for _ in range(ROUNDS):
        found = _found(conversation, marker.key)
        kept = min(found, key=lambda each: each[0].id, default=None)
        try:
            if kept is None:
                conversation.create(body)
                action = "created"
            else:
                wanted, newer = _wanted(found, marker, body)
                for extra, _ in found:
                    if extra.id != kept[0].id:
                        conversation.delete(extra)
                if not _same(kept[0].body, wanted):
                    conversation.update(kept[0], wanted)
                    action = "created" if action == "created" else "superseded" if newer else "updated"
                elif len(found) == 1:
                    return Posted("superseded" if newer else action, kept[0].url)
        except (CommentGoneError, ConflictError):
            # Somebody else was at it: what is there now decides.
            pass
        pause(PAUSE_S)
    raise ForgeError(
        f"The comment on {conversation.title} does not come to rest: others change it all the time.",
        hint="Let one job post at a time (a concurrency group), or give each job's report a --key of its own.",
    )


def _found(conversation: Conversation, key: str) -> list[tuple[Comment, Marker]]:
    marked = ((comment, marker_of(comment.body)) for comment in conversation.comments() if comment.mine)
    return [(comment, marker) for comment, marker in marked if marker is not None and marker.key == key]


def _wanted(found: list[tuple[Comment, Marker]], marker: Marker, body: str) -> tuple[str, bool]:
    """The text that stays, and whether it is a newer run's than ours."""
    comment, newest = max(found, key=lambda each: (each[1].order, each[0].id))
    newer = newest.order > marker.order
    return (comment.body, True) if newer else (body, False)


def _same(there: str, wanted: str) -> bool:
    """Whether a forge holds a text: both turn line ends into CRLF or strip the end at times."""
    return there.replace("\r\n", "\n").rstrip() == wanted.replace("\r\n", "\n").rstrip()
