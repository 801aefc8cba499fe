"""What all dashboards have in common: name, tags, time range, links to each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from components.monitoring.dashboards.panels import Panel

TAG = "groundwork"
Variable = dashboard.QueryVariable | dashboard.TextBoxVariable


@dataclass(frozen=True, kw_only=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


def dashboard_of(
    name: str, title: str, why: str, sections: Sequence[Section], *, variables: Sequence[Variable] = (), hours: int = 6
) -> dashboard.Dashboard:
    """A dashboard. name: last part of its id, which its address keeps for good."""
    built = (
        dashboard.Dashboard(f"Groundwork / {title}")
        .uid(f"{TAG}-{name}")
        .description(why)
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("1m")
        .time(f"now-{hours}h", "now")
        .timezone("browser")
        .link(
            dashboard.DashboardLink("Groundwork")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
            .as_dropdown(True)
        )
    )
    for variable in variables:
        built = built.with_variable(variable)
    for section in sections:
        built = built.with_row(dashboard.Row(section.title))
        for panel in section.panels:
            built = built.with_panel(panel)
    return built
