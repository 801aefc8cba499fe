"""Teams, and the roles that their jobs run with."""

from collections.abc import Sequence

import pulumi

from components.approvals import Approvals, ApprovalsArgs
from components.cluster import Cluster
from components.promotion_policy import PromotionSource
from components.team import Quota, Team, TeamArgs
from components.tracking import Tracking
from components.training import Training, TrainingArgs
from infra.principals import principal_arn
from infra.wiring.context import Context
from infra.wiring.foundations import Foundations
from infra.wiring.image_builder import team_images
from platform_contract import contract_path


def training(context: Context, base: Foundations, tracked: Tracking) -> Training:
    """An execution role for each team."""
    return Training(
        "training",
        TrainingArgs(
            placement=context.placement,
            teams=[team.name for team in context.settings.teams],
            vpc_id=base.network.vpc_id,
            data_bucket_arn=base.store.data_bucket_arn,
            artifact_bucket_arn=base.store.artifact_bucket_arn,
            kms_key_arn=base.keys.data_arn,
            repository_arns=list(base.registry.arns.values()),
            tracking_server_arn=tracked.server_arn,
            use_vpc=context.settings.training.use_vpc,
        ),
        context.opts,
    )


def teams(
    context: Context,
    base: Foundations,
    in_cluster: Cluster,
    node_pools: Sequence[pulumi.Resource],
    tracked: Tracking,
    trains: Training,
) -> dict[str, Team]:
    """Each team's share, by its name."""
    return {
        team.name: Team(
            f"team-{team.name}",
            TeamArgs(
                placement=context.placement,
                team=team.name,
                quota=Quota(
                    cpus=team.quota.cpus,
                    memory_gib=team.quota.memory_gib,
                    gpus=team.quota.gpus,
                    pods=team.quota.pods,
                    neuron_devices=team.quota.neuron_devices,
                ),
                members=[principal_arn(member, context.placement) for member in team.members],
                member_tag=team.member_tag,
                approval_required=context.settings.registry.approval_required,
                shares_models=bool(context.settings.promotion.to),
                sources=[
                    PromotionSource(environment=source.environment, account_id=source.account_id)
                    for source in context.settings.promotion.sources
                ],
                contract_path=contract_path(context.environment),
                execution_role_arn=trains.execution_role_arns[team.name],
                cluster_name=in_cluster.name,
                cluster_arn=in_cluster.arn,
                data_bucket=base.store.data_bucket,
                data_bucket_arn=base.store.data_bucket_arn,
                artifact_bucket=base.store.artifact_bucket,
                artifact_bucket_arn=base.store.artifact_bucket_arn,
                kms_key_arn=base.keys.data_arn,
                tracking_server_arn=tracked.server_arn,
                provider=in_cluster.provider,
                node_pools=node_pools,
                images=team_images(context, base),
            ),
            context.opts,
        )
        for team in context.settings.teams
    }


def approvals(context: Context, base: Foundations, tracked: Tracking, trains: Training) -> dict[str, Approvals]:
    """The approver role of each team that has approvers, by the team's name."""
    return {
        team.name: Approvals(
            f"approvals-{team.name}",
            ApprovalsArgs(
                placement=context.placement,
                team=team.name,
                approvers=[principal_arn(approver, context.placement) for approver in team.approvers],
                contract_path=contract_path(context.environment),
                execution_role_arn=trains.execution_role_arns[team.name],
                artifact_bucket_arn=base.store.artifact_bucket_arn,
                kms_key_arn=base.keys.data_arn,
                tracking_server_arn=tracked.server_arn,
            ),
            context.opts,
        )
        for team in context.settings.teams
        if team.approvers
    }
