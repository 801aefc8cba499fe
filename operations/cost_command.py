"""`groundwork cost`: what an environment costs a month, and prices that are brought up to date."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError

if TYPE_CHECKING:
    from operations.costing.bill import Bill
    from operations.environments import OperatedEnvironment
    from prices import Resource

UNPRICED, DIFFERS, MISUSED = 3, 3, 2
STDIN = "-"
HELP = ("-h", "--help")


class By(StrEnum):
    """What makes a row."""

    resource = "resource"
    item = "item"


class CostGroup(TyperGroup):
    """`groundwork cost dev` is `groundwork cost estimate dev`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes whatever is no command's name for the arguments of `estimate`."""
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = ["estimate", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="cost",
    cls=CostGroup,
    help="What an environment costs a month (`groundwork cost dev` is `groundwork cost estimate dev`), and its prices.",
    epilog="Example:  groundwork cost dev",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("estimate", epilog="Example:  groundwork cost dev -o json, in full: groundwork cost estimate dev -o json")
def show(
    environment: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Preview nothing: read what `pulumi preview --json --show-sames` or `pulumi stack export` printed; - "
            "is what is piped in.",
        ),
    ] = None,
    state: Annotated[bool, typer.Option("--state", help="Preview nothing: take what is there now.")] = False,
    idle: Annotated[
        bool, typer.Option("--idle/--resources", help="Add what is used, by the settings' `costs`, or nothing.")
    ] = True,
    by: Annotated[By, typer.Option("--by", help="A row a resource, or one an item of the price list.")] = By.resource,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 where anything has no price.")] = False,
    output: Output = Format.text,
) -> None:
    """Show what an environment costs a month, by resource, with the arithmetic.

    An estimate of its program as a preview has it, from prices/, without jobs, endpoints, taxes, discounts and free
    tiers. Nodes with GPUs are told apart. What has no price is named, and never counted as nothing. The use that it
    counts with is that of an idle environment, or what `costs` in Pulumi.<ENV>.yaml says.

    Exit codes: 0 it was told; 3 so it was, and with --strict anything has no price; 1 it could not be told
    """
    environment, file = _meant(environment, file)
    if state and file is not None:
        _misused("--state and --file are two ways to say what is there: take one of them.")
    with plain_errors("groundwork cost"):
        name, bill = _bill(environment, file, state=state, idle=idle)
        _print(name, bill, by, output)
        if strict and bill.unpriced:
            raise typer.Exit(UNPRICED)


@app.command("update", epilog="Example:  groundwork cost update --profile groundwork-dev --write")
def update(
    write: Annotated[
        bool, typer.Option("--write", help="Write the prices into prices/data; without, only show.")
    ] = False,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", help="Only this region's, or one that the list does not have yet; may be repeated."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="ITEM", help="Look for this item too, such as sagemaker:ml.p5.48xlarge."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="AWS profile that may pricing:GetProducts; else this shell's.")
    ] = None,
    accept_large: Annotated[
        bool, typer.Option("--accept-large", help="Take a price that became three times as much or as little too.")
    ] = False,
    output: Output = Format.text,
) -> None:
    """Compare the prices in prices/data with AWS's Price List API, and write what differs.

    Each price keeps where and when it was read: SKU and offer. What the API does not have stays as it is, and is named.

    Exit codes: 0 written, or nothing differs; 3 prices differ, and --write was not given; 1 AWS could not be asked
    """
    from local.progress import Progress
    from operations.costing import refresh
    from operations.costing.price_list import PriceList
    from operations.costing.refreshed import as_document, as_text
    from prices.catalogue import DATA

    with plain_errors("groundwork cost update"):
        with Progress(sys.stderr).step("asking AWS's price list") as step:
            asked = PriceList(profile)
            found = refresh.compare(DATA, asked, region or (), add or (), step.now, accept=accept_large)
            step.done(f"{len(found.told)} prices told, {len(found.differing)} differ")
        written = refresh.write(found) if write else []
        if output is Format.json:
            print(json.dumps(as_document(found, written), indent=2))
        else:
            print(as_text(found, written))
    if found.differing and not write:
        raise typer.Exit(DIFFERS)


