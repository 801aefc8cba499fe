"""What a forge must be able to do, and what can go wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from local.errors import LocalStackError


class ForgeError(LocalStackError):
    """The forge did not do what was asked, after all retries."""


class CommentGoneError(Exception):
    """The comment was deleted meanwhile."""


class ConflictError(Exception):
    """The forge could not take the change, because somebody else was at it."""


@dataclass(frozen=True)
class Comment:
    """A comment of a pull request.

    id: grows with time. mine: written by whoever's token this is; nobody else's comment is ever touched.
    """

    id: int
    body: str
    mine: bool
    url: str


class Conversation(Protocol):
    """A pull request's comments. Every method raises ForgeError."""

    limit: int
    """The most characters that the forge takes in a comment."""

    @property
    def title(self) -> str:
        """What a person calls it: owner/name#12."""
        ...

    def comments(self) -> Sequence[Comment]:
        """All of them, every page."""
        ...

    def create(self, body: str) -> None:
        """Adds one. Raises ConflictError."""
        ...

    def update(self, comment: Comment, body: str) -> None:
        """Changes one. Raises CommentGoneError and ConflictError."""
        ...

    def delete(self, comment: Comment) -> None:
        """Takes one away; one that is gone already is no error. Raises ConflictError."""
        ...
