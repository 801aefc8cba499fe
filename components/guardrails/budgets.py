"""Monthly budgets of the environment and of its teams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.placement import Placement
from components.tagging import ENVIRONMENT_TAG, TEAM_TAG

ALARMS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Kind of spending and percentage of the limit. AWS takes five a budget
(https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html)."""

CLUSTER_TAG = "aws:eks:cluster-name"
"""What EKS puts on every EC2 instance of a cluster, for billing
(https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html)."""


@dataclass(frozen=True, kw_only=True)
class BudgetsArgs:
    """What the budgets need.

    cluster_name: the environment's EKS cluster, whose nodes count.
    monthly_usd: dollars a month that the whole environment may cost (above 0).
    team_monthly_usd: team to the dollars a month that its jobs and endpoints may cost.
    topic_arn: SNS topic that hears of an alarm; its policy lets budgets.amazonaws.com publish.
    emails: addresses that hear of it as well (10 at most).
    """

    placement: Placement
    cluster_name: pulumi.Input[str]
    monthly_usd: int
    team_monthly_usd: Mapping[str, int] = field(default_factory=dict[str, int])
    topic_arn: pulumi.Input[str]
    emails: Sequence[str] = ()


class Budgets(pulumi.ComponentResource):
    """A budget for what carries the environment's tag or is a node of its cluster, and one for each team with a limit.

    They tell of money, they stop nothing. A team's budget sees what `ml` tags with the team (jobs, models, endpoints);
    what its pods cost on shared nodes is in the environment's budget alone. Both see costs only once the tags are
    active cost allocation tags of the payer account (docs/guardrails.md).
    """

    names: tuple[str, ...]

    def __init__(self, name: str, args: BudgetsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:Budgets", name, None, opts)
        prefix, environment = args.placement.prefix, args.placement.environment
        alarms = [_notification(kind, percent, args) for kind, percent in ALARMS]
        # Auto Mode's nodes do not carry the environment's tag: EKS starts them, and tags them with their cluster.
        whole = _any_of({ENVIRONMENT_TAG: environment, CLUSTER_TAG: args.cluster_name})
        self._budget(f"{name}-environment", prefix, args.monthly_usd, whole, alarms)
        for team, limit in args.team_monthly_usd.items():
            tags = _all_of({ENVIRONMENT_TAG: environment, TEAM_TAG: team})
            self._budget(f"{name}-team-{team}", f"{prefix}-team-{team}", limit, tags, alarms)
        self.names = (prefix, *(f"{prefix}-team-{team}" for team in args.team_monthly_usd))
        self.register_outputs({})

    def _budget(
        self,
        name: str,
        physical_name: str,
        monthly_usd: int,
        costs: aws.budgets.BudgetFilterExpressionArgs,
        alarms: Sequence[aws.budgets.BudgetNotificationArgs],
    ) -> None:
        aws.budgets.Budget(
            name,
            name=physical_name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(monthly_usd),
            limit_unit="USD",
            filter_expression=costs,
            # What is used, whatever credits or refunds hide of it.
            metrics="UnblendedCost",
            notifications=list(alarms),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _any_of(tags: Mapping[str, pulumi.Input[str]]) -> aws.budgets.BudgetFilterExpressionArgs:
    """Costs that carry one of these tags, each cost counted once."""
    return aws.budgets.BudgetFilterExpressionArgs(
        ors=[
            aws.budgets.BudgetFilterExpressionOrArgs(
                tags=aws.budgets.BudgetFilterExpressionOrTagsArgs(key=key, values=[value])
            )
            for key, value in tags.items()
        ]
    )


def _all_of(tags: Mapping[str, str]) -> aws.budgets.BudgetFilterExpressionArgs:
    """Costs that carry all of these tags."""
    return aws.budgets.BudgetFilterExpressionArgs(
        ands=[
            aws.budgets.BudgetFilterExpressionAndArgs(
                tags=aws.budgets.BudgetFilterExpressionAndTagsArgs(key=key, values=[value])
            )
            for key, value in tags.items()
        ]
    )


def _notification(kind: str, percent: int, args: BudgetsArgs) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        comparison_operator="GREATER_THAN",
        notification_type=kind,
        threshold=float(percent),
        threshold_type="PERCENTAGE",
        subscriber_sns_topic_arns=[args.topic_arn],
        subscriber_email_addresses=list(args.emails) or None,
    )
