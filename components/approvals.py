"""Who approves a team's models."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.approval_policy import approve_policy, approve_trust
from components.iam import written_with
from components.placement import Placement


@dataclass(frozen=True, kw_only=True)
class ApprovalsArgs:
    """What an approver role needs.

    team: whose models it decides about.
    approvers: ARNs of the IAM principals that may assume it.
    contract_path: where in Parameter Store they read the platform contract.
    execution_role_arn: role that the team's endpoints run with.
    tracking_server_arn: managed tracking server whose registry they read and mark, if there is one.
    """

    placement: Placement
    team: str
    approvers: Sequence[pulumi.Input[str]]
    contract_path: str
    execution_role_arn: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    tracking_server_arn: pulumi.Input[str] | None


class Approvals(pulumi.ComponentResource):
    """A role that approves and rejects a team's models, except those that the person who has assumed it proposed."""

    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ApprovalsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:Approvals", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        placement = args.placement
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{placement.prefix}-{args.team}-approve",
            description=f"Approvers of team {args.team}'s models decide about them with it",
            assume_role_policy=written_with(
                approve_trust,
                partition=placement.partition,
                account_id=placement.account_id,
                approvers=list(args.approvers),
            ),
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-policy",
            name="approve",
            role=role.name,
            policy=written_with(
                approve_policy,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                team=args.team,
                contract_path=args.contract_path,
                execution_role_arn=args.execution_role_arn,
                artifact_bucket_arn=args.artifact_bucket_arn,
                kms_key_arn=args.kms_key_arn,
                tracking_server_arn=args.tracking_server_arn,
            ),
            opts=child,
        )
        self.role_arn = role.arn
        self.register_outputs({"roleArn": self.role_arn})
