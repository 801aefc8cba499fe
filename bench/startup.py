"""How long a person waits for the `ml` command: its help, and the list of jobs of the local stack.

Beside each stands what the same interpreter takes for nothing, and for importing the command without running it.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.environments import ROOT, BenchError, say
from bench.local_stack import STACK, stack_environment
from bench.report import Goal, Report

GOALS = {"ml --help": 0.3, "ml status": 1.0}
"""Seconds, of the median."""


def run(rounds: int) -> Report:
    """Time each start in turn, `rounds` times.

    Raises BenchError where the local stack is not up or a command fails.
    """
    environment = stack_environment()
    ml = str(Path(sys.executable).with_name("ml"))
    commands = {
        "ml --help": [ml, "--help"],
        "ml status": [ml, "status", "--env", STACK],
        "python, nothing": [sys.executable, "-c", "pass"],
        "python, import ml.cli": [sys.executable, "-c", "import ml.cli"],
    }
    times: dict[str, list[float]] = {what: [] for what in commands}
    for number in range(rounds + 1):
        say(f"round {number} of {rounds} …" if number else "warming up …")
        for what, command in commands.items():
            seconds = _timed(what, command, environment)
            if number:  # the first of each writes Python's caches
                times[what].append(seconds)
    return report(times)


def _timed(what: str, command: list[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not installed. Run `make install`.") from error
    seconds = time.perf_counter() - begin
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BenchError(f"{what} ended with exit code {done.returncode}:\n{tail}")
    return seconds


def report(times: dict[str, list[float]]) -> Report:
    """The table of the times of each command, and whether those with a goal met it."""
    medians = {what: statistics.median(seconds) for what, seconds in times.items()}
    bare = medians["python, import ml.cli"]
    return Report(
        name="startup",
        title="Start of the `ml` command",
        columns=("", "median s", "quickest s", "slowest s"),
        rows=[
            [what, f"{medians[what]:.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}"]
            for what, seconds in times.items()
        ],
        goals=[
            Goal(
                text=f"`{what}` takes less than {limit:g} s",
                measured=f"{medians[what]:.3f} s (importing the command: {bare:.3f} s)",
                met=medians[what] < limit,
            )
            for what, limit in GOALS.items()
        ],
        notes=[f"medians of {len(times['ml --help'])} interleaved runs"],
        detail={"seconds": times},
    )
