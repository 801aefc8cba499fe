"""The `ml` command itself: what every subcommand is joined to."""

import typer

from ml.errors import ExitCode
from ml.options import epilog

app = typer.Typer(
    name="ml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def group(name: str, help_text: str) -> typer.Typer:
    """A subcommand of `ml` that has subcommands of its own."""
    made = typer.Typer(
        name=name, help=help_text, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    app.add_typer(made)
    return made


@app.callback(
    epilog=epilog(
        "ml train job.yaml --env local",
        "ml deploy job.yaml --env local",
        "ml predict --endpoint research-flight-delays rows.csv --env local",
    )
)
def _root() -> None:  # pyright: ignore[reportUnusedFunction]
    """Train models, deploy them and ask them, in an environment of the platform."""


def end(code: ExitCode) -> None:
    """End the command with an exit code."""
    raise typer.Exit(int(code))
