"""How the program and its providers grow: `pulumi up` and a no-op preview of platforms of several sizes.

Each size is brought up from nothing in a checkout of its own. The processor time of every process of the update is
booked to what it is: the program, the two provider plugins, the policy pack, or the engine. So the engine's own part,
which writes the whole state after each step, is seen apart and does not hide growth of ours.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import yaml

from bench.environments import BenchError, say
from bench.report import Goal, Report
from bench.setup import clone, remove

SIZES = ((8, 10), (40, 100), (64, 500))
"""Node pools and teams of the platforms that are compared."""
STEPWISE_UP_TO = 2_000
"""Resources above which the engine is told to write its state once at the end: step by step it would take hours."""
GROWTH = 0.20
OURS = ("program", "aws plugin", "kubernetes plugin")
POLL_S = 0.25


@dataclass
class Usage:
    """What one command took. cpu: seconds by part. peak_mib: resident memory of all its processes together."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0

    def ours(self) -> float:
        """Processor seconds of the program and the providers."""
        return sum(self.cpu.get(part, 0.0) for part in OURS)


@dataclass(frozen=True)
class Measured:
    """One size. stepwise: whether the engine wrote its state after each step of `up`."""

    pools: int
    teams: int
    resources: int
    stepwise: bool
    up: Usage
    preview: Usage


def run(sizes: int, previews: int) -> Report:
    """Bring the first `sizes` of SIZES up, one after another, and preview each `previews` times.

    Raises BenchError where a platform does not come up or a preview would change something.
    """
    scratch = Path(tempfile.mkdtemp(prefix="groundwork-bench-"))
    try:
        checkout = clone(scratch / "checkout")
        measured = [_measure(checkout, pools, teams, previews) for pools, teams in SIZES[:sizes]]
    finally:
        subprocess.run(["make", "local-stop"], cwd=scratch / "checkout", check=False, capture_output=True)
        remove(scratch)
    return _report(measured)


def _measure(checkout: Path, pools: int, teams: int, previews: int) -> Measured:
    say(f"{pools} pools and {teams} teams: starting empty services …")
    if (checkout / ".venv").exists():
        _make(checkout, "local-stop")
    shutil.rmtree(checkout / ".groundwork" / "local", ignore_errors=True)
    _write_settings(checkout / "Pulumi.local.yaml", pools, teams)
    _make(checkout, "install")
    _command(checkout, [".venv/bin/groundwork", "local", "up", "--until", "services"], os.environ)
    environment = _environment(checkout)
    _command(checkout, [".venv/bin/python", "-c", _PREPARE], environment)
    planned = _planned(checkout, environment)
    stepwise = planned <= STEPWISE_UP_TO
    say(f"{pools} pools and {teams} teams: pulumi up of {planned} resources …")
    variables = dict(environment) if stepwise else {**environment, "PULUMI_SKIP_CHECKPOINTS": "true"}
    up = _watched(checkout, ["pulumi", "up", "--yes", "--skip-preview", *_QUIET], variables)
    usages: list[Usage] = []
    for number in range(previews):
        say(f"{pools} pools and {teams} teams: no-op preview {number + 1} of {previews} …")
        usages.append(_watched(checkout, ["pulumi", "preview", "--expect-no-changes", *_QUIET], environment))
    middle = sorted(usages, key=lambda usage: usage.seconds)[(len(usages) - 1) // 2]
    return Measured(pools, teams, planned, stepwise, up, middle)


_PREPARE = """
from local.paths import this_checkout
from local.pulumi_stack import prepare
prepare(this_checkout(), print)
"""
_QUIET = ("--stack", "local", "--non-interactive", "--suppress-progress")


def _write_settings(file: Path, pools: int, teams: int) -> None:
    """The local stack's own settings with this many pools and teams."""
    document = yaml.safe_load(file.read_text())
    settings = document["config"]
    template = settings["groundwork:nodePools"][0]
    settings["groundwork:nodePools"] = [{**template, "name": f"pool-{number:03}"} for number in range(pools)]
    team = settings["groundwork:teams"][0]
    settings["groundwork:teams"] = [{**team, "name": f"team-{number:03}"} for number in range(teams)]
    budget = settings["groundwork:guardrails"]["budget"]
    budget["teams"] = {settings["groundwork:teams"][0]["name"]: max(budget["teams"].values())}
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def _planned(checkout: Path, environment: Mapping[str, str]) -> int:
    text = _command(checkout, ["pulumi", "preview", "--json", "--stack", "local", "--non-interactive"], environment)
    return int(json.loads(text[text.index("{") :])["changeSummary"]["create"])


def _environment(checkout: Path) -> dict[str, str]:
    script = 'eval "$(make -s local-env)"; env -0'
    text = _command(checkout, ["bash", "-c", script], os.environ)
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


def _watched(checkout: Path, command: list[str], environment: Mapping[str, str]) -> Usage:
    """Run a command and book the processor time of each process that it starts."""
    usage, ended = Usage(), Event()
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=checkout, env=dict(environment), stdout=out, stderr=subprocess.STDOUT)
        watcher = Thread(target=_book, args=(process.pid, usage, ended))
        watcher.start()
        code = process.wait()
        usage.seconds = time.perf_counter() - begin
        ended.set()
        watcher.join()
        if code:
            out.seek(0)
            raise BenchError(f"`{' '.join(command[:2])}` ended with {code}:\n{out.read()[-3000:]}")
    return usage


