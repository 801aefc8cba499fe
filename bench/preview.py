"""The price of components: a no-op `pulumi preview` of the local stack beside a flat program of the same resources."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.environments import ROOT, BenchError, say
from bench.flat_program import FlatProgram, flatten
from bench.local_stack import STACK, stack_environment
from bench.report import Goal, Report

GOAL_SHARE = 0.05
_PROJECT = "groundwork-flat"


def run(rounds: int) -> Report:
    """Time both previews in turn, `rounds` times; medians are reported.

    Raises BenchError where the local stack is not up, or a preview would change something.
    """
    environment = stack_environment()
    # What the components cost is asked here; the policy pack has a measure of its own.
    environment.pop("PULUMI_OPTION_POLICY_PACK", None)
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    if pulumi is None:
        raise BenchError("The Pulumi engine is not there. Run `make local` first.")
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name:
        folder = Path(name)
        say("generating the flat program from the local stack's state …")
        text = _pulumi(pulumi, ["stack", "export", "--stack", STACK, "--show-secrets"], ROOT, environment)
        program = flatten(json.loads(text), _PROJECT, STACK)
        flat_environment = {**environment, "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}"}
        _write(folder, program)
        _pulumi(pulumi, ["stack", "init", STACK], folder / "program", flat_environment)
        _pulumi(pulumi, ["stack", "import", "--file", str(folder / "state.json")], folder / "program", flat_environment)
        with_components: list[Preview] = []
        flat: list[Preview] = []
        # The first preview of each is not counted: it compiles and reads what later ones find in memory.
        for number in range(rounds + 1):
            say(f"round {number} of {rounds} …" if number else "warming up …")
            pair = [(with_components, ROOT, environment), (flat, folder / "program", flat_environment)]
            for times, where, variables in pair if number % 2 else reversed(pair):
                taken = _preview(pulumi, where, variables)
                if number:
                    times.append(taken)
    return _report(with_components, flat, program.resources, rounds)


def _write(folder: Path, program: FlatProgram) -> None:
    (folder / "backend").mkdir()
    (folder / "program").mkdir()
    (folder / "program" / "__main__.py").write_text(program.source)
    virtualenv = Path(sys.prefix)
    (folder / "program" / "Pulumi.yaml").write_text(
        f"name: {_PROJECT}\nruntime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: {virtualenv}\n"
    )
    (folder / "state.json").write_text(json.dumps(program.state))


@dataclass(frozen=True)
class Preview:
    """One run. seconds: on the clock. cpu_seconds: of all its processes together, which other work disturbs less."""

    seconds: float
    cpu_seconds: float


def _preview(pulumi: str, where: Path, environment: dict[str, str]) -> Preview:
    begin, cpu = time.perf_counter(), _children_cpu()
    _pulumi(pulumi, ["preview", "--stack", STACK, "--expect-no-changes", "--suppress-progress"], where, environment)
    return Preview(time.perf_counter() - begin, _children_cpu() - cpu)


def _children_cpu() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _pulumi(pulumi: str, arguments: list[str], where: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [pulumi, *arguments, "--non-interactive"],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise BenchError(f"`pulumi {' '.join(arguments[:2])}` failed in {where.name}:\n{tail}")
    return done.stdout


def _report(with_components: list[Preview], flat: list[Preview], resources: int, rounds: int) -> Report:
    ours, peer = (statistics.median(run.seconds for run in runs) for runs in (with_components, flat))
    more = ours / peer - 1
    rows = [
        ["Groundwork's program, with components", *_times(with_components), f"{ours / peer:.3f}"],
        ["flat program, the same resources", *_times(flat), "1.000"],
    ]
    return Report(
        name="preview",
        title=f"No-op `pulumi preview` of the local stack, {resources} resources",
        columns=("", "median s", "quickest s", "slowest s", "CPU s", "× flat"),
        rows=rows,
        goals=[
            Goal(
                text=f"within {GOAL_SHARE:.0%} of the flat program",
                measured=f"{more:+.1%}",
                met=more <= GOAL_SHARE,
            )
        ],
        notes=[f"medians of {rounds} interleaved runs; CPU s: all processes of a preview together"],
        detail={
            "with_components": [asdict(run) for run in with_components],
            "flat": [asdict(run) for run in flat],
            "resources": resources,
        },
    )


def _times(runs: list[Preview]) -> list[str]:
    times = [run.seconds for run in runs]
    cpu = statistics.median(run.cpu_seconds for run in runs)
    return [f"{statistics.median(times):.3f}", f"{min(times):.3f}", f"{max(times):.3f}", f"{cpu:.3f}"]
