"""Containers as processes, without a server around them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.aws_server.sagemaker.processes import Command, Container

pytestmark = pytest.mark.local


@pytest.mark.parametrize(
    ("ask", "cause", "exit_code"), [(Container.stop, "stopped", 143), (Container.kill, "killed", 137)]
)
@pytest.mark.parametrize("released_first", [True, False])
def test_a_stop_in_the_first_moment_of_a_container_is_obeyed(
    tmp_path: Path, released_first: bool, ask: Callable[[Container], None], cause: str, exit_code: int
) -> None:
    command = Command(
        argv=["/bin/sh", "-c", "sleep 1000"], environment={"PATH": os.defpath}, cwd="/", max_runtime_s=100, grace_s=90
    )
    container = Container.prepare(tmp_path, command)
    steps = [container.release, lambda: ask(container)]
    for step in steps if released_first else reversed(steps):
        step()
    assert container.ended(timeout_s=60), "the signal was lost, and the command waits for the end of its grace time"
    ended = container.exit()
    container.close()
    assert (ended.cause, ended.exit_code) == (cause, exit_code)
