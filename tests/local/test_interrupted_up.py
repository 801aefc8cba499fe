"""Ctrl-C while `make local` starts the services, in a checkout of the test's own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.acquire.acquire import find
from local.acquire.tools import TOOLS
from local.paths import Paths
from local.supervisor.client import SupervisorClient

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
SOURCE = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    missing = [tool.title for tool in TOOLS if find(tool, ("path",)) is None]
    assert not missing, f"{', '.join(missing)}: not here yet; `make local` brings them"
    shutil.copytree(SOURCE / "local", tmp_path / "local", ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path
    local(tmp_path, "stop")


def local(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *command], cwd=checkout, capture_output=True, text=True, check=False
    )


def test_an_interrupted_start_of_the_services_says_so_and_the_next_one_finishes_it(checkout: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--until", "services"],
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert first.stdout is not None
    for line in first.stdout:
        if line.startswith("Services"):
            break
    # As a terminal does: to every process of the foreground group.
    os.killpg(first.pid, signal.SIGINT)
    said = first.stdout.read()
    assert first.wait() == 130, said
    assert "Interrupted. What is finished is kept: run `make local` again to go on." in said
    assert "Traceback" not in said

    second = local(checkout, "up", "--until", "services")
    assert second.returncode == 0, second.stdout + second.stderr
    status = SupervisorClient(Paths(checkout)).alive()
    assert status is not None
    assert {service.state for service in status.services} == {"healthy"}
    assert Paths(checkout).local.stat().st_mode & 0o077 == 0, "others may look in"
