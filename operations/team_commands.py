"""`groundwork team list|add|change|remove|diff|apply ENV NAME`: one team at a time, without a platform release."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors
from operations.teams.options import (
    Approvers,
    Borrow,
    BorrowOnly,
    Budget,
    Cpus,
    Environment,
    Gpus,
    Guaranteed,
    Lend,
    Members,
    Memory,
    Name,
    Neuron,
    NoPlan,
    Pods,
    Recount,
    Tag,
    Yes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.teams.settings_file import SettingsFile, Wish

REFUSED, USAGE, DIFFERENT = 1, 2, 3
app = typer.Typer(
    help="Teams of an environment, one at a time, without a platform release.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("list", epilog="Example:  groundwork team list dev")
def list_(environment: Environment, output: Output = Format.text) -> None:
    """The teams of an environment, by its settings and by its stack.

    Exit codes: 0 they were listed; 1 they could not be.
    """
    from operations.teams.run import listed

    with plain_errors(f"groundwork team list {environment}"):
        text, document = listed(environment)
    print(json.dumps(document, indent=2) if output is Format.json else text)


@app.command(epilog="Example:  groundwork team add dev vision --gpus 2 --borrow-only --member role/vision --budget 200")
def add(
    environment: Environment,
    name: Name,
    cpus: Cpus = None,
    memory_gib: Memory = None,
    gpus: Gpus = None,
    neuron_devices: Neuron = None,
    pods: Pods = None,
    member: Members = None,
    member_tag: Tag = None,
    approver: Approvers = None,
    guaranteed: Guaranteed = None,
    borrow_only: BorrowOnly = False,
    borrow: Borrow = None,
    lend: Lend = None,
    budget: Budget = None,
    recount: Recount = False,
    no_plan: NoPlan = False,
    yes: Yes = False,
    output: Output = Format.text,
) -> None:
    """Add a team: to the settings file, by its lines, and to the platform, touching that team's resources alone.

    It shows what would change and asks. The file is written once you have said yes.

    Exit codes: 0 done; 1 refused or failed; 2 used wrongly.
    """
    wish = _wish(
        (cpus, memory_gib, gpus, neuron_devices, pods), guaranteed, borrow, lend, budget, member_tag, member, approver
    )
    _update(
        "add",
        environment,
        name,
        lambda file, owning_nothing: file.with_team(name, owning_nothing(wish) if borrow_only else wish),
        yes=yes,
        recount=recount,
        no_plan=no_plan,
        output=output,
    )


@app.command(epilog="Example:  groundwork team change dev vision --gpus 4 --recount")
def change(
    environment: Environment,
    name: Name,
    cpus: Cpus = None,
    memory_gib: Memory = None,
    gpus: Gpus = None,
    neuron_devices: Neuron = None,
    pods: Pods = None,
    member: Members = None,
    drop_member: Annotated[
        list[str] | None, typer.Option("--drop-member", metavar="role/R", help="Who may not submit any more.")
    ] = None,
    member_tag: Tag = None,
    approver: Approvers = None,
    drop_approver: Annotated[
        list[str] | None, typer.Option("--drop-approver", metavar="role/R", help="Who may not approve any more.")
    ] = None,
    guaranteed: Guaranteed = None,
    borrow_only: BorrowOnly = False,
    borrow: Borrow = None,
    lend: Lend = None,
    budget: Budget = None,
    recount: Recount = False,
    no_plan: NoPlan = False,
    yes: Yes = False,
    output: Output = Format.text,
) -> None:
    """Change a team: what is named, and nothing else of it, in the settings file and in the platform.

    It shows what would change and asks. The file is written once you have said yes.

    Exit codes: 0 done, or there was nothing to do; 1 refused or failed; 2 used wrongly.
    """
    wish = _wish(
        (cpus, memory_gib, gpus, neuron_devices, pods),
        guaranteed,
        borrow,
        lend,
        budget,
        member_tag,
        member,
        approver,
        drop_member,
        drop_approver,
    )
    if wish.empty and not borrow_only:
        print("Nothing was asked for: `groundwork team change --help` shows what can be.", file=sys.stderr)
        raise typer.Exit(USAGE)
    _update(
        "change",
        environment,
        name,
        lambda file, owning_nothing: file.with_change(name, owning_nothing(wish) if borrow_only else wish),
        yes=yes,
        recount=recount,
        no_plan=no_plan,
        output=output,
    )


@app.command(epilog="Example:  groundwork team remove dev vision --recount")
def remove(
    environment: Environment,
    name: Name,
    stop_jobs: Annotated[
        bool, typer.Option("--stop-jobs", help="Stop its jobs, delete its endpoints and what its namespace holds.")
    ] = False,
    recount: Recount = False,
    no_plan: NoPlan = False,
    yes: Yes = False,
    output: Output = Format.text,
) -> None:
    """Remove a team, with its roles, namespace, queue and budget; its files, models and experiments are kept.

    Refused while it has jobs or endpoints running, unless told to stop them.

    Exit codes: 0 done; 1 refused or failed; 2 used wrongly.
    """
    _update(
        "remove",
        environment,
        name,
        lambda file, _: file.without_team(name),
        yes=yes,
        recount=recount,
        no_plan=no_plan,
        output=output,
        stop_jobs=stop_jobs,
    )


@app.command(epilog="Example:  groundwork team diff dev vision")
def diff(environment: Environment, name: Name, recount: Recount = False, output: Output = Format.text) -> None:
    """Show what `apply` would do, and change nothing.

    Exit codes: 0 nothing; 3 something; 1 it would be refused, or could not be told.
    """
    from operations.teams.run import Run

    told = plain_errors(f"groundwork team diff {environment} {name}")
    with told, Run(environment, name, recount=recount, planned=True, output=output, stop_jobs=True) as run:
        planned = run.prepare(run.file)
        run.show(planned, "planned" if planned.steps else "nothing")
    raise typer.Exit(DIFFERENT if planned.steps else 0)


@app.command(epilog="Example:  groundwork team apply dev vision")
def apply(
    environment: Environment,
    name: Name,
    stop_jobs: Annotated[
        bool, typer.Option("--stop-jobs", help="Where it goes: stop its jobs, delete its endpoints.")
    ] = False,
    recount: Recount = False,
    no_plan: NoPlan = False,
    yes: Yes = False,
    output: Output = Format.text,
) -> None:
    """Bring one team to what the settings file says of it: added, changed or gone; also after an update that failed.

    It shows what would change and asks.

    Exit codes: 0 done, or there was nothing to do; 1 refused or failed; 2 used wrongly.
    """
    _update(
        "apply",
        environment,
        name,
        lambda file, _: file,
        yes=yes,
        recount=recount,
        no_plan=no_plan,
        output=output,
        stop_jobs=stop_jobs,
    )


def _update(
    action: str,
    environment: str,
    name: str,
    edit: Callable[[SettingsFile, Callable[[Wish], Wish]], SettingsFile],
    *,
    yes: bool,
    recount: bool,
    no_plan: bool,
    output: Format,
    stop_jobs: bool = False,
) -> None:
    from operations.teams.run import Run

    if not yes and not sys.stdin.isatty():
        print(f"There is no terminal to ask on: groundwork team {action} {environment} {name} -y", file=sys.stderr)
        raise typer.Exit(USAGE)
    told = plain_errors(f"groundwork team {action} {environment} {name}")
    with told, Run(environment, name, recount=recount, planned=not no_plan, output=output, stop_jobs=stop_jobs) as run:
        wanted = edit(run.file, run.owning_nothing)
        run.make_ready()
        planned = run.prepare(wanted)
        if not planned.steps and wanted.text == run.file.text:
            run.show(planned, "nothing")
            return
        run.ask(planned)
        if not yes and not typer.confirm("Go on?", err=True):
            print("Nothing was changed.", file=sys.stderr)
            raise typer.Exit(REFUSED)
        run.do(wanted, planned)


def _wish(
    quota: tuple[int | None, ...],
    guaranteed: list[str] | None,
    borrow: int | None,
    lend: int | None,
    budget: int | None,
    member_tag: bool | None,
    member: list[str] | None,
    approver: list[str] | None,
    drop_member: list[str] | None = None,
    drop_approver: list[str] | None = None,
) -> Wish:
    from operations.teams.settings_file import Wish

    keys = ("cpus", "memoryGib", "gpus", "neuronDevices", "pods")
    return Wish(
        quota={key: number for key, number in zip(keys, quota, strict=True) if number is not None},
        members=tuple(member or ()),
        without_members=tuple(drop_member or ()),
        approvers=tuple(approver or ()),
        without_approvers=tuple(drop_approver or ()),
        member_tag=member_tag,
        guaranteed=dict(_share(each) for each in guaranteed or ()),
        borrow=borrow,
        lend=lend,
        budget=budget,
    )


def _share(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise typer.BadParameter(f"{text!r} is no CLASS=N, such as g5-g6=4.", param_hint="--guaranteed")
    return name, int(number)
