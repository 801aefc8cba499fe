"""`ml init` and `ml schema`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, epilog


@app.command(
    epilog=epilog(
        "ml init churn --team research --env dev               # a project, and DVC's remote in dev's data bucket",
        "ml init loans --team research --example loan-decisions",
    )
)
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The project's folder: new, or empty.")],
    env: Env = None,
    output: Output = Format.TEXT,
    team: Annotated[
        str | None, typer.Option("--team", metavar="TEAM", help="The team; not needed where the environment has one.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The job's name, in place of the folder's.")
    ] = None,
    example: Annotated[
        str | None,
        typer.Option("--example", metavar="NAME", help="Begin with an example: loan-decisions or arrival-delays."),
    ] = None,
) -> None:
    """Make a project that works: spec, script, data, expectations, gates, its own tests, and CI for two forges."""
    from ml.commands import init as command

    end(command.init(folder, env=env, output=output, team=team, name=name, example=example))


@app.command(epilog=epilog("ml schema > job.schema.json"))
def schema() -> None:
    """Print the JSON Schema of a job's spec, for editors."""
    from ml.spec.schema import schema_text

    print(schema_text(), end="")
