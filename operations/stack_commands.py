"""`groundwork stack preview|up|down ENV`: the engine on one environment; the same words for local, dev and prod."""

from typing import Annotated

import typer

from local.cli import plain_errors
from local.paths import this_checkout
from operations.engine import hand_over

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
    with plain_errors(f"make {command} ENV={environment}"):
        hand_over(this_checkout(), command, environment, options or ())
