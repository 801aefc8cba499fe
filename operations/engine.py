"""Hands a command over to the Pulumi engine, on one stack of one of the projects of this checkout."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.acquire.acquire import acquire
from local.acquire.chosen import place_engine
from local.acquire.tools import PULUMI
from local.environment import POLICY_PACK, process_environment
from local.errors import LocalStackError
from local.paths import Paths
from local.progress import Progress
from local.pulumi_stack import STACK, ask_engine, has_stack, prepare
from operations.environments import away_from_local


def hand_over(paths: Paths, command: str, stack: str, options: Sequence[str], *, folder: str = "") -> None:
    """Becomes the engine; returns only by raising LocalStackError, where there are no such settings.

    folder: of the project, below the checkout; empty for the environments' own.
    """
    project = paths.checkout / folder
    settings = project / f"Pulumi.{stack}.yaml"
    if not settings.exists():
        there = sorted(file.name.split(".")[1] for file in project.glob("Pulumi.*.yaml"))
        raise LocalStackError(
            f"There is no {settings.relative_to(paths.checkout)}.", hint=f"There is one for {', '.join(there)}."
        )
    engine = find_engine(paths)
    variables = process_environment(paths) if stack == STACK else away_from_local(paths)
    variables["PATH"] = os.pathsep.join([str(engine.parent), str(Path(sys.executable).parent), variables["PATH"]])
    variables[POLICY_PACK] = str(paths.policies)
    os.chdir(project)
    # The engine takes this process over: its prompts, colours, signals and exit status reach the terminal unchanged.
    os.execve(engine, ["pulumi", command, "--stack", stack, *options], variables)  # noqa: S606


def make_local_stack(paths: Paths, folder: str, project: str) -> None:
    """The project's stack `local` in the local stack's backend, where it is not there yet.

    Raises LocalStackError when the local stack has never been up.
    """
    prepare(paths, lambda _: None)
    if not has_stack(paths, project):
        ask_engine(paths, "-C", folder, "stack", "init", STACK, "--secrets-provider", "passphrase", "--non-interactive")


def find_engine(paths: Paths) -> Path:
    """The engine's binary, from PATH, the cache, a download or a build."""
    progress = Progress(sys.stderr)
    with progress.step(f"{PULUMI.title} {PULUMI.version}", log=paths.log("build-pulumi")) as step:
        found = place_engine(paths, acquire(PULUMI, paths.log("build-pulumi"), step.now))
        step.done(found.source)
    return found.program("pulumi")
