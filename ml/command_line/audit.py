"""`ml audit log`, `ml audit verify` and `ml audit who`."""

from typing import Annotated

import typer

from ml.command_line.root import end, group
from ml.commands.output import Format
from ml.options import Env, Output, Team, epilog

audit = group("audit", "Read a team's audit log: who did what, when, from which commit and data.")


@audit.command(
    epilog=epilog(
        "ml audit log --env dev --team research",
        "ml audit log --action deploy --limit 100",
        "ml audit log --subject flight-delays/3 -o json",
    )
)
def log(
    env: Env = None,
    output: Output = Format.TEXT,
    team: Team = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most lines to list.")] = 20,
    action: Annotated[
        str | None, typer.Option("--action", metavar="WORD", help="Only submit, promote, approve, deploy, delete, ….")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="NAME", help="Only about this job, MODEL/VERSION or endpoint.")
    ] = None,
) -> None:
    """List the newest lines."""
    from ml.commands import audit as command

    end(command.log(env=env, output=output, team=team, limit=limit, action=action, subject=subject))


@audit.command(epilog=epilog("ml audit verify --env dev --team research", "ml audit verify -o json"))
def verify(env: Env = None, output: Output = Format.TEXT, team: Team = None) -> None:
    """Check that no line was changed, dropped, moved or cut off; ends with 1 where one was."""
    from ml.commands import audit as command

    end(command.verify(env=env, output=output, team=team))


@audit.command(
    epilog=epilog(
        "ml audit who flight-delays/3 --env dev                # a version in the registry",
        "ml audit who research-flight-delays-20261121-093000-4f1c -o json",
    )
)
def who(
    subject: Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="A version in the registry, or a job.")],
    env: Env = None,
    output: Output = Format.TEXT,
    team: Team = None,
) -> None:
    """Tell who trained a model, on which data and from which commit, who approved it, and where it is deployed."""
    from ml.commands import audit as command

    end(command.who(subject, env=env, output=output, team=team))
