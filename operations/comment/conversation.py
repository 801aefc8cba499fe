"""What a forge must be able to do, and what can go wrong with it."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from local.errors import LocalStackError


class ForgeError(LocalStackError):
    """The forge did not do what was asked, after all retries."""


class CommentGoneError(Exception):
    """The comment was deleted meanwhile."""


class ConflictError(Exception):
    """The forge could not take the change, because somebody else was at it."""


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """A forge's errors in the words of this package.

    forge: its name. title: what a person calls the pull request. error: what its client raises. read: HTTP status and
    message of such an error. hints: what helps, by status.
    """

    forge: str
    title: str
    error: type[Exception]
    read: Callable[[Any], tuple[int, str]]
    hints: Mapping[int, str]

    @contextmanager
    def told(self, *, about_one: bool = False) -> Generator[None]:
        """Around a call. about_one: it is about one comment, which may be gone.

        Raises ForgeError, CommentGoneError and ConflictError.
        """
        import requests

        try:
            yield
        except self.error as error:
            status, message = self.read(error)
            if status == 404 and about_one:
                raise CommentGoneError from error
            if status == 409:
                raise ConflictError from error
            said = f" ({message})" if message else ""
            raise ForgeError(
                f"{self.forge} answered {status} for {self.title}{said}.", hint=self.hints.get(status, "")
            ) from error
        except requests.RequestException as error:
            raise ForgeError(f"{self.forge} could not be reached for {self.title}: {type(error).__name__}.") from error


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
