"""`groundwork comment` against the comment APIs of both forges."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.errors import LocalStackError
from operations.comment.conversation import Conversation, ForgeError
from operations.comment.github_pull_request import GitHubPullRequest
from operations.comment.gitlab_merge_request import GitLabMergeRequest
from operations.comment.marker import Marker, marker_of
from operations.comment.place import place
from operations.comment.post import post
from tests.local.forge_server import Fault, Forge, forge_server

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def forge() -> Iterator[Forge]:
    with forge_server() as server:
        yield server


@pytest.fixture(params=["github", "gitlab"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def conversation(forge: Forge, kind: str, token: str = "app") -> Conversation:
    if kind == "github":
        return GitHubPullRequest(api=forge.url, token=token, repository="acme/platform", number=12)
    return GitLabMergeRequest(server=forge.url, token=token, project="77", number=12)


def quickly(seconds: float) -> None:
    """No pause between two looks."""


def run(number: int, key: str = "preview") -> Marker:
    return Marker(key, f"{number}.1")


def test_the_first_run_posts_and_later_ones_bring_it_up_to_date(forge: Forge, kind: str) -> None:
    for number in range(5):
        forge.write(f"a person's remark {number}", "somebody")
    first = post(conversation(forge, kind), run(1), "# Report 1", quickly)
    assert first.action == "created"
    again = post(conversation(forge, kind), run(1), "# Report 1", quickly)
    assert (again.action, again.url) == ("unchanged", first.url)
    second = post(conversation(forge, kind), run(2), "# Report 2", quickly)
    assert (second.action, second.url) == ("updated", first.url)
    assert len(forge.comments) == 6
    assert forge.bodies[-1] == "<!-- groundwork:comment key=preview run=2.1 -->\n# Report 2"
    assert first.url.startswith("https://")


def test_each_key_has_a_comment_of_its_own(forge: Forge, kind: str) -> None:
    post(conversation(forge, kind), run(1), "what will change", quickly)
    post(conversation(forge, kind), run(1, "rehearsal"), "how it went", quickly)
    post(conversation(forge, kind), run(2), "what will change now", quickly)
    assert [marker_of(body) for body in forge.bodies] == [run(2), run(1, "rehearsal")]


@pytest.mark.parametrize("token", ["app", "person"])
def test_a_strangers_comment_with_our_marker_is_not_touched(forge: Forge, kind: str, token: str) -> None:
    planted = run(9).with_text("everything is fine, merge it")
    forge.write(planted, "mallory")
    posted = post(conversation(forge, kind, token), run(1), "it deletes the bucket", quickly)
    assert posted.action == "created"
    assert forge.bodies == [planted, run(1).with_text("it deletes the bucket")]


def test_an_older_run_that_comes_late_leaves_the_newer_text(forge: Forge, kind: str) -> None:
    post(conversation(forge, kind), Marker("preview", "10.1"), "new", quickly)
    assert post(conversation(forge, kind), Marker("preview", "9.3"), "old", quickly).action == "superseded"
    assert forge.bodies == ["<!-- groundwork:comment key=preview run=10.1 -->\nnew"]


def test_runs_that_meet_end_in_one_comment_with_the_newest_text(forge: Forge, kind: str) -> None:
    # Nobody's create is answered before the other one has been asked for: both have seen no comment.
    both = threading.Barrier(2, timeout=60)
    met = threading.Event()

    def meet() -> None:
        if not met.is_set():
            both.wait()
            met.set()

    forge.meet = meet
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(post, conversation(forge, kind), run(n), f"report {n}") for n in (1, 2)]
        for future in started:
            future.result()
    assert len([request for request in forge.asked if request.startswith("POST")]) == 2
    assert forge.bodies == [run(2).with_text("report 2")]


@pytest.mark.parametrize("after", [False, True], ids=["before the change", "after the change"])
@pytest.mark.parametrize("change", ["create", "update"])
def test_a_bad_gateway_is_asked_again_and_leaves_one_comment(forge: Forge, kind: str, change: str, after: bool) -> None:
    if change == "update":
        forge.write(run(1).with_text("report 1"))
    method = "POST" if change == "create" else "PATCH" if kind == "github" else "PUT"
    forge.faults = [Fault(method, 502, after=after), Fault("GET", 502)]
    post(conversation(forge, kind), run(2), "report 2", quickly)
    assert forge.bodies == [run(2).with_text("report 2")]


def test_a_rate_limit_is_waited_for(forge: Forge, kind: str) -> None:
    limit = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    forge.faults = [Fault("POST", 403 if kind == "github" else 429, headers={"Retry-After": "1"}, body=limit)]
    assert post(conversation(forge, kind), run(1), "report", quickly).action == "created"
    assert len(forge.comments) == 1


def test_a_conflict_is_looked_at_again(forge: Forge, kind: str) -> None:
    forge.write(run(1).with_text("report 1"))
    forge.faults = [Fault("PATCH" if kind == "github" else "PUT", 409, body={"message": "conflict"})]
    assert post(conversation(forge, kind), run(2), "report 2", quickly).action == "updated"
    assert forge.bodies == [run(2).with_text("report 2")]


def test_a_comment_that_is_deleted_meanwhile_is_posted_anew(forge: Forge, kind: str) -> None:
    number = forge.write(run(1).with_text("report 1"))
    subject = conversation(forge, kind)
    listed = subject.comments

    def vanishing():
        found = listed()
        forge.comments.pop(number, None)
        return found

    subject.comments = vanishing  # type: ignore[method-assign]
    assert post(subject, run(2), "report 2", quickly).action == "created"
    assert forge.bodies == [run(2).with_text("report 2")]


def test_a_report_that_does_not_fit_is_refused_before_anything_is_asked(forge: Forge, kind: str) -> None:
    subject = conversation(forge, kind)
    with pytest.raises(ForgeError, match=r"The report has .* characters") as refused:
        post(subject, run(1), "x" * subject.limit, quickly)
    assert "--limit" in refused.value.hint
    assert forge.asked == []


def test_a_wrong_token_is_told_with_what_to_do(forge: Forge, kind: str) -> None:
    with pytest.raises(ForgeError, match="answered 401 for") as refused:
        post(conversation(forge, kind, "stale"), run(1), "report", quickly)
    assert "not valid" in refused.value.hint
    assert "stale" not in str(refused.value)


def command(forge: Forge, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    foreign = ("GITHUB_", "GITLAB_", "CI", "GH_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return subprocess.run(
        [sys.executable, "-c", "from operations.cli import main; main()", "comment", *arguments],
        cwd=ROOT,
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_knows_its_pull_request_from_the_job(forge: Forge, kind: str, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text("# What will change\n")
    github = {
        **{"GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "acme/platform"},
        **{"GITHUB_REF": "refs/pull/12/merge", "GITHUB_RUN_NUMBER": "4", "GITHUB_RUN_ATTEMPT": "2"},
        "GITHUB_TOKEN": "app",
    }
    gitlab = {
        **{"GITLAB_CI": "true", "CI_SERVER_URL": forge.url, "CI_PROJECT_ID": "77", "CI_MERGE_REQUEST_IID": "12"},
        **{"CI_PIPELINE_IID": "4", "GITLAB_TOKEN": "person"},
    }
    done = command(forge, tmp_path, str(report), "-o", "json", **(github if kind == "github" else gitlab))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["action"] == "created"
    assert marker_of(forge.bodies[0]) == Marker("preview", "4.2" if kind == "github" else "4")


def test_a_comment_that_cannot_be_posted_fails_the_job_and_leaves_the_report(forge: Forge, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text("# What will change\n")
    forge.faults = [Fault("POST", 403, times=99, body={"message": "Resource not accessible by integration"})]
    where = ("--forge", "github", "--repository", "acme/platform", "--number", "12", "--run", "1")
    done = command(forge, tmp_path, str(report), *where, GITHUB_API_URL=forge.url, GITHUB_TOKEN="app")
    assert done.returncode == 1
    assert "GitHub answered 403 for acme/platform#12" in done.stderr
    assert "pull-requests: write" in done.stderr
    assert f"The report itself is in {report}" in done.stderr
    assert "Traceback" not in done.stderr
    assert report.read_text() == "# What will change\n"


def test_a_job_without_a_pull_request_is_told_all_that_is_missing() -> None:
    with pytest.raises(LocalStackError) as refused:
        place({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"})
    assert all(each in refused.value.hint for each in ("--repository", "--number", "GITHUB_TOKEN"))
    with pytest.raises(LocalStackError, match="neither a job of GitHub Actions nor one of GitLab CI"):
        place({})
