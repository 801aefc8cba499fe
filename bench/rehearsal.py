"""How long `groundwork rehearse` takes, step by step: this working tree on top of its own last commit."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.environments import ROOT, BenchError, say
from bench.report import Goal, Report

GOAL_S = 300.0
"""Seconds that it may take on two cores with warm caches."""


def run(rounds: int) -> Report:
    """Rehearse `rounds` times; medians are reported.

    Raises BenchError where a rehearsal finds something, or could not be carried out.
    """
    found: list[dict[str, Any]] = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds} …")
        found.append(_rehearsed())
    return report(found)


def report(found: list[dict[str, Any]]) -> Report:
    """The bench's report of rehearsals, as `groundwork rehearse --json` writes them."""
    titles = {step["name"]: step["title"] for step in found[0]["steps"]}
    seconds = {
        name: [step["seconds"] for one in found for step in one["steps"] if step["name"] == name] for name in titles
    }
    whole = statistics.median(one["seconds"] for one in found)
    rows = [[titles[name], f"{statistics.median(taken):.1f}"] for name, taken in seconds.items()]
    rows.append(["all of it", f"{whole:.1f}"])
    return Report(
        name="rehearsal",
        title="A change rehearsed: two jobs and an endpoint on a fresh local stack, forward, back, forward, away",
        columns=("step", "median s"),
        rows=rows,
        goals=[Goal(text=f"at most {GOAL_S:g} s", measured=f"{whole:.1f} s", met=whole <= GOAL_S)],
        notes=[f"{len(found)} rehearsals of this working tree on top of its last commit"],
        detail={"seconds": seconds, "whole": [one["seconds"] for one in found]},
    )


def _rehearsed() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name:
        file = Path(name) / "rehearsal.json"
        command = [sys.executable, "-c", "from operations.cli import main; main()", "rehearse", "--base", "HEAD"]
        done = subprocess.run(
            [*command, "--json", str(file)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"groundwork rehearse ended with {done.returncode}:\n{done.stdout}")
        return json.loads(file.read_text())
