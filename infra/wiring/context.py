"""What every part of the platform is wired with."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.placement import Placement
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Context:
    """One environment: its settings, its place, and the options that hand its AWS provider to a component.

    admins: a word for each administrator of the cluster, and the ARN.
    """

    environment: str
    settings: Settings
    placement: Placement
    opts: pulumi.ResourceOptions
    admins: Mapping[str, pulumi.Input[str]]
