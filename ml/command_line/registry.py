"""`ml promote`, `ml approve`, `ml reject` and `ml card`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, epilog

Version = Annotated[
    str, typer.Argument(metavar="MODEL/VERSION", help="A version of the registry; MODEL alone is its newest.")
]
Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; it is kept with the package.")]


@app.command(
    epilog=epilog(
        "ml promote loan-decisions/3 --env local                # to champion, if its gates let it",
        "ml promote loan-decisions/3 --to candidate             # a name alone, without gates",
        "ml promote loan-decisions --env dev -o json            # the newest version",
        "ml promote loan-decisions/3 --from dev --env prod      # into another account, with its lineage",
    )
)
def promote(
    version: Version,
    env: Env = None,
    output: Output = Format.TEXT,
    to: Annotated[str, typer.Option("--to", metavar="ALIAS", help="champion, challenger or candidate.")] = "champion",
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec", metavar="JOB.YAML", help="Take the gates of this spec, not of the one it was trained with."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="ENV", help="Copy the version from this environment first, with its lineage."),
    ] = None,
) -> None:
    """Run a version's gates, and make it champion if they let it; where approval is required, ask for that."""
    from ml.commands import promote as command

    end(command.promote(version, env=env, output=output, to=to, spec_file=spec, source=source))


@app.command(
    epilog=epilog(
        "ml approve loan-decisions/3 --env prod --reason 'read the card, asked the owners'",
        more="Somebody other than the author approves, as the team's approver role: IAM refuses everybody else.",
    )
)
def approve(version: Version, env: Env = None, output: Output = Format.TEXT, reason: Reason = "") -> None:
    """Approve a version that somebody else has promoted, after looking its evidence up again."""
    from ml.commands import approvals

    end(approvals.approve(version, env=env, output=output, reason=reason))


@app.command(epilog=epilog("ml reject loan-decisions/3 --env prod --reason 'trained before the rules changed'"))
def reject(version: Version, env: Env = None, output: Output = Format.TEXT, reason: Reason = "") -> None:
    """Reject a version that somebody else has promoted."""
    from ml.commands import approvals

    end(approvals.reject(version, env=env, output=output, reason=reason))


@app.command(epilog=epilog("ml card loan-decisions/3 --env local", "ml card loan-decisions/3 --file card.html"))
def card(
    version: Version,
    env: Env = None,
    output: Output = Format.TEXT,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Where it goes; MODEL-VERSION.html without it.")
    ] = None,
) -> None:
    """Write a version's model card: a page of HTML with its purpose, run, data, gates, fairness and approval."""
    from ml.commands import cards

    end(cards.card(version, env=env, output=output, file=file))
