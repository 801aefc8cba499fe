"""Hands a command over to the Pulumi engine, on one stack of one of the projects of this checkout."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.acquire.acquire import acquire
from local.acquire.chosen import place_engine
from local.acquire.tools import PULUMI
from local.environment import POLICY_PACK
from local.paths import Paths
from local.progress import Progress
from local.pulumi_stack import STACK, ask_engine, has_stack, prepare
from operations.environments import OperatedEnvironment, engine_variables


def hand_over(env: OperatedEnvironment, command: str, options: Sequence[str], engine: Path | None = None) -> None:
    """Becomes the engine on the environment's stack; returns only by raising LocalStackError.

    engine: its binary, where the caller has found it already.
    """
    paths = Paths(env.checkout)
    variables = engine_variables(env)
    engine = engine or find_engine(paths)
    variables["PATH"] = os.pathsep.join([str(engine.parent), str(Path(sys.executable).parent), variables["PATH"]])
    variables[POLICY_PACK] = str(paths.policies)
    os.chdir(env.folder)
    # The engine takes this process over: its prompts, colours, signals and exit status reach the terminal unchanged.
    os.execve(engine, ["pulumi", command, "--stack", env.name, *options], variables)  # noqa: S606


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