def _book(pid: int, usage: Usage, ended: Event) -> None:
    seen: dict[int, tuple[str, float]] = {}
    root = psutil.Process(pid)
    while not ended.wait(POLL_S):
        resident = 0
        for process in _family(root):
            try:
                times = process.cpu_times()
                part = seen[process.pid][0] if process.pid in seen else _part(process.cmdline())
                seen[process.pid] = (part, times.user + times.system)
                resident += process.memory_info().rss
            except psutil.Error:
                continue
        usage.peak_mib = max(usage.peak_mib, resident / 2**20)
    for part, seconds in seen.values():
        usage.cpu[part] = usage.cpu.get(part, 0.0) + seconds


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _part(command: list[str]) -> str:
    """What a process of an update is, by its command line."""
    line = " ".join(command)
    for word, part in (
        ("providers.aws", "aws plugin"),
        ("providers.kubernetes", "kubernetes plugin"),
        ("policies", "policy pack"),
        ("python", "program"),
    ):
        if word in line:
            return part
    return "engine"


def _report(measured: list[Measured]) -> Report:
    first, last = measured[0], measured[-1]
    rows = [
        [
            f"{size.pools} pools, {size.teams} teams",
            str(size.resources),
            f"{size.up.seconds:.0f}",
            f"{1000 * size.up.ours() / size.resources:.1f}",
            f"{1000 * size.up.cpu.get('engine', 0.0) / size.resources:.1f}" + ("" if size.stepwise else " *"),
            f"{size.preview.seconds:.1f}",
            f"{1000 * size.preview.ours() / size.resources:.2f}",
            f"{max(size.up.peak_mib, size.preview.peak_mib):.0f}",
        ]
        for size in measured
    ]
    grown = _growth(first, last)
    return Report(
        name="scale",
        title="`pulumi up` and a no-op preview by size, on the local stack",
        columns=(
            "",
            "resources",
            "up s",
            "ours ms/resource",
            "engine ms/resource",
            "preview s",
            "ours ms/resource",
            "peak MiB",
        ),
        rows=rows,
        goals=[
            Goal(
                text=f"time per resource in the program and the providers grows by {GROWTH:.0%} at most",
                measured=f"{grown:+.0%} from {first.teams} to {last.teams} teams",
                met=grown <= GROWTH,
            )
        ],
        notes=[
            "ours: processor time of the program and both plugins; previews are the median of their runs",
            f"* above {STEPWISE_UP_TO} resources the engine writes its state once at the end and not after each step",
        ],
        detail={"sizes": [asdict(size) for size in measured]},
    )


def _growth(first: Measured, last: Measured) -> float:
    before, after = (size.up.ours() / size.resources for size in (first, last))
    return after / before - 1


def _make(checkout: Path, target: str) -> None:
    _command(checkout, ["make", target], os.environ)


def _command(checkout: Path, command: list[str], environment: Mapping[str, Any]) -> str:
    done = subprocess.run(
        command,
        cwd=checkout,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(
            f"`{' '.join(command[:4])}` ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
    return done.stdout
