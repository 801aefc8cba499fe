"""The `groundwork` command: everything that runs the platform rather than uses it."""

import typer

from local.cli import app as local_app
from operations.account_commands import app as account_app
from operations.adopt_command import adopt
from operations.bootstrap_command import bootstrap
from operations.comment_command import comment
from operations.cost_command import app as cost_app
from operations.dashboards import app as dashboards_app
from operations.doctor_command import doctor
from operations.drift_commands import DriftCommand, drift
from operations.leftovers_command import leftovers
from operations.preview_command import preview
from operations.references_command import references
from operations.rehearse_command import rehearse
from operations.stack_commands import app as stack_app
from operations.team_commands import app as team_app
from operations.teardown_command import teardown
from operations.upgrade_command import app as upgrade_app

app = typer.Typer(
    name="groundwork",
    help="""Runs the platform. The `ml` command uses it.

    Exit codes of every command: 0 done, or nothing was to do; 1 it failed, and the message says why; 2 a mistyped
    option, or nobody to ask; 130 it was interrupted. A command's own help has those that it adds.
    """,
    epilog="Example:  groundwork doctor dev",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(local_app, name="local")
app.add_typer(stack_app, name="stack")
app.add_typer(account_app, name="account")
app.add_typer(team_app, name="team")
app.add_typer(upgrade_app, name="upgrade")
app.command("bootstrap", epilog="Example:  groundwork bootstrap dev")(bootstrap)
app.command("doctor", epilog="Example:  groundwork doctor dev")(doctor)
app.command("preview", epilog="Example:  groundwork preview dev prod --markdown comment.md --html report.html")(preview)
app.command("rehearse", epilog="Example:  groundwork rehearse --base origin/main --markdown rehearsal.md")(rehearse)
app.command("drift", cls=DriftCommand, epilog="Example:  groundwork drift dev --revert")(drift)
app.command("adopt", epilog="Example:  groundwork adopt dev bucket repository --import")(adopt)
app.command("references", epilog="Example:  groundwork references dev")(references)
app.command("teardown", epilog="Example:  groundwork teardown dev --stop-jobs")(teardown)
app.command("leftovers", epilog="Example:  groundwork leftovers dev --remove")(leftovers)
app.command("comment", epilog="Example:  groundwork comment report.md --key preview")(comment)
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(cost_app, name="cost")


def main() -> None:
    """Entry point of the `groundwork` command."""
    app()
