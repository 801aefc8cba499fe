"""What the guard reads of the platform contract: teams with their roles and limits, and the artifact bucket."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spend_guard.decisions import Team


@dataclass(frozen=True)
class Platform:
    """The platform that is watched. artifact_bucket: where teams have their prefixes, and the guard its own."""

    region: str
    artifact_bucket: str
    teams: tuple[Team, ...]


def read(ssm: Any, path: str) -> Platform:
    """The platform whose contract lies under a path in Parameter Store (platform_contract/parameters.py)."""
    names = [f"{path}/platform", f"{path}/storage"]
    found = {one["Name"]: json.loads(one["Value"]) for one in ssm.get_parameters(Names=names)["Parameters"]}
    missing = [name for name in names if name not in found]
    if missing:
        raise LookupError(f"The platform contract lacks {', '.join(missing)}.")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=f"{path}/teams")
    documents: list[dict[str, Any]] = [json.loads(one["Value"]) for page in pages for one in page["Parameters"]]
    return Platform(found[names[0]]["region"], found[names[1]]["artifact_bucket"], tuple(map(_team, documents)))


def _team(document: dict[str, Any]) -> Team:
    limit = document.get("monthly_budget_usd")
    return Team(
        name=document["name"],
        role_arn=document["execution_role_arn"],
        artifact_uri=document["artifact_uri"],
        limit_usd=None if limit is None else Decimal(str(limit)),
    )
