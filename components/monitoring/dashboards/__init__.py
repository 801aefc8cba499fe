"""The dashboards, as code.

rendered()            file name → JSON that Grafana loads
prometheus_queries()  every query of Prometheus, with the variables filled in
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from components.monitoring.dashboards.check import panels_of
from components.monitoring.dashboards.endpoints import endpoints
from components.monitoring.dashboards.gpus import gpus
from components.monitoring.dashboards.platform import platform
from components.monitoring.dashboards.quality import quality
from components.monitoring.dashboards.sources import PROMETHEUS_UID
from components.monitoring.dashboards.training import training

DASHBOARDS: tuple[Callable[[], Dashboard], ...] = (platform, gpus, training, endpoints, quality)
GRAFANA_VERSION = "11.6"
"""What the SDK of requirements-platform.in writes for; a newer Grafana loads it too."""

_FILLED_IN = {"$__rate_interval": "5m", "$__range_s": "3600", "$__range": "1h"}


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel. expr: PromQL without variables."""

    dashboard: str
    panel: str
    expr: str


@cache
def rendered() -> Mapping[str, str]:
    """Each dashboard's file name (`platform.json`) and JSON."""
    return {
        f"{build.__name__}.json": JSONEncoder(sort_keys=True, indent=1).encode(build().build()) for build in DASHBOARDS
    }


def prometheus_queries() -> tuple[PanelQuery, ...]:
    """Every query of Prometheus, with choices at `all` and intervals of five minutes and an hour."""
    return tuple(
        PanelQuery(dashboard["title"], panel["title"], filled_in(target["expr"]))
        for dashboard in _documents()
        for panel in panels_of(dashboard)
        for target in panel.get("targets", [])
        if target["datasource"]["uid"] == PROMETHEUS_UID
    )


def filled_in(expression: str) -> str:
    """PromQL that Prometheus itself takes, out of an expression with Grafana's variables."""
    for variable, value in _FILLED_IN.items():
        expression = expression.replace(variable, value)
    return re.sub(r"\$[a-z]\w*", ".*", expression)


def _documents() -> list[dict[str, Any]]:
    return [json.loads(text) for text in rendered().values()]
