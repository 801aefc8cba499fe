"""A change is rehearsed as its author would: the whole command, on stacks that it makes and takes away itself."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from tests.checkout import MINUTES, SOURCE, Checkout, fresh_checkout, newcomers_environment

pytestmark = [pytest.mark.engine, pytest.mark.full, pytest.mark.timeout(1800)]
SCHEMA = SOURCE / "operations" / "rehearsal" / "rehearsal.schema.json"
COMMAND = (sys.executable, "-c", "from operations.cli import main; main()", "rehearse", "--base", "HEAD")


@dataclass(frozen=True)
class Author:
    """Somebody with a change in their checkout. scratch: where their machine keeps temporary files."""

    checkout: Checkout
    scratch: Path

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.checkout.folder / file
        text = path.read_text()
        assert text.count(before) == 1, f"{file} has {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after))

    def start(self, *options: str) -> "subprocess.Popen[str]":
        self.scratch.mkdir()
        return subprocess.Popen(
            [*COMMAND, *options],
            cwd=self.checkout.folder,
            env={
                **newcomers_environment(),
                "PYTHONPATH": str(self.checkout.folder),
                "TMPDIR": str(self.scratch),
                "PYTHONUNBUFFERED": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def rehearse(self) -> tuple[int, dict[str, Any], str]:
        """Exit status, JSON and Markdown of a rehearsal."""
        files = {name: self.scratch.with_name(f"rehearsal.{name}") for name in ("json", "md")}
        process = self.start("--json", str(files["json"]), "--markdown", str(files["md"]))
        said, _ = process.communicate(timeout=25 * MINUTES)
        print(said)
        assert files["json"].exists(), said
        found = json.loads(files["json"].read_text())
        jsonschema.validate(found, json.loads(SCHEMA.read_text()))
        return process.returncode, found, files["md"].read_text()

    def left_over(self) -> list[str]:
        """What a rehearsal has left behind: folders, and processes that work in them."""
        found = [each.name for each in self.scratch.glob("groundwork-rehearsal-*")]
        for process in psutil.process_iter(["cmdline"]):
            if str(self.scratch) in " ".join(process.info["cmdline"] or []):
                found.append(f"{process.pid} {process.info['cmdline']}")
        return found


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """A clone with one commit, and this environment's packages."""
    checkout = fresh_checkout(tmp_path / "repository")
    (checkout.folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return Author(checkout, tmp_path / "scratch")


def test_nothing_speaks_against_a_change_that_is_safe(author: Author):
    author.edit("Pulumi.local.yaml", "flowLogDays: 7", "flowLogDays: 14")
    status, found, markdown = author.rehearse()
    assert found["findings"] == []
    assert (status, found["verdict"]) == (0, "well")
    assert [each["name"] for each in found["steps"] if each["state"] != "done"] == []
    assert [each["phase"] for each in found["applied"]] == ["change", "rollback", "again"]
    assert [each["counts"]["update"] > 0 for each in found["applied"]] == [True, True, True]
    assert found["load"]["requests"] > 0
    assert found["load"]["failures"] == 0
    assert markdown.startswith("## ✅ ")
    assert author.left_over() == []


def test_a_change_that_loses_logs_and_never_comes_to_rest_is_found_out(author: Author):
    author.edit("components/flow_logs.py", "/vpc-flow-logs", "/vpc-traffic")
    author.edit("components/keys.py", 'description=f"{args.placement.prefix}: {use}"', "description=NOW + use")
    author.edit("components/keys.py", "import pulumi\n", "import time\n\nimport pulumi\n\nNOW = str(time.time_ns())\n")
    status, found, markdown = author.rehearse()
    assert (status, found["verdict"]) == (3, "found")
    assert {(each["kind"], each["step"]) for each in found["findings"]} == {
        ("lost", "change"),
        ("lost", "rollback"),
        ("lost", "again"),
        ("preview", "preview"),
    }
    assert [each["name"] for each in found["steps"] if each["state"] != "done"] == []
    assert "aws:cloudwatch/logGroup:LogGroup network-flow-logs because of name" in found["findings"][0]["text"]
    assert markdown.startswith("## 🛑 ")
    assert author.left_over() == []


def test_after_ctrl_c_nothing_is_left(author: Author):
    process = author.start()
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if "✓ Local services" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait() == 130, "".join(said)
    assert author.left_over() == []
