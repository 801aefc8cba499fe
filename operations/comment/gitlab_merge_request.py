"""A merge request of GitLab, by python-gitlab. API: https://docs.gitlab.com/api/notes/"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from operations.comment.conversation import Comment, CommentGoneError, Refusals

if TYPE_CHECKING:
    from gitlab import GitlabError

LIMIT = 1_000_000
"""Characters of a note: https://gitlab.com/gitlab-org/gitlab/-/issues/426314."""
TIMEOUT_S = 30.0
HINTS = {
    401: "The token is not valid (any more). A job's own CI_JOB_TOKEN may not write notes.",
    403: "The token needs the scope `api` and the role Reporter or more.",
    404: "Is that the merge request, and may the token see the project?",
}


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
        self._refusals = Refusals(
            forge="GitLab", title=self.title, error=gitlab.GitlabError, read=_status_and_message, hints=HINTS
        )

    def comments(self) -> Sequence[Comment]:
        with self._refusals.told():
            return [
                Comment(
                    id=note.id, body=note.body, mine=note.author["id"] == self._me, url=f"{self._page}#note_{note.id}"
                )
                for note in self._manager.list(iterator=True)
                if not note.system
            ]

    def create(self, body: str) -> None:
        with self._refusals.told():
            self._manager.create({"body": body})

    def update(self, comment: Comment, body: str) -> None:
        with self._refusals.told(about_one=True):
            self._manager.update(comment.id, {"body": body})

    def delete(self, comment: Comment) -> None:
        with contextlib.suppress(CommentGoneError), self._refusals.told(about_one=True):
            self._manager.delete(comment.id)

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


def _status_and_message(error: GitlabError) -> tuple[int, str]:
    return error.response_code or 0, str(error.error_message)
