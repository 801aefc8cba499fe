"""Amazon Managed Service for Prometheus: where metrics are kept, and the rules that are evaluated there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.monitoring.alertmanager import alertmanager_definition
from components.placement import Placement

LARGEST_RULES_BYTES = 1_000_000
"""What a rule-group namespace may hold
(https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html)."""


@dataclass(frozen=True, kw_only=True)
class PrometheusWorkspaceArgs:
    """What a workspace needs.

    topic_arn: SNS topic that alerts go to.
    kms_key_arn: key that encrypts the metrics; another one replaces the workspace.
    metric_days: days that metrics are kept (1 to 1095,
        https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-workspace-configuration.html).
    log_days: days that the workspace's own errors are kept.
    logs_key_arn: key that encrypts them.
    rules: rule files in Prometheus' own format, by the name of their namespace.
    """

    placement: Placement
    topic_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    rules: Mapping[str, str]
    metric_days: int = 150
    log_days: int = 30
    protect: bool = True


class PrometheusWorkspace(pulumi.ComponentResource):
    """A workspace with its retention, its error log, its rules and its Alertmanager.

    Its key is the account's own, by grants that AWS makes with the caller's leave
    (https://docs.aws.amazon.com/prometheus/latest/userguide/encryption-at-rest-Amazon-Service-Prometheus.html). Raises
    ValueError for rules that are too large for a namespace.
    """

    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """Address of Prometheus' own API, without `/api/v1`."""

    def __init__(self, name: str, args: PrometheusWorkspaceArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:PrometheusWorkspace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            # The prefix spares CloudWatch Logs a resource policy that would grow with every such group
            # (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html).
            name=f"/aws/vendedlogs/prometheus/{args.placement.prefix}",
            retention_in_days=args.log_days,
            kms_key_id=args.logs_key_arn,
            opts=child,
        )
        workspace = aws.amp.Workspace(
            name,
            alias=args.placement.prefix,
            kms_key_arn=args.kms_key_arn,
            logging_configuration=aws.amp.WorkspaceLoggingConfigurationArgs(
                log_group_arn=pulumi.Output.concat(logs.arn, ":*")
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.id, self.arn, self.endpoint = workspace.id, workspace.arn, workspace.prometheus_endpoint
        aws.amp.WorkspaceConfiguration(
            f"{name}-retention", workspace_id=workspace.id, retention_period_in_days=args.metric_days, opts=child
        )
        for namespace, text in args.rules.items():
            if len(text.encode()) > LARGEST_RULES_BYTES:
                raise ValueError(
                    f"the rules {namespace!r} have {len(text.encode()):,} bytes, and a rule-group namespace takes "
                    f"{LARGEST_RULES_BYTES:,}: split them"
                )
            aws.amp.RuleGroupNamespace(
                f"{name}-rules-{namespace}", name=namespace, workspace_id=workspace.id, data=text, opts=child
            )
        aws.amp.AlertManagerDefinition(
            f"{name}-alertmanager",
            workspace_id=workspace.id,
            definition=written_with(alertmanager_definition, topic_arn=args.topic_arn, region=args.placement.region),
            opts=child,
        )
        self.register_outputs({"id": self.id, "arn": self.arn, "endpoint": self.endpoint})
