"""Plugins that outlive their engine: each is in a process group of its own, and may be in the middle of a call."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PREFIX = "pulumi-resource-"
"""First part of every provider plugin's file name: sdk/go/common/workspace/plugins.go of the engine."""
LOCAL = "local.providers."
"""First part of the modules that the local stack's plugins are."""
REAPERS = ("init", "systemd", "launchd")
"""Who takes over processes whose parent has ended, beside process 1."""
PAUSE_S = 0.2
PATIENCE_S = 120.0


def await_orphans(home: str | None, tell: Callable[[str], None], *, patience_s: float = PATIENCE_S) -> None:
    """Waits until no plugin of this user runs without an engine: then whatever it was making is made.

    home: PULUMI_HOME of the engine that was killed; None where it had the user's own.
    """
    until = time.monotonic() + patience_s
    while (left := orphans(home)) and time.monotonic() < until:
        tell(f"waiting for {', '.join(sorted(set(left)))}, whose engine was killed, to end")
        time.sleep(PAUSE_S)


def orphans(home: str | None) -> list[str]:
    """Names of the plugins whose engine is gone."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            name = _plugin(process)
            if not name or process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            parent = process.parent()
            left = parent is None or parent.pid == 1 or parent.name() in REAPERS
            if left and process.environ().get("PULUMI_HOME") == home:
                found.append(name)
        except psutil.Error:
            continue
    return found


def _plugin(process: psutil.Process) -> str:
    """A plugin's name, by its file or its module; empty for other processes."""
    names = [Path(word).name for word in process.cmdline()[:3]]
    return next((name for name in names if name.startswith((PREFIX, LOCAL))), "")
