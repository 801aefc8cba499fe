"""How long `make local` takes: with empty caches, with services stopped, with services up.

Each cold run is a new checkout with folders of its own for every cache that set-up fills: pip's and uv's packages, Go's
modules and compiled packages, and the tools' own. What PATH holds is left off it, so that the build is really one.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.environments import BenchError
from bench.report import Goal, Report

ROOT = Path(__file__).parents[1]
LIMITS = {"cold": 12 * 60.0, "services stopped": 60.0, "services up": 30.0}
"""Seconds that each kind of start may take on two cores."""
CACHES = ("GROUNDWORK_CACHE", "UV_CACHE_DIR", "PIP_CACHE_DIR", "GOMODCACHE", "GOCACHE")


def run(rounds: int, cold_rounds: int) -> Report:
    """Time `make local`; the first cold run's checkout serves the warm ones.

    rounds: warm runs of each kind.
    cold_rounds: runs with empty caches, of about ten minutes each; 0 uses the caches that there are.
    Raises BenchError where a run fails.
    """
    seconds: dict[str, list[float]] = {kind: [] for kind in LIMITS}
    scratch = Path(tempfile.mkdtemp(prefix="groundwork-bench-"))
    try:
        environment: Mapping[str, str] = os.environ
        for number in range(max(cold_rounds, 1)):
            checkout = clone(scratch / f"clone-{number}")
            if cold_rounds:
                environment = _empty_caches(scratch / f"caches-{number}")
            taken = _timed(checkout, environment, "local")
            if cold_rounds:
                seconds["cold"].append(taken)
            if number + 1 < cold_rounds:
                _timed(checkout, environment, "local-down")
                remove(scratch / f"caches-{number}")
        try:
            for _ in range(rounds):
                _timed(checkout, environment, "local-stop")
                seconds["services stopped"].append(_timed(checkout, environment, "local"))
                seconds["services up"].append(_timed(checkout, environment, "local"))
        finally:
            _timed(checkout, environment, "local-down")
    finally:
        remove(scratch)
    return _report(seconds)


def clone(folder: Path) -> Path:
    """A fresh checkout of what is committed here."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def _empty_caches(folder: Path) -> dict[str, str]:
    caches = {name: str(folder / name.lower()) for name in CACHES}
    tools = ("pulumi", "etcd", "kube-apiserver", "kube-controller-manager")
    path = [
        part for part in os.environ["PATH"].split(os.pathsep) if not any((Path(part) / tool).exists() for tool in tools)
    ]
    return {**os.environ, **caches, "PATH": os.pathsep.join(path)}


def _timed(checkout: Path, environment: Mapping[str, str], target: str) -> float:
    started = time.monotonic()
    done = subprocess.run(
        ["make", target],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"`make {target}` failed in a fresh checkout:\n{done.stdout[-3000:]}")
    return time.monotonic() - started


def remove(folder: Path) -> None:
    """Delete a scratch folder with whatever caches it holds."""
    # Go writes its module cache read-only.
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


def _report(seconds: Mapping[str, list[float]]) -> Report:
    measured = {kind: runs for kind, runs in seconds.items() if runs}
    medians = {kind: statistics.median(runs) for kind, runs in measured.items()}
    return Report(
        name="setup",
        title="make local, from its start to the endpoint's answer",
        columns=("caches and services", "median s", "min s", "max s", "runs"),
        rows=[
            (kind, f"{medians[kind]:.1f}", f"{min(runs):.1f}", f"{max(runs):.1f}", str(len(runs)))
            for kind, runs in measured.items()
        ],
        goals=[
            Goal(text=f"{kind} within {LIMITS[kind]:g} s", measured=f"{median:.1f} s", met=median <= LIMITS[kind])
            for kind, median in medians.items()
        ],
        notes=[],
        detail={"seconds": dict(measured)},
    )
