"""`groundwork cost`: what the resources of a preview or of a stack cost a month."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any, cast

import typer

from local.cli import Format, Output
from local.errors import LocalStackError
from prices import IDLE, Estimate, Resource, Usage, estimate
from prices.table import markdown

GOING = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "read-discard"})
"""Steps of a preview after which the resource is no more."""
AWS_PROVIDER = "pulumi:providers:aws"
STDIN = cast(typer.FileText, "-")
EXPECTED = "what `pulumi preview --json --show-sames` or `pulumi stack export` prints"


def resources_of(document: Any) -> list[Resource]:
    """The resources that a preview leaves there, or that a stack's state holds.

    Raises LocalStackError for a document that is neither.
    """
    if not isinstance(document, dict):
        raise LocalStackError(f"This is not {EXPECTED}.")
    return [_resource(state) for state in _states(cast(dict[str, Any], document)) if state.get("custom", True)]


def region_of(resources: list[Resource]) -> str | None:
    """The region of the program's AWS provider."""
    regions = [resource.inputs.get("region") for resource in resources if resource.type == AWS_PROVIDER]
    return next((str(region) for region in regions if region), None)


def cost(
    source: Annotated[
        typer.FileText, typer.Argument(metavar="[FILE]", help=f"{EXPECTED[0].upper()}{EXPECTED[1:]}; - is stdin.")
    ] = STDIN,
    idle: Annotated[
        bool, typer.Option("--idle/--resources", help="Add what an environment uses that nobody works with.")
    ] = True,
    output: Output = Format.text,
) -> None:
    """Show what a preview's or a stack's resources cost a month, with the arithmetic.

    An estimate from prices/, without jobs, endpoints, taxes, discounts and free tiers. What has no price is named.
    """
    try:
        found = _estimate(json.load(source), IDLE if idle else Usage())
        print(json.dumps(as_document(found), indent=2) if output is Format.json else markdown(found))
    except (json.JSONDecodeError, UnicodeDecodeError):
        _fail(f"This is not {EXPECTED}.")
    except LocalStackError as error:
        _fail(str(error))


def as_document(found: Estimate) -> dict[str, Any]:
    """The estimate for a program: dollars a month as strings, exact; what is unpriced comes on top."""
    return {
        "usdAMonth": str(found.usd),
        "lines": [
            {
                "resource": line.resource,
                "price": line.price.item,
                "quantity": str(line.quantity),
                "usdAMonth": str(line.usd),
                "note": line.note,
            }
            for line in found.lines
        ],
        "unpriced": [{"resource": each.resource, "type": each.type, "reason": each.reason} for each in found.unknown],
    }


def _fail(message: str) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(1)


def _estimate(document: Any, usage: Usage) -> Estimate:
    resources = resources_of(document)
    region = region_of(resources)
    if region is None:
        raise LocalStackError(f"There is no AWS provider with a region in it. It takes {EXPECTED}, of a whole stack.")
    return estimate(resources, usage, region)


def _states(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    deployment = document.get("deployment")
    if isinstance(deployment, dict):
        yield from cast(dict[str, list[dict[str, Any]]], deployment).get("resources") or []
    elif isinstance(document.get("steps"), list):
        for step in cast(list[dict[str, Any]], document["steps"]):
            if step.get("op") not in GOING and step.get("newState"):
                yield step["newState"]
    else:
        raise LocalStackError(f"This is not {EXPECTED}.")


def _resource(state: dict[str, Any]) -> Resource:
    return Resource(state["type"], state["urn"].rsplit("::", 1)[1], state.get("inputs") or {})
