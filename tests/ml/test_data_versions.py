"""Versions of data sets on the AWS server: DVC's own commands against the data bucket, and `ml data`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ml

Platform = Any

PREPARE = """
from pathlib import Path
rows = Path("raw.csv").read_text().splitlines()
Path("clean.csv").write_text("\\n".join(sorted(set(rows))))
"""


def run(platform: Platform, folder: Path, *command: str) -> str:
    environment = {
        **os.environ,
        **platform.variables,
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
        # Of git, so that the test leaves the user's own settings out.
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    # Found by its profile alone, as on a person's machine.
    environment.pop("AWS_PROFILE", None)
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout


def dvc(platform: Platform, folder: Path, *arguments: str) -> str:
    return run(platform, folder, sys.executable, "-m", "dvc", *arguments)


def test_dvc_pushes_pulls_and_reproduces_through_the_data_bucket(platform: Platform, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    run(platform, project, "git", "init", "-q")
    (project / "raw.csv").write_text("b\na\nb\n")
    (project / "prepare.py").write_text(PREPARE)
    answer = platform.ml_json("data", "remote", project, "--env", "local")
    assert answer == {
        "remote": "local",
        "url": "s3://groundwork-test-data/teams/research/dvc",
        "team": "research",
    }
    assert "profile" not in (project / ".dvc" / "config").read_text()
    dvc(platform, project, "add", "raw.csv")
    stage = ["-n", "prepare", "-d", "raw.csv", "-d", "prepare.py", "-o", "clean.csv", f"{sys.executable} prepare.py"]
    dvc(platform, project, "stage", "add", *stage)
    dvc(platform, project, "repro")
    run(platform, project, "git", "add", "-A")
    run(platform, project, "git", "commit", "-qm", "data")
    dvc(platform, project, "push")
    stored = platform.client("s3").list_objects_v2(Bucket="groundwork-test-data", Prefix="teams/research/dvc/")
    assert len(stored["Contents"]) == 2

    # Another person's clone: what it needs is the environment's profile and git.
    clone = tmp_path / "clone"
    run(platform, tmp_path, "git", "clone", "-q", str(project), str(clone))
    platform.ml_json("data", "remote", clone, "--env", "local")
    dvc(platform, clone, "pull")
    assert (clone / "clean.csv").read_text() == "a\nb"
    assert "up to date" in dvc(platform, clone, "repro")
    (clone / "raw.csv").unlink()
    (clone / "raw.csv").write_text("c\n")
    dvc(platform, clone, "repro")
    assert (clone / "clean.csv").read_text() == "c"
    assert run(platform, clone, "git", "status", "--short", ".dvc") == ""


def test_a_data_set_has_the_same_version_here_and_in_the_bucket(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "flights"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("x\n2\n")
    s3 = platform.client("s3")
    for name in ("a.csv", "b.csv"):
        s3.upload_file(str(folder / name), "groundwork-test-data", f"teams/research/versions/{name}")
    here = platform.ml_json("data", "show", f"{folder}", "--env", "local")[str(folder)]
    there = platform.ml_json("data", "show", "versions", "--env", "local", "--team", "research")["versions"]
    assert here["version"] == there["version"]
    assert (there["files"], there["size_bytes"]) == (2, 8)
    s3.put_object(Bucket="groundwork-test-data", Key="teams/research/versions/b.csv", Body=b"x\n3\n")
    changed = platform.ml_json("data", "show", "versions", "--env", "local")["versions"]
    assert changed["version"] != there["version"]
    shutil.rmtree(folder)
    missing = platform.ml("data", "show", "nowhere", "--env", "local")
    assert missing.returncode == 6
    assert "Nothing lies at s3://groundwork-test-data/teams/research/nowhere" in missing.stderr


def test_what_is_inferred_here_is_what_the_gate_takes(platform: Platform, tmp_path: Path) -> None:
    rows = "".join(f"{number},{18 + number % 50},{'ab'[number % 2]}\n" for number in range(200))
    (tmp_path / "train.csv").write_text(f"id,age,kind\n{rows}")
    (tmp_path / "test.csv").write_text("id,age,kind\n" + "".join(f"{1000 + n},{30 + n},a\n" for n in range(5)))
    inferred = platform.ml("data", "infer", "train.csv", "test.csv", "--key", "id", cwd=tmp_path)
    assert inferred.returncode == 0, inferred.stderr
    (tmp_path / "expectations.yaml").write_text(inferred.stdout)
    good = platform.ml("data", "validate", "train.csv", "--report", "r.html", cwd=tmp_path)
    assert good.returncode == 0, good.stdout
    assert "<h1>Data validation</h1>" in (tmp_path / "r.html").read_text()
    (tmp_path / "train.csv").write_text(f"id,age,kind\n{rows}".replace(",20,", ",-4,"))
    bad = platform.ml("data", "validate", "train.csv", "test.csv", "-o", "json", cwd=tmp_path)
    assert bad.returncode == 1
    assert "age" in {one["column"] for one in json.loads(bad.stdout)["findings"] if not one["passed"]}
