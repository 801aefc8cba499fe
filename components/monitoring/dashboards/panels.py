"""Panels in the words of this project: a title, why one looks at it, a unit, and queries.

Each function gives a builder of grafana-foundation-sdk. All look alike: what they show is what differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grafana_foundation_sdk.builders import cloudwatch, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import cloudwatch as cloudwatch_models
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from components.monitoring.dashboards.sources import CLOUDWATCH, PROMETHEUS

FULL, HALF, THIRD, QUARTER = 24, 12, 8, 6
"""Widths: a row of a dashboard has 24 columns."""
Unit = Literal[
    "short", "percent", "percentunit", "s", "µs", "bytes", "Bps", "mbytes", "currencyUSD", "reqps", "watt", "celsius"
]
"""Grafana's names of units; `mbytes` are MiB."""


@dataclass(frozen=True, kw_only=True)
class Prom:
    """A query of Prometheus. legend: with `{{label}}` for a label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A query of one metric of CloudWatch, for all series whose dimensions have these values (`*` for any).

    statistic: Average, Sum, Maximum, Minimum, SampleCount, or a percentile such as p99.
    label: with CloudWatch's `${PROP('Dim.EndpointName')}` for a dimension's value.
    """

    namespace: str
    metric: str
    statistic: str
    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    label: str = ""
    period_s: int = 60


@dataclass(frozen=True, kw_only=True)
class CloudSearch:
    """A query of every metric that a search expression of CloudWatch finds.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """

    expression: str
    label: str = ""
    period_s: int = 60


Query = Prom | Cloud | CloudSearch
Panel = timeseries.Panel | stat.Panel | table.Panel


def lines(
    title: str,
    why: str,
    unit: Unit,
    *queries: Query,
    width: int = HALF,
    stacked: bool = False,
    limit: float | None = None,
) -> timeseries.Panel:
    """Values over time. limit: drawn as a red line."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(why)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .line_width(2)
        .fill_opacity(40 if stacked else 10)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if limit is not None:
        panel = panel.thresholds(_thresholds(limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.LINE)
        )
    panel = panel.datasource(_source(queries))
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(query, index))
    return panel


def number(
    title: str, why: str, unit: Unit, query: Query, *, bad_from: float | None = None, width: int = QUARTER
) -> stat.Panel:
    """One value now. bad_from: from here on it is red."""
    panel = (
        stat.Panel()
        .title(title)
        .description(why)
        .unit(unit)
        .span(width)
        .height(4)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .datasource(_source((query,)))
        .with_target(_target(query, 0))
    )
    return panel if bad_from is None else panel.thresholds(_thresholds(bad_from))


def listing(title: str, why: str, unit: Unit, query: Prom, *, width: int = HALF) -> table.Panel:
    """The series of now, a row each."""
    target = prometheus.Dataquery().expr(query.expr).format(PromQueryFormat.TABLE).instant().ref_id("A")
    return (
        table.Panel()
        .title(title)
        .description(why)
        .unit(unit)
        .span(width)
        .height(8)
        .datasource(PROMETHEUS)
        .with_target(target.datasource(PROMETHEUS))
    )


def _thresholds(limit: float) -> dashboards.ThresholdsConfig:
    return (
        dashboards.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=None, color="green"), models.Threshold(value=limit, color="red")])
    )


def _source(queries: tuple[Query, ...]) -> models.DataSourceRef:
    sources = {PROMETHEUS.uid if isinstance(query, Prom) else CLOUDWATCH.uid for query in queries}
    if len(sources) != 1:
        raise ValueError("A panel asks one data source.")
    return PROMETHEUS if isinstance(queries[0], Prom) else CLOUDWATCH


def _target(query: Query, index: int) -> prometheus.Dataquery | cloudwatch.CloudWatchMetricsQuery:
    name = chr(ord("A") + index)
    if isinstance(query, Prom):
        target = prometheus.Dataquery().expr(query.expr).range().ref_id(name).datasource(PROMETHEUS)
        return target.legend_format(query.legend) if query.legend else target
    asked = (
        cloudwatch.CloudWatchMetricsQuery()
        .query_mode(cloudwatch_models.CloudWatchQueryMode.METRICS)
        .metric_query_type(cloudwatch_models.MetricQueryType.SEARCH)
        .region("default")
        .id(f"q{name.lower()}")
        .ref_id(name)
        .period(str(query.period_s))
        .label(query.label)
        .datasource(CLOUDWATCH)
    )
    if isinstance(query, CloudSearch):
        return asked.metric_editor_mode(cloudwatch_models.MetricEditorMode.CODE).expression(query.expression)
    return (
        asked.metric_editor_mode(cloudwatch_models.MetricEditorMode.BUILDER)
        .namespace(query.namespace)
        .metric_name(query.metric)
        .statistic(query.statistic)
        .dimensions(dict(query.dimensions))
        .match_exact(True)
    )
