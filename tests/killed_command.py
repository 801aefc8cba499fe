"""A command that is killed again and again, each time after so many of its steps, until a run of it ends by itself."""

import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STEP = re.compile(r"^ -  \S+ \S+ deleted\b|^    .*: (removed|gone)$")
"""What `groundwork teardown` prints when something has gone for good: the engine's line of a resource that is deleted
and written down as such, or its own of an object in the cluster, a job, an endpoint or a leftover."""
LATER_S = 0.05
PATIENCE_S = 300.0
"""For one run. A run that hangs is killed, and fails the test with what it printed."""


@dataclass
class Killed:
    """What came of it.

    kills: how many runs were ended. steps: the lines that told of one, in all runs. status: of the last run.
    said: what that printed. delay_s: how long after its step the next kill comes.
    """

    kills: int = 0
    steps: list[str] = field(default_factory=list[str])
    status: int | None = None
    said: list[str] = field(default_factory=list[str])
    delay_s: float = 0.0


def kill_after(command: Sequence[str], every: Iterable[int], *, folder: Path, environment: Mapping[str, str]) -> Killed:
    """Runs `command`, kills its whole process group (SIGKILL) after the next of `every` steps, and runs it again.

    Where `every` is at its end, the command runs to its own. The engine tells of a deletion a moment before it writes
    it down: what a kill keeps it from writing is a step of the next run once more. After a run of nothing but such
    steps the next kill comes a little later, or nothing might ever be written.
    """
    result, counts = Killed(), iter(every)
    while result.status is None:
        before = what(result.steps)
        _run(command, next(counts, None), folder, environment, result)
        result.delay_s = 0.0 if what(result.steps) > before else result.delay_s + LATER_S
    return result


def what(steps: Iterable[str]) -> set[str]:
    """What has gone, however often it was told."""
    return {step.split(" deleted")[0] for step in steps}


def _run(
    command: Sequence[str], steps: int | None, folder: Path, environment: Mapping[str, str], result: Killed
) -> None:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    result.said = []
    patience = threading.Timer(PATIENCE_S, lambda: os.killpg(process.pid, signal.SIGKILL))
    patience.start()
    killed = False
    try:
        for line in process.stdout:
            result.said.append(line.rstrip())
            if not killed and STEP.search(line.rstrip()):
                result.steps.append(line.strip())
                steps = None if steps is None else steps - 1
                if steps == 0:
                    time.sleep(result.delay_s)
                    os.killpg(process.pid, signal.SIGKILL)
                    killed = True
        status = process.wait()
    finally:
        patience.cancel()
    if killed:
        result.kills += 1
    else:
        result.status = status


def tail(said: Sequence[str], lines: int = 60) -> str:
    """The end of what a run printed, for a failing assertion."""
    return "\n".join(deque(said, lines))
