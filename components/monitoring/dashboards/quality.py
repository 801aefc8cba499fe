"""Model quality: what models scored when they were trained, and how far what they see has moved since."""

from grafana_foundation_sdk.builders import dashboard

from components.monitoring.dashboards.layout import Section, dashboard_of
from components.monitoring.dashboards.panels import FULL, Cloud, CloudSearch, Prom, lines, listing, number
from components.monitoring.dashboards.training import search_of_jobs
from components.monitoring.dashboards.variables import label_values, words

CHOSEN = 'team=~"$team"'


def quality() -> dashboard.Dashboard:
    """Are the models still as good as when they were trained?"""
    return dashboard_of(
        "quality",
        "Model quality",
        "Are the models still as good as when they were trained? Drift by feature, scores of the training jobs, and "
        "requests that models refuse.",
        [_drift(), _scores(), _traffic()],
        variables=[
            label_values("team", "Team", "groundwork_model_drift_score", "team"),
            words("jobs", "Training jobs", "Words that the names of training jobs hold, such as research flight"),
        ],
        hours=24 * 7,
    )


def _drift() -> Section:
    score = f"groundwork_model_drift_score{{{CHOSEN}}}"
    beyond = f"{score} > on (team, endpoint) group_left () groundwork_model_drift_threshold"
    return Section(
        title="Drift",
        panels=[
            number(
                "Features beyond their threshold",
                "Of all endpoints of the chosen teams.",
                "short",
                Prom(expr=f"count({beyond}) or vector(0)"),
                bad_from=1,
            ),
            number("Features watched", "Of all endpoints.", "short", Prom(expr=f"count({score})")),
            number(
                "Endpoints watched",
                "Of the chosen teams.",
                "short",
                Prom(expr=f"count(count by (team, endpoint) ({score}))"),
            ),
            number("Highest score", "Of all features.", "short", Prom(expr=f"max({score})")),
            lines(
                "Drift of the endpoints",
                "The feature that moved furthest, by endpoint.",
                "short",
                Prom(expr=f"max by (team, endpoint) ({score})", legend="{{team}} {{endpoint}}"),
            ),
            listing(
                "Features that moved furthest",
                "Population stability index or whatever score the monitoring job writes.",
                "short",
                Prom(expr=f"topk(20, {score})"),
            ),
        ],
    )


def _scores() -> Section:
    return Section(
        title="Scores of training jobs",
        panels=[
            lines(
                "What training jobs scored",
                "The metrics of job.yaml, by job: a score that falls from one training to the next shows here.",
                "short",
                CloudSearch(
                    expression=search_of_jobs(300),
                    label="${PROP('Dim.TrainingJobName')} ${PROP('MetricName')}",
                    period_s=300,
                ),
                width=FULL,
            )
        ],
    )


def _traffic() -> Section:
    return Section(
        title="What models are asked",
        panels=[
            lines(
                "Refused requests",
                "Share of the requests that a model refused (4xx): its inputs are not what it was trained on.",
                "percentunit",
                Cloud(
                    namespace="AWS/SageMaker",
                    metric="Invocation4XXErrors",
                    statistic="Average",
                    dimensions={"EndpointName": "*", "VariantName": "*"},
                    label="${PROP('Dim.EndpointName')} ${PROP('Dim.VariantName')}",
                    period_s=300,
                ),
            ),
            lines(
                "Rows predicted for",
                "By the inference servers on the cluster.",
                "short",
                Prom(
                    expr="sum by (endpoint, variant) (rate(serving_predicted_rows_total[$__rate_interval]))",
                    legend="{{endpoint}} {{variant}}",
                ),
            ),
        ],
    )
