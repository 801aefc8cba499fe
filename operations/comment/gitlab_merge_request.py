"""A merge request of GitLab, by python-gitlab. API: https://docs.gitlab.com/api/notes/"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from operations.comment.conversation import Comment, CommentGoneError, ConflictError, ForgeError

LIMIT = 1_000_000
"""Characters of a note: https://gitlab.com/gitlab-org/gitlab/-/issues/426314."""
TIMEOUT_S = 30.0

P = ParamSpec("P")
R = TypeVar("R")


class GitLabMergeRequest:
    """The notes of one merge request.

    server: its address. project: its id or path. number: the merge request's iid.
    """

    limit = LIMIT

    def __init__(self, *, server: str, token: str, project: str, number: int) -> None:
        import gitlab

        self._gitlab = gitlab.Gitlab(
            server.rstrip("/"),
            private_token=token,
            timeout=TIMEOUT_S,
            retry_transient_errors=True,
            per_page=100,
            user_agent="groundwork",
        )
        self.title = f"{project}!{number}"
        self._number = number
        self._merge_requests = self._gitlab.projects.get(project, lazy=True).mergerequests
        self._manager = self._merge_requests.get(number, lazy=True).notes

    def comments(self) -> Sequence[Comment]:
        return self._asked(self._list)()

    def create(self, body: str) -> None:
        self._asked(self._manager.create)({"body": body})

    def update(self, comment: Comment, body: str) -> None:
        def update() -> None:
            self._manager.update(comment.id, {"body": body})

        self._asked(update)()

    def delete(self, comment: Comment) -> None:
        def delete() -> None:
            self._manager.delete(comment.id)

        try:
            self._asked(delete)()
        except CommentGoneError:
            return

    def _list(self) -> list[Comment]:
        return [
            Comment(id=note.id, body=note.body, mine=note.author["id"] == self._me, url=f"{self._page}#note_{note.id}")
            for note in self._manager.list(iterator=True)
            if not note.system
        ]

    @functools.cached_property
    def _page(self) -> str:
        """The merge request's own address."""
        return self._merge_requests.get(self._number).web_url

    @functools.cached_property
    def _me(self) -> int:
        """Whose token this is."""
        self._gitlab.auth()
        assert self._gitlab.user is not None
        return self._gitlab.user.id

    def _asked(self, ask: Callable[P, R]) -> Callable[P, R]:
        """A call with GitLab's errors in the words of this package."""
        import gitlab
        import requests

        @functools.wraps(ask)
        def asking(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return ask(*args, **kwargs)
            except gitlab.GitlabError as error:
                status = error.response_code or 0
                if status == 404 and ask.__name__ in ("update", "delete"):
                    raise CommentGoneError from error
                if status == 409:
                    raise ConflictError from error
                raise self._failure(status, str(error.error_message)) from error
            except requests.RequestException as error:
                raise ForgeError(f"GitLab could not be reached for {self.title}: {type(error).__name__}.") from error

        return asking

    def _failure(self, status: int, message: str) -> ForgeError:
        hints = {
            401: "The token is not valid (any more). A job's own CI_JOB_TOKEN may not write notes.",
            403: "The token needs the scope `api` and the role Reporter or more.",
            404: "Is that the merge request, and may the token see the project?",
        }
        said = f" ({message})" if message else ""
        return ForgeError(f"GitLab answered {status} for {self.title}{said}.", hint=hints.get(status, ""))
