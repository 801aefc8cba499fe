"""`ml models`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, epilog


@app.command(epilog=epilog("ml models --env dev", "ml models flight-delays -o json"))
def models(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="A model; without it, all.")] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most versions to list.")] = 50,
) -> None:
    """List the registry's model versions: job, metrics, and the endpoints that serve them."""
    from ml.commands import models as command

    end(command.models(name, env=env, output=output, limit=limit))
