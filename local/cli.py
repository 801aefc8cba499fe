"""`groundwork local …`: the local stack's commands."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from local.errors import LocalStackError
from local.paths import this_checkout
from local.progress import Progress

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended, as shells have it."""

app = typer.Typer(
    name="local",
    help="The whole platform on this machine: up, status, stop, down.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


class Until(StrEnum):
    """Where `up` may end early."""

    tools = "tools"
    services = "services"
    stack = "stack"
    example = "example"


Output = Annotated[Format, typer.Option("--output", "-o", help="How the result is printed, on stdout.")]


@contextmanager
def plain_errors(command: str) -> Generator[None]:
    """Show a failure as words on stderr and end with 1; an interruption with 130."""
    try:
        yield
    except LocalStackError as error:
        print(f"\n{error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print(f"\nInterrupted. What is finished is kept: run `{command}` again to go on.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@app.command(epilog="Example:  groundwork local up --until services")
def up(
    until: Annotated[Until, typer.Option(help="The last step to do.")] = Until.example,
    new_ports: Annotated[
        bool, typer.Option("--new-ports", help="Choose other ports and restart the services.")
    ] = False,
    output: Output = Format.text,
) -> None:
    """Bring the local stack up: tools, services, `pulumi up`, the example. Skips what is there."""
    from local.up import up as bring_up

    with plain_errors("make local"):
        bring_up(this_checkout(), _progress(output), until=until.value, new_ports=new_ports)
        _state_for_a_program(output)


@app.command(epilog="Example:  groundwork local status -o json")
def status(output: Output = Format.text) -> None:
    """Show each service with its state and address.

    Exit codes: 0 all services run; 1 one is broken, or it could not be told; 3 nothing runs.
    """
    from local.status import describe, render

    with plain_errors("make local-status"):
        state = describe(this_checkout())
    print(json.dumps(state, indent=2) if output is Format.json else render(state))
    if state["problems"]:
        raise typer.Exit(1)
    if state["supervisor"] is None:
        raise typer.Exit(3)


@app.command(epilog="Example:  groundwork local stop")
def stop(output: Output = Format.text) -> None:
    """Stop the services and keep all data; `groundwork local up` goes on from there."""
    from local.down import stop as stop_services

    with plain_errors("groundwork local stop"):
        stop_services(this_checkout(), _progress(output))
        _state_for_a_program(output)


@app.command(epilog="Example:  groundwork local down --wipe")
def down(
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Delete the local data and state without asking the engine.")
    ] = False,
    output: Output = Format.text,
) -> None:
    """Destroy the stack, stop the services and say what is left."""
    from local.down import down as take_down

    with plain_errors("make local-down"):
        take_down(this_checkout(), _progress(output), wipe=wipe)
        _state_for_a_program(output)


@app.command(epilog='Example:  eval "$(groundwork local env)"')
def env(output: Output = Format.text) -> None:
    """Print the shell lines that lead pulumi, aws, ml and mlflow to the local stack."""
    from local.environment import as_shell, local_environment

    with plain_errors("make -s local-env"):
        variables = local_environment(this_checkout())
    print(json.dumps(variables, indent=2) if output is Format.json else as_shell(variables))


@app.command(epilog="Example:  groundwork local monitoring --stop")
def monitoring(
    stop: Annotated[bool, typer.Option("--stop", help="End it, and keep what it measured.")] = False,
    output: Output = Format.text,
) -> None:
    """Run a genuine Prometheus beside the stack: it scrapes what runs here and evaluates the stack's own rules."""
    from local.monitoring import command

    with plain_errors("make local-monitoring"):
        (command.stop if stop else command.start)(this_checkout(), _progress(output))
        _state_for_a_program(output)


@app.command(epilog="Example:  groundwork local types")
def types(output: Output = Format.text) -> None:
    """List the AWS resource types that the local stack knows, and which of them it only records."""
    from local.types_list import listing, render

    found = listing()
    print(json.dumps(found, indent=2) if output is Format.json else render(found))


def _progress(output: Format) -> Progress:
    """Where a program reads stdout, progress is on stderr."""
    return Progress(sys.stderr if output is Format.json else None)


def _state_for_a_program(output: Format) -> None:
    """What the local stack is doing after a command, as `status -o json` has it."""
    if output is Format.json:
        from local.status import describe

        print(json.dumps(describe(this_checkout()), indent=2))


def main() -> None:
    """Entry point of `python -m local`."""
    app()
