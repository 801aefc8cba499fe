"""`groundwork account preview|up|down ACCOUNT`: the engine on what an AWS account has once."""

import sys
from typing import Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.paths import this_checkout
from operations.bootstrap_command import bootstrap_account
from operations.engine import hand_over, make_local_stack
from operations.environments import ACCOUNTS
from operations.environments import account as read_account

app = typer.Typer(
    help="The Pulumi engine on what an AWS account has once: identity providers, CI's roles and runners.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Account = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account's stack: its settings are account/Pulumi.<ACCOUNT>.yaml.")
]
Rest = Annotated[list[str] | None, typer.Argument(metavar="[-- PULUMI-OPTION…]", help="Handed on to the engine.")]


@app.command(epilog="Example:  groundwork account preview main -- --diff")
def preview(account: Account, options: Rest = None, output: Output = Format.text) -> None:
    """Show what `up` would change; -o json is the engine's own --json."""
    _run("preview", account, options, output)


@app.command(epilog="Example:  groundwork account up main")
def up(account: Account, options: Rest = None, output: Output = Format.text) -> None:
    """Bring the account to what its settings say; -o json is the engine's own --json."""
    _run("up", account, options, output)


@app.command(epilog="Example:  groundwork account down main")
def down(account: Account, options: Rest = None, output: Output = Format.text) -> None:
    """Destroy the account's stack; the engine asks first. Do it last: environments need the ceiling of their roles."""
    _run("destroy", account, options, output)


app.command("bootstrap", epilog="Example:  groundwork account bootstrap main")(bootstrap_account)


def _run(command: str, account: str, options: list[str] | None, output: Format) -> None:
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.resuming.resume import make_ready

    shown = f"make account-{'down' if command == 'destroy' else command} ACCOUNT={account}"
    with plain_errors(shown):
        env = read_account(account)
        if env.is_local:
            make_local_stack(this_checkout(), ACCOUNTS.folder, ACCOUNTS.name)
        if command != "preview":
            make_ready(env, stack_engine(env), Progress(sys.stderr))
        hand_over(env, command, [*(["--json"] if output is Format.json else []), *(options or ())])
