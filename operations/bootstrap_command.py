"""`groundwork bootstrap ENV` and `groundwork account bootstrap ACCOUNT`."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError
from operations.environments import OperatedEnvironment, account, boto_session, environment
from operations.environments_file import FILE

if TYPE_CHECKING:
    from operations.bootstrap.plan import Bootstrap, Finding

NOT_ASKED = 2
"""Exit status where somebody has to say yes and nobody could be asked, and of --check where something is to do."""
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Check = Annotated[bool, typer.Option("--check", help="Change nothing; exit with 2 where something is to do.")]
ByHand = Annotated[bool, typer.Option("--by-hand", help="Leave groundwork.yaml alone and print its lines.")]


def bootstrap(
    name: Annotated[str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")],
    yes: Yes = False,
    check: Check = False,
    by_hand: ByHand = False,
    output: Output = Format.text,
) -> None:
    """Make what the state needs before the first `up`: its bucket, its KMS key and the empty stack.

    Looks first, shows what is to do and asks. Run again, it repairs what differs and keeps everything else; after an
    interruption it goes on.

    Exit codes: 0 all is there; 1 it failed; 2 nobody could be asked, or --check has found something to do.
    """
    with plain_errors(f"groundwork bootstrap {name}"):
        _run(environment(name), yes=yes, check=check, by_hand=by_hand, output=output)


def bootstrap_account(
    name: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its settings are account/Pulumi.<ACCOUNT>.yaml.")],
    yes: Yes = False,
    check: Check = False,
    by_hand: ByHand = False,
    output: Output = Format.text,
) -> None:
    """Make what the state of the account's own stack needs: its bucket, its KMS key and the empty stack.

    As `groundwork bootstrap` does it for an environment, with the same exit statuses.
    """
    with plain_errors(f"groundwork account bootstrap {name}"):
        _run(account(name), yes=yes, check=check, by_hand=by_hand, output=output)


def _run(env: OperatedEnvironment, *, yes: bool, check: bool, by_hand: bool, output: Format) -> None:
    if env.is_local:
        raise LocalStackError(
            "The local stack keeps its state in a folder of this checkout and needs no bootstrap.",
            hint="`make local` brings it up.",
        )
    # Imported here: the other commands need not wait for the AWS SDK.
    from operations.bootstrap.plan import KEPT, bootstrap_of

    found = bootstrap_of(env, boto_session(env), write_lines=not by_hand)
    text = output is Format.text
    if text:
        print(f"{env.name}: account {found.account_id}, {env.region}, as {found.caller}\n")
    steps = found.look()
    to_do = any(step.done != KEPT for step in steps)
    if to_do:
        if text:
            print("\n".join(_row(step) for step in steps if step.done != KEPT), end="\n\n")
        if not check:
            _ask(found, yes)
            steps = found.carry_out(steps, lambda step: print(_row(step), flush=True) if text else None)
    if text:
        print(_rest(found, check=check, by_hand=by_hand, was_to_do=to_do))
    else:
        print(json.dumps(_document(found, steps), indent=2))
    if check and to_do:
        raise typer.Exit(NOT_ASKED)


def _ask(found: "Bootstrap", yes: bool) -> None:
    env = found.env
    if yes:
        if not env.account_id:
            print(
                f"No file says which account {env.name!r} belongs to, so --yes says too little. Put this into "
                f'{env.settings_file.name}:\n  {env.project.name}:accountId: "{found.account_id}"',
                file=sys.stderr,
            )
            raise typer.Exit(NOT_ASKED)
        return
    if not sys.stdin.isatty():
        print("Nobody can be asked here: add --yes to do it.", file=sys.stderr)
        raise typer.Exit(NOT_ASKED)
    if not typer.confirm(f"Do this in the account {found.account_id}?", err=True):
        print("Nothing has been changed.", file=sys.stderr)
        raise typer.Exit(NOT_ASKED)


def _row(step: "Finding") -> str:
    was = f" ({step.was})" if step.was and step.was != "missing" else ""
    return f"  {step.done:<7} {step.what}{was}"


def _rest(found: "Bootstrap", *, check: bool, by_hand: bool, was_to_do: bool) -> str:
    if check and was_to_do:
        return "Nothing has been changed."
    env = found.env
    command = f"make account-up ACCOUNT={env.name}" if env.project.folder else f"make up ENV={env.name}"
    lines = [
        "Everything is there." if was_to_do else "Everything is there; nothing was to do.",
        f"  state    {found.names.backend}",
        f"  secrets  {found.names.secrets_provider}",
        f"  for CI   stateBucket: {found.names.bucket}, stateKeyArn: {found.key.arn}   (docs/ci.md)",
        f"Commit {FILE} and {env.settings_file.relative_to(env.checkout)}. Next: `{command}`.",
    ]
    return "\n".join(["", *([f"Put this into {FILE}:\n{found.lines.text}"] if by_hand else []), *lines])


def _document(found: "Bootstrap", steps: "list[Finding]") -> dict[str, object]:
    return {
        "environment": found.env.name,
        "account": found.account_id,
        "caller": found.caller,
        "region": found.env.region,
        "bucket": found.names.bucket,
        "key": found.key.arn if found.key.is_known else None,
        "backend": found.names.backend,
        "secretsProvider": found.names.secrets_provider,
        "steps": [{"what": step.what, "was": step.was, "done": step.done} for step in steps],
    }
