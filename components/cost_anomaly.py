"""Alarms about spending that nobody expected."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.placement import Placement
from components.tagging import ENVIRONMENT_TAG, TEAM_TAG


@dataclass(frozen=True, kw_only=True)
class ServiceAnomalyMonitorArgs:
    """What the account's own monitor needs.

    name: of the monitor.
    """

    name: str = "groundwork-services"


class ServiceAnomalyMonitor(pulumi.ComponentResource):
    """Watches each AWS service of the account by itself. An account has one such monitor, so no environment makes it.

    Source: https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceAnomalyMonitorArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:ServiceAnomalyMonitor", name, None, opts)
        monitor = aws.costexplorer.AnomalyMonitor(
            f"{name}-monitor",
            name=args.name,
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = monitor.arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class EnvironmentAnomaliesArgs:
    """What an environment's alarm needs.

    topic_arn: SNS topic that hears of an anomaly; its policy lets costalerts.amazonaws.com publish.
    least_impact_usd: dollars that an anomaly must have cost before anybody hears of it (above 0).
    teams: teams whose costs are watched by themselves.
    account_monitor_arn: the account's own monitor, whose findings go to the same topic; empty for none.
    """

    placement: Placement
    topic_arn: pulumi.Input[str]
    least_impact_usd: int = 50
    teams: Sequence[str] = ()
    account_monitor_arn: str = ""


class EnvironmentAnomalies(pulumi.ComponentResource):
    """Watches what carries the environment's tag, and each team's, and tells at once.

    A monitor takes one tag, so a team's sees what the team costs in every environment of the account. All see costs
    only once the tags are active cost allocation tags of the payer account (docs/guardrails.md).
    """

    def __init__(self, name: str, args: EnvironmentAnomaliesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:EnvironmentAnomalies", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        watched = {f"{name}-monitor": (args.placement.prefix, ENVIRONMENT_TAG, args.placement.environment)}
        for team in args.teams:
            watched[f"{name}-team-{team}"] = (f"{args.placement.prefix}-team-{team}", TEAM_TAG, team)
        monitors = [
            aws.costexplorer.AnomalyMonitor(
                logical_name,
                name=physical_name,
                monitor_type="CUSTOM",
                monitor_specification=monitor_specification(tag, value),
                opts=child,
            )
            for logical_name, (physical_name, tag, value) in watched.items()
        ]
        others = [args.account_monitor_arn] if args.account_monitor_arn else []
        aws.costexplorer.AnomalySubscription(
            f"{name}-subscription",
            name=args.placement.prefix,
            # Only an SNS topic hears of an anomaly at once.
            frequency="IMMEDIATE",
            monitor_arn_lists=[*(monitor.arn for monitor in monitors), *others],
            subscribers=[aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="SNS", address=args.topic_arn)],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                    key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    match_options=["GREATER_THAN_OR_EQUAL"],
                    values=[str(args.least_impact_usd)],
                )
            ),
            opts=child,
        )
        self.register_outputs({})


def monitor_specification(tag: str, value: str) -> str:
    """What carries a tag, as a Cost Explorer expression.

    Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html
    """
    return json.dumps({"Tags": {"Key": tag, "MatchOptions": ["EQUALS"], "Values": [value]}})
