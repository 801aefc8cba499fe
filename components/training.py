"""What managed jobs and endpoints run with: one execution role a team, and their security group."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.placement import Placement
from components.training_policy import execution_policy, execution_trust


@dataclass(frozen=True, kw_only=True)
class TrainingArgs:
    """What managed jobs need.

    teams: names of the teams, one execution role each.
    use_vpc: whether jobs attach to the network; adds the rights to do so.
    repository_arns: image repositories that jobs may pull from.
    tracking_server_arn: managed tracking server that jobs record their runs on, if there is one.
    """

    placement: Placement
    teams: Sequence[str]
    vpc_id: pulumi.Input[str]
    data_bucket_arn: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]
    tracking_server_arn: pulumi.Input[str] | None = None
    use_vpc: bool = True


class Training(pulumi.ComponentResource):
    """One least-privilege execution role a team for SageMaker jobs and endpoints, and the security group they share."""

    execution_role_arns: dict[str, pulumi.Output[str]]
    """Team to role."""
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: TrainingArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:Training", name, None, opts)
        self._name = name
        self.security_group_id = self._security_group(args)
        self.execution_role_arns = {team: self._execution_role(team, args) for team in args.teams}
        self.register_outputs({"securityGroupId": self.security_group_id})

    def _security_group(self, args: TrainingArgs) -> pulumi.Output[str]:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-jobs",
            name=f"{args.placement.prefix}-jobs",
            description="Managed jobs and endpoints",
            vpc_id=args.vpc_id,
            # Jobs leave network interfaces behind for a while; its rules must not hold up the group's deletion.
            revoke_rules_on_delete=True,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-jobs-https",
            security_group_id=group.id,
            description="AWS APIs and package registries",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4="0.0.0.0/0",
            opts=child,
        )
        # Distributed training talks among a job's own hosts, on any port.
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-jobs-peers-in",
            security_group_id=group.id,
            description="Hosts of the same job",
            ip_protocol="-1",
            referenced_security_group_id=group.id,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-jobs-peers-out",
            security_group_id=group.id,
            description="Hosts of the same job",
            ip_protocol="-1",
            referenced_security_group_id=group.id,
            opts=child,
        )
        return group.id

    def _execution_role(self, team: str, args: TrainingArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{self._name}-{team}",
            name=f"{args.placement.prefix}-{team}-execution",
            description=f"Jobs and endpoints of team {team}",
            assume_role_policy=written_with(execution_trust, account_id=args.placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-{team}-policy",
            name="execution",
            role=role.name,
            policy=written_with(
                execution_policy,
                partition=args.placement.partition,
                region=args.placement.region,
                account_id=args.placement.account_id,
                team=team,
                data_bucket_arn=args.data_bucket_arn,
                artifact_bucket_arn=args.artifact_bucket_arn,
                kms_key_arn=args.kms_key_arn,
                repository_arns=list(args.repository_arns),
                tracking_server_arn=args.tracking_server_arn,
                use_vpc=args.use_vpc,
            ),
            opts=child,
        )
        # Whoever has the ARN may start a job at once: it must come with its rights.
        return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))
