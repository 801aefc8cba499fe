"""Which AWS resource types the local stack knows."""

from dataclasses import asdict
from typing import Any

from local.aws_server.recorded import RECORDED
from local.providers.aws.types import RESOURCES


def listing() -> dict[str, Any]:
    """`types`: token of each type that the AWS plugin manages, to its registry page.

    `recorded`: what the AWS server behind it only records, with what it checks and what does not happen.
    """
    return {
        "types": {token: resource.docs for token, resource in sorted(RESOURCES.items())},
        "recorded": [asdict(entry) for entry in RECORDED],
    }


def render(found: dict[str, Any]) -> str:
    """The same for a person."""
    width = max(map(len, found["types"]), default=0)
    lines = [f"{token:<{width}}  {docs}" for token, docs in found["types"].items()]
    lines.append(f"{len(found['types'])} AWS types; the Kubernetes plugin takes any kind.")
    lines.append("Recorded and checked, with nothing running behind it:")
    lines += [f"  {entry['service']} {entry['resource']}: {entry['without']}" for entry in found["recorded"]]
    return "\n".join(lines)
