"""Takes the local stack down: destroys the platform, stops the services, and says what is left."""

import shutil
from pathlib import Path

from local import example, pulumi_stack, recovery
from local.errors import LocalStackError, megabytes, shown
from local.monitoring import services as monitoring
from local.paths import Paths, cache_folder
from local.progress import Progress
from local.supervisor.client import SupervisorClient, one_command
from local.up import interrupt_on_hangup, start_services

WIPED = ("data", "run", "pulumi-state", "aws", "kubernetes")
"""Folders of state; the ports, the tools and the logs stay."""


def stop(paths: Paths, progress: Progress) -> None:
    """Stop the services and keep everything: the next `make local` goes on where this ended."""
    interrupt_on_hangup()
    with one_command(paths, "groundwork local stop"), progress.step("Stopping the services") as step:
        step.done("stopped, all data kept" if SupervisorClient(paths).stop(step.now) else "none ran")


def down(paths: Paths, progress: Progress, *, wipe: bool = False) -> None:
    """Destroy the stack and stop the services.

    wipe: leave the engine out of it and delete the local stack's data and state, whatever is in it.
    """
    interrupt_on_hangup()
    with one_command(paths, "make local-down"):
        client = SupervisorClient(paths)
        if not wipe and pulumi_stack.has_stack(paths):
            # Destroying asks the services, so they must run; an earlier crash must not stand in the way.
            start_services(paths, progress, as_it_is=True)
            example.remove(paths, progress)
            _destroy(paths, progress)
        with progress.step("Stopping the services") as step:
            step.done("stopped" if client.stop(step.now) else "none ran")
        monitoring.forget(paths)
        if wipe:
            for name in WIPED:
                shutil.rmtree(paths.local / name, ignore_errors=True)
            example.forget(paths)
            progress.say("The local stack's data and Pulumi state are deleted.")
        _say_what_is_left(paths, progress)


def _destroy(paths: Paths, progress: Progress) -> None:
    with progress.step("pulumi destroy --stack local", log=paths.log("pulumi-destroy")) as step:
        pulumi_stack.prepare(paths, step.now)
        recovery.recover(paths, step.now)
        outcome = pulumi_stack.run_engine(paths, "destroy", step.now)
        step.done(outcome.summary())
    if left := pulumi_stack.resource_count(paths):
        raise LocalStackError(
            f"{left} resources are still in the stack.",
            hint="`pulumi destroy` says why in its log. To throw the local stack away whatever is in it: "
            "`groundwork local down --wipe`.",
            log=paths.log("pulumi-destroy"),
        )


def _say_what_is_left(paths: Paths, progress: Progress) -> None:
    left = [(paths.local, "logs, ports, emptied data"), (paths.checkout / ".venv", "Python environment")]
    left.append((cache_folder(), "engine and control plane, shared by your checkouts"))
    progress.say("Left, for a quick next start:")
    for folder, what in left:
        if folder.exists():
            progress.say(f"  {shown(folder):<34} {megabytes(_size(folder)):>8}  {what}")


def _size(folder: Path) -> int:
    """Bytes of disk below a folder."""
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*") if not file.is_symlink())
