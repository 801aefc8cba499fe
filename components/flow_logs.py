"""A record of who talked to whom in a VPC."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import allow, document, trust, unscoped, written_with
from components.placement import Placement

AGGREGATION_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """What flow logs need.

    retention_days: days that they are kept; one of the values that CloudWatch Logs knows.
    kms_key_arn: key that encrypts the log group.
    """

    placement: Placement
    vpc_id: pulumi.Input[str]
    retention_days: int
    kms_key_arn: pulumi.Input[str]


class FlowLogs(pulumi.ComponentResource):
    """Flow logs of a VPC in a log group of their own, and the role that writes them."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:network:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            name,
            name=f"/groundwork/{args.placement.environment}/vpc-flow-logs",
            retention_in_days=args.retention_days,
            kms_key_id=args.kms_key_arn,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-writer",
            name=f"{args.placement.prefix}-flow-logs",
            description="Writes the VPC's flow logs",
            assume_role_policy=written_with(flow_logs_trust, account_id=args.placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-writer-policy",
            name="write",
            role=role.name,
            policy=written_with(flow_logs_policy, log_group_arn=group.arn),
            opts=child,
        )
        aws.ec2.FlowLog(
            f"{name}-log",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})


def flow_logs_trust(account_id: str) -> str:
    """Flow logs of this account alone may use the role (the confused deputy problem)."""
    return document(
        trust(["vpc-flow-logs.amazonaws.com"], conditions={"StringEquals": {"aws:SourceAccount": account_id}})
    )


def flow_logs_policy(log_group_arn: str) -> str:
    """Writes to the one log group.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    group = log_group_arn.removesuffix(":*")
    return document(
        unscoped("FindGroup", ["logs:DescribeLogGroups"], because="DescribeLogGroups knows no resources"),
        allow("FindStreams", ["logs:DescribeLogStreams"], [group, f"{group}:*"]),
        allow("Write", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:log-stream:*"]),
    )
