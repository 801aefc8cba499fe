"""A pull request of GitHub, by PyGithub. API: https://docs.github.com/en/rest/issues/comments"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from operations.comment.conversation import Comment, CommentGoneError, Refusals

if TYPE_CHECKING:
    from github import GithubException
    from github.IssueComment import IssueComment

LIMIT = 65_536
"""Characters of a comment's body: what the API says when it refuses one ("body is too long (maximum is 65536 …)")."""
RETRIES = 6
MOST_WAIT_S = 300.0
"""For a rate limit; a job that would wait longer fails and says until when."""
METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
"""What is asked again after a 5xx or a rate limit. A create that went through all the same leaves two comments, and
post() takes one of them away."""
HINTS = {
    401: "The token is not valid (any more).",
    403: "The job needs `permissions: pull-requests: write`; a fork's pull request never has it.",
    404: "Is that the pull request, and may the token see the repository?",
}


class GitHubPullRequest:
    """The comments of one pull request.

    api: the API's address. repository: owner/name. number: of the pull request.
    """

    limit = LIMIT

    def __init__(self, *, api: str, token: str, repository: str, number: int) -> None:
        # Imported here: PyGithub takes a second.
        import github

        self._github = github.Github(
            base_url=api.rstrip("/"),
            auth=github.Auth.Token(token),
            per_page=100,
            user_agent="groundwork",
            lazy=True,
            retry=github.GithubRetry(
                total=RETRIES, backoff_factor=0.5, max_rate_limit_wait=MOST_WAIT_S, allowed_methods=METHODS
            ),
        )
        self.title = f"{repository}#{number}"
        self._issue = self._github.get_repo(repository).get_issue(number)
        self._comments: dict[int, IssueComment] = {}
        self._refusals = Refusals(
            forge="GitHub", title=self.title, error=github.GithubException, read=_status_and_message, hints=HINTS
        )

    def comments(self) -> Sequence[Comment]:
        with self._refusals.told():
            self._comments = {comment.id: comment for comment in self._issue.get_comments()}
            return [
                Comment(id=number, body=comment.body or "", mine=self._is_mine(comment), url=comment.html_url)
                for number, comment in self._comments.items()
            ]

    def create(self, body: str) -> None:
        with self._refusals.told():
            self._issue.create_comment(body)

    def update(self, comment: Comment, body: str) -> None:
        with self._refusals.told(about_one=True):
            self._comments[comment.id].edit(body)

    def delete(self, comment: Comment) -> None:
        with contextlib.suppress(CommentGoneError), self._refusals.told(about_one=True):
            self._comments[comment.id].delete()

    def _is_mine(self, comment: IssueComment) -> bool:
        login = self._login
        return comment.user.login == login if login else comment.user.type == "Bot"

    @functools.cached_property
    def _login(self) -> str:
        """Whose token this is; empty for an app's, as a workflow's is: GitHub tells those nothing about themselves."""
        import github

        try:
            return self._github.get_user().login
        except github.GithubException as error:
            if error.status == 403 and not isinstance(error, github.RateLimitExceededException):
                return ""
            raise


def _status_and_message(error: GithubException) -> tuple[int, str]:
    return error.status, "not found" if error.status == 404 else error.message or ""