def _meant(environment: str | None, file: str | None) -> tuple[str | None, str | None]:
    """A file's name or - in the place of an environment is taken for that file, and no name for what is piped in."""
    from operations.environments import names

    unknown = file is None and environment is not None and environment not in names()
    if unknown and environment and (environment == STDIN or Path(environment).is_file()):
        return None, environment
    if environment is None and file is None:
        if sys.stdin.isatty():
            _misused("Name the environment (groundwork cost dev), or a file (groundwork cost --file export.json).")
        return None, STDIN
    return environment, file


def _bill(name: str | None, file: str | None, *, state: bool, idle: bool) -> tuple[str, Bill]:
    # Imported here: the other commands need not wait for pydantic, botocore and the price list.
    from operations.costing.assumptions import usage_of
    from operations.costing.bill import bill_of
    from operations.environments import environment
    from prices import IDLE, Usage

    operated = environment(name) if name is not None else None
    usage = Usage() if not idle else usage_of(operated.folder, operated.name) if operated else IDLE
    if file is not None:
        resources, region = _read(file)
    else:
        assert operated is not None
        resources, region = (_recorded(operated) if state else _previewed(operated)), operated.region
    try:
        return (operated.name if operated else file or ""), bill_of(resources, usage, region)
    except (ValueError, TypeError, KeyError) as error:
        raise LocalStackError(
            f"An input of a resource has a value that no price can be computed from: {error}"
        ) from None


def _read(file: str) -> tuple[list[Resource], str]:
    from operations.costing.documents import EXPECTED, region_of, resources_of

    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
        resources = resources_of(json.loads(text))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise LocalStackError(f"This is not {EXPECTED}.", hint="For an environment: groundwork cost dev") from None
    except OSError as error:
        raise LocalStackError(f"{file} cannot be read: {error.strerror}.") from None
    region = region_of(resources)
    if region is None:
        raise LocalStackError(f"There is no AWS provider with a region in it. It takes {EXPECTED}, of a whole stack.")
    return resources, region


def _recorded(operated: OperatedEnvironment) -> list[Resource]:
    from operations.engine_run import stack_engine
    from operations.review.costs import recorded

    resources = recorded(stack_engine(operated).resources())
    if not resources:
        raise LocalStackError(
            f"Nothing of {operated.name!r} is there yet.", hint=f"What it would cost: groundwork cost {operated.name}"
        )
    return resources


def _previewed(operated: OperatedEnvironment) -> list[Resource]:
    from local.progress import Progress
    from operations.engine_run import stack_engine
    from operations.review.costs import planned
    from operations.review.looking import previewed

    with Progress(sys.stderr).step(f"pulumi preview --stack {operated.name}") as step:
        preview = previewed(stack_engine(operated), step.now)
        step.done(f"{len(preview.steps)} resources" + (", failed" if preview.failure else ""))
    if not preview.ended or preview.errors:
        raise LocalStackError(
            f"The preview ended early, so what {operated.name!r} would cost is not known.\n{preview.failure}",
            hint=f"What is there now: groundwork cost {operated.name} --state",
        )
    if preview.failure:
        print(
            f"A policy refuses this change, which is priced all the same: groundwork preview {operated.name}",
            file=sys.stderr,
        )
    return planned(preview.steps.values())


def _print(name: str, bill: Bill, by: By, output: Format) -> None:
    from operations.costing.shown import as_document, as_text

    if output is Format.json:
        print(json.dumps(as_document(name, bill), indent=2))
    else:
        print(as_text("stdin" if name == STDIN else name, bill, items=by is By.item))


def _misused(message: str) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(MISUSED)
