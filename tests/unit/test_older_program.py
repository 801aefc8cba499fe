"""Where an upgrade begins: the newest release, commits by name, and commits that a clone does not have."""

import subprocess
from pathlib import Path

import pytest

from tests.engine import older_program
from tests.engine.older_program import MissingCommitError, extract, starts

pytestmark = pytest.mark.unit


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
    return subprocess.run(
        ["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def commit(folder: Path, content: str) -> str:
    (folder / "program.txt").write_text(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", content)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    monkeypatch.setattr(older_program, "SOURCE", folder)
    return folder


def test_the_newest_release_before_this_commit_comes_first(repository: Path):
    commit(repository, "one")
    git(repository, "tag", "v0.1.0")
    commit(repository, "two")
    git(repository, "tag", "v0.2.0")
    commit(repository, "three")
    git(repository, "tag", "not-a-release")
    git(repository, "tag", "v0.3.0")
    first, *named = starts()
    assert (first.commit, first.environment) == ("v0.2.0", "local")
    assert named
    extract(first.commit, repository.parent / "before")
    assert (repository.parent / "before" / "program.txt").read_text() == "two"
    assert (repository.parent / "before" / ".venv" / "bin").is_dir()


def test_without_a_release_it_is_what_the_list_names_first(repository: Path):
    commit(repository, "one")
    commit(repository, "two")
    assert len(starts()[0].commit) == 40


def test_a_shallow_clone_fetches_what_it_lacks_and_says_why_where_it_cannot(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    older = commit(repository, "one")
    commit(repository, "two")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", str(clone))
    monkeypatch.setattr(older_program, "SOURCE", clone)
    (repository / ".git").rename(repository / "away")
    with pytest.raises(MissingCommitError, match=f"this clone has no commit {older}, and `git fetch .* says: .+"):
        extract(older, tmp_path / "nothing")
    (repository / "away").rename(repository / ".git")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    extract(older, tmp_path / "before")
    assert (tmp_path / "before" / "program.txt").read_text() == "one"
