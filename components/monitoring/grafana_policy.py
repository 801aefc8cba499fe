"""IAM policies of the role that Grafana asks AWS with."""

from components.iam import allow, document, trust, unscoped

QUERY_PROMETHEUS = ("aps:QueryMetrics", "aps:GetLabels", "aps:GetSeries", "aps:GetMetricMetadata")
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-onboard-query-grafana-7.3.html"""


def pod_trust(account_id: str) -> str:
    """Pods of this account's clusters assume the role, by Pod Identity.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    return document(
        trust(
            ["pods.eks.amazonaws.com"],
            sid="Pods",
            actions=["sts:AssumeRole", "sts:TagSession"],
            conditions={"StringEquals": {"aws:SourceAccount": account_id}},
        )
    )


def workspace_trust(account_id: str, workspaces: str) -> str:
    """Workspaces of Amazon Managed Grafana of this account assume the role.

    workspaces: ARN pattern of the workspaces.
    Source: https://docs.aws.amazon.com/grafana/latest/userguide/cross-service-confused-deputy-prevention.html
    """
    return document(
        trust(
            ["grafana.amazonaws.com"],
            conditions={
                "StringEquals": {"aws:SourceAccount": account_id},
                "StringLike": {"aws:SourceArn": workspaces},
            },
        )
    )


def read_policy(region: str, workspace_arn: str) -> str:
    """What dashboards ask for: one Prometheus workspace, and metrics of CloudWatch in one region. Nothing is changed.

    Source: https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/configure/#iam-policies
    """
    return document(
        allow("QueryPrometheus", QUERY_PROMETHEUS, [workspace_arn]),
        unscoped(
            "ReadMetrics",
            ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"],
            because="reading metrics knows no resources; the condition narrows it to the platform's region",
            conditions={"StringEquals": {"aws:RequestedRegion": region}},
        ),
    )
