"""`ml lineage`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, complete_endpoint, epilog


@app.command(
    epilog=epilog(
        "ml lineage 7c0e9c1e-… --endpoint research-flight-delays --env dev",
        "ml lineage order-4711 --endpoint flight-delays --days 90 -o json",
        more="Only captured requests are known (`deploy: {capture: {percent: 100}}`). `ml audit verify` says whether "
        "the audit log's lines are as they were written.",
    )
)
def lineage(
    request_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Inference id that the request was sent with, or the event id of its capture."
        ),
    ],
    endpoint: Annotated[
        str,
        typer.Option(
            "--endpoint", metavar="NAME", autocompletion=complete_endpoint, help="Endpoint, with or without the team."
        ),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How many days back to look.")] = 30,
) -> None:
    """Tell what served a prediction, trained by whom on which data, with the lines of the audit log that say so."""
    from ml.commands import lineage as command

    end(command.lineage(request_id, env=env, output=output, endpoint=endpoint, days=days))
