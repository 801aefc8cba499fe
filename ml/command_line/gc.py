"""`ml gc`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, Team, epilog, seconds


@app.command(
    epilog=epilog(
        "ml gc --env dev --team research                       # names and prices, and changes nothing",
        "ml gc --env dev --team research -y",
        "ml gc --min-age 7d --unused-after 90d -o json",
    )
)
def gc(
    env: Env = None,
    output: Output = Format.TEXT,
    team: Team = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it, and not only name it.")] = False,
    min_age: Annotated[
        int | None,
        typer.Option("--min-age", metavar="TIME", parser=seconds, help="Leave alone what is younger; 1d if not given."),
    ] = None,
    unused_after: Annotated[
        int | None,
        typer.Option(
            "--unused-after",
            metavar="TIME",
            parser=seconds,
            help="Keep models and configurations that nothing uses so long; 30d if not given.",
        ),
    ] = None,
) -> None:
    """Remove what nobody owns or what has expired, by comparing the ledger with the cloud."""
    from ml.commands import gc as command

    end(command.gc(env=env, output=output, team=team, yes=yes, young=min_age, unused=unused_after))
