"""`ml models`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, epilog


@app.command(
    epilog=epilog(
        "ml models --env dev",
        "ml models flight-delays -o json",
        "ml models flight-delays --made-by job.yaml            # what this very code trained",
    )
)
def models(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="A model; without it, all.")] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most versions to list.")] = 50,
    made_by: Annotated[
        Path | None,
        typer.Option(
            "--made-by", metavar="JOB.YAML", help="Only versions that this spec and the files beside it trained."
        ),
    ] = None,
) -> None:
    """List the registry's model versions: job, metrics, and the endpoints that serve them."""
    from ml.commands import models as command

    end(command.models(name, env=env, output=output, limit=limit, made_by=made_by))
