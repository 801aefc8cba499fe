"""The settings files that ship, as an environment of somebody's own has them."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE_RANGE, OFFICE = "203.0.113.0/24", "198.18.7.0/24"


def file_of(environment: str) -> dict[str, Any]:
    """Every key of `Pulumi.<environment>.yaml`."""
    return yaml.safe_load((ROOT / f"Pulumi.{environment}.yaml").read_text())["config"]


def settings_of(environment: str) -> dict[str, Any]:
    """Our keys, with a range of one's own in the place of the example, which the check refuses."""
    config = file_of(environment)
    ours = {key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")}
    if ours["cluster"].get("publicAccessCidrs") == [EXAMPLE_RANGE]:
        ours["cluster"]["publicAccessCidrs"] = [OFFICE]
    return ours
