"""What ships for CI, read by the tools that know it best: actionlint, zizmor and the schemas of the forges."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local.acquire.acquire import acquire
from local.acquire.tools import ACTIONLINT

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(each) for each in command], cwd=ROOT, capture_output=True, text=True, check=False)


def tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return acquire(ACTIONLINT, tmp_path_factory.mktemp("actionlint") / "build.log", print).program("actionlint")


def test_actionlint_finds_nothing_in_the_workflows(actionlint: Path) -> None:
    done = run(actionlint, "-no-color", *WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_what_is_wrong(actionlint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("steps:", "stepz:"))
    done = run(actionlint, "-no-color", broken)
    assert done.returncode == 1
    assert 'unexpected key "stepz"' in done.stdout


def test_zizmor_finds_nothing_that_gives_strangers_our_rights() -> None:
    done = run(tool("zizmor"), "--offline", "--no-progress", "--format", "json", ROOT / ".github" / "workflows")
    assert json.loads(done.stdout) == [], done.stdout
    assert done.returncode == 0, done.stderr


def test_zizmor_finds_an_action_that_is_not_pinned(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    text = re.sub(r"actions/checkout@\S+", "actions/checkout@v6", WORKFLOWS[0].read_text())
    (folder / "check.yml").write_text(text)
    done = run(tool("zizmor"), "--offline", "--no-progress", "--format", "json", folder)
    assert "unpinned-uses" in {finding["ident"] for finding in json.loads(done.stdout)}


def test_the_forges_own_schemas_accept_what_ships() -> None:
    checker = (tool("check-jsonschema"), "--builtin-schema")
    github = run(*checker, "vendor.github-workflows", *WORKFLOWS)
    assert github.returncode == 0, github.stdout + github.stderr
    gitlab = run(*checker, "vendor.gitlab-ci", "--data-transform", "gitlab-ci", ROOT / ".gitlab-ci.yml")
    assert gitlab.returncode == 0, gitlab.stdout + gitlab.stderr


def test_every_action_is_pinned_to_a_commit_whose_source_the_docs_name() -> None:
    told = (ROOT / "docs" / "ci.md").read_text()
    used = {
        (step["uses"].partition("@")[0], step["uses"].partition("@")[2])
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    assert used
    for action, commit in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{action}@{commit}"
        assert re.search(rf"\| `{action}` \| [^|]+ \| `{commit}` \| https://\S+ \|", told), f"{action}@{commit}"
