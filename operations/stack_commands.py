"""`groundwork stack preview|up|down ENV`: the engine on one environment; the same words for local, dev and prod."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from local.acquire.acquire import acquire
from local.acquire.chosen import place_engine
from local.acquire.tools import PULUMI
from local.cli import plain_errors
from local.environment import local_environment, process_environment
from local.errors import LocalStackError
from local.paths import Paths, this_checkout
from local.progress import Progress
from local.pulumi_stack import STACK

app = typer.Typer(
    help="The Pulumi engine on one environment.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Environment = Annotated[str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")]
Rest = Annotated[list[str] | None, typer.Argument(metavar="[-- PULUMI-OPTION…]", help="Handed on to the engine.")]


@app.command(epilog="Example:  groundwork stack preview dev -- --diff")
def preview(environment: Environment, options: Rest = None) -> None:
    """Show what `up` would change."""
    _engine("preview", environment, options)


@app.command(epilog="Example:  groundwork stack up dev")
def up(environment: Environment, options: Rest = None) -> None:
    """Bring the environment to what its settings say."""
    _engine("up", environment, options)


@app.command(epilog="Example:  groundwork stack down dev")
def down(environment: Environment, options: Rest = None) -> None:
    """Destroy the environment; the engine asks first."""
    _engine("destroy", environment, options)


def _engine(command: str, environment: str, options: list[str] | None) -> None:
    paths = this_checkout()
    with plain_errors(f"make {command} ENV={environment}"):
        settings = paths.checkout / f"Pulumi.{environment}.yaml"
        if not settings.exists():
            there = sorted(file.name.split(".")[1] for file in paths.checkout.glob("Pulumi.*.yaml"))
            raise LocalStackError(f"There is no {settings.name}.", hint=f"Environments here: {', '.join(there)}.")
        engine = _find_engine(paths)
        variables = process_environment(paths) if environment == STACK else _away_from_local(paths)
    variables["PATH"] = os.pathsep.join([str(engine.parent), str(Path(sys.executable).parent), variables["PATH"]])
    os.chdir(paths.checkout)
    # The engine takes this process over: its prompts, colours, signals and exit status reach the terminal unchanged.
    os.execve(engine, ["pulumi", command, "--stack", environment, *(options or ())], variables)  # noqa: S606


def _find_engine(paths: Paths) -> Path:
    progress = Progress(sys.stderr)
    with progress.step(f"{PULUMI.title} {PULUMI.version}", log=paths.log("build-pulumi")) as step:
        found = place_engine(paths, acquire(PULUMI, paths.log("build-pulumi"), step.now))
        step.done(found.source)
    return found.program("pulumi")


def _away_from_local(paths: Paths) -> dict[str, str]:
    """The caller's environment without what `make -s local-env` may have set in this shell.

    Otherwise a command for an AWS account would use the local stack's plugins, backend and profile.
    """
    try:
        local = local_environment(paths)
    except LocalStackError:
        local = {}
    return {name: value for name, value in os.environ.items() if name == "PATH" or local.get(name) != value}
