"""Choices at the top of a dashboard."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from components.monitoring.dashboards.sources import CLOUDWATCH, PROMETHEUS


def label_values(name: str, label: str, metric: str, of: str) -> dashboard.QueryVariable:
    """The values that a label of a metric of Prometheus has; all of them by default."""
    return _all_by_default(
        dashboard.QueryVariable(name).label(label).datasource(PROMETHEUS).query(f"label_values({metric}, {of})")
    )


def dimension_values(
    name: str, label: str, *, namespace: str, metric: str, dimension: str, given: dict[str, str] | None = None
) -> dashboard.QueryVariable:
    """The values that a dimension of a metric of CloudWatch has; all of them by default.

    given: values of other dimensions, such as `{"EndpointName": "$endpoint"}`.
    Fields: https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/template-variables/
    """
    query: dict[str, object] = {
        "queryType": "dimensionValues",
        "region": "default",
        "namespace": namespace,
        "metricName": metric,
        "dimensionKey": dimension,
        "dimensionFilters": given or {},
        "refId": "CloudWatchVariableQueryEditor-VariableQuery",
    }
    # `*` instead of every value's name: a search of CloudWatch takes 1,024 characters.
    return _all_by_default(
        dashboard.QueryVariable(name).label(label).datasource(CLOUDWATCH).query(query).all_value("*")
    )


def words(name: str, label: str, why: str) -> dashboard.TextBoxVariable:
    """Free text."""
    return dashboard.TextBoxVariable(name).label(label).description(why).default_value("")


def _all_by_default(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    return (
        variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )
