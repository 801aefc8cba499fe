"""The settings files that ship, as an environment of somebody's own has them."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE_RANGE, OFFICE = "203.0.113.0/24", "198.18.7.0/24"
ACCOUNT = "123456789012"


def file_of(environment: str) -> dict[str, Any]:
    """Every key of `Pulumi.<environment>.yaml`."""
    return yaml.safe_load((ROOT / f"Pulumi.{environment}.yaml").read_text())["config"]


def settings_of(environment: str) -> dict[str, Any]:
    """Our keys, with a range and an account of one's own, without which the check refuses the file."""
    config = file_of(environment)
    ours = {key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")}
    if ours["cluster"].get("publicAccessCidrs") == [EXAMPLE_RANGE]:
        ours["cluster"]["publicAccessCidrs"] = [OFFICE]
    if ours["protection"]["protect"]:
        ours.setdefault("accountId", ACCOUNT)
    return ours
