"""One ML team's share of the platform: a namespace, a quota, and the roles that reach its own files alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.approval_policy import models_policy
from components.ci_team_role import team_role_name
from components.iam import written_with
from components.image_builder_policy import TeamImages, team_images_policy
from components.instance_facts import RESOURCES
from components.placement import Placement
from components.promotion_policy import PromotionSource
from components.team_policy import submit_policy, submit_trust, tracking_policy
from components.team_prefix import team_prefix
from components.team_rules import container_limits, namespace_rules, network_policies

JOBS_ACCOUNT = "jobs"
"""Service account that a team's pods run as."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The most that a team's pods ask for at a time: CPUs, memory in GiB, accelerators, and pods themselves."""

    cpus: int
    memory_gib: int
    gpus: int
    pods: int
    neuron_devices: int = 0


@dataclass(frozen=True, kw_only=True)
class TeamArgs:
    """What a team needs.

    team: its name, which is also its namespace and the first part of its jobs' names.
    members: ARNs of the IAM principals that may submit jobs; none leaves it to the account's own IAM policies.
    member_tag: whoever carries the team's name in the tag `groundwork:team` may submit jobs, too.
    contract_path: where in Parameter Store the members read the platform contract.
    execution_role_arn: role that the team's jobs run with.
    tracking_server_arn: managed tracking server that members read, if there is one.
    images: what members do about images.
    approval_required: whether a model is served only once somebody else has approved it.
    shares_models: whether models are promoted from here to other accounts.
    sources: environments of other accounts that models come from.
    node_pools: what the team's pods run on. A destroy ends the pods first: nodes that outlive their pool stay for good.
    """

    placement: Placement
    team: str
    quota: Quota
    members: Sequence[pulumi.Input[str]]
    contract_path: str
    execution_role_arn: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    data_bucket: pulumi.Input[str]
    data_bucket_arn: pulumi.Input[str]
    artifact_bucket: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    tracking_server_arn: pulumi.Input[str] | None
    provider: k8s.Provider
    node_pools: Sequence[pulumi.Resource] = ()
    member_tag: bool = False
    approval_required: bool = False
    shares_models: bool = False
    sources: Sequence[PromotionSource] = ()
    images: TeamImages | None = None


class Team(pulumi.ComponentResource):
    """A namespace with a quota and no way in by default, and a role that submits jobs for this team alone."""

    namespace: pulumi.Output[str]
    namespace_object: pulumi.Resource
    """What other objects in the namespace depend on."""
    submit_role_arn: pulumi.Output[str]
    data_uri: pulumi.Output[str]
    artifact_uri: pulumi.Output[str]

    def __init__(self, name: str, args: TeamArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:Team", name, None, opts)
        self._name = name
        prefix = team_prefix(args.team)
        self.data_uri = pulumi.Output.concat("s3://", args.data_bucket, f"/{prefix}")
        self.artifact_uri = pulumi.Output.concat("s3://", args.artifact_bucket, f"/{prefix}")
        self.submit_role_arn = self._submit_role(args)
        self.namespace = self._namespace(args)
        self.register_outputs({"namespace": self.namespace, "submitRoleArn": self.submit_role_arn})

    def _submit_role(self, args: TeamArgs) -> pulumi.Output[str]:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        placement = args.placement
        role = aws.iam.Role(
            f"{name}-submit",
            name=f"{placement.prefix}-{args.team}-submit",
            description=f"Members of team {args.team} submit and watch jobs with it",
            assume_role_policy=written_with(
                submit_trust,
                partition=placement.partition,
                account_id=placement.account_id,
                members=list(args.members),
                tagged=args.team if args.member_tag else None,
                pipeline=team_role_name(placement.environment, args.team),
            ),
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-submit-policy",
            name="submit",
            role=role.name,
            policy=written_with(
                submit_policy,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                team=args.team,
                contract_path=args.contract_path,
                execution_role_arn=args.execution_role_arn,
                cluster_arn=args.cluster_arn,
                data_bucket_arn=args.data_bucket_arn,
                artifact_bucket_arn=args.artifact_bucket_arn,
                kms_key_arn=args.kms_key_arn,
                approval_required=args.approval_required,
                alerts_of=placement.prefix,
            ),
            opts=child,
        )
        if args.tracking_server_arn is not None:
            # A policy of its own, as all inline policies of a role together have 10,240 characters.
            tracking = aws.iam.Policy(
                f"{name}-tracking",
                name=f"{placement.prefix}-{args.team}-tracking",
                description=f"What members of team {args.team} do with runs and models",
                policy=written_with(tracking_policy, tracking_server_arn=args.tracking_server_arn),
                opts=child,
            )
            aws.iam.RolePolicyAttachment(f"{name}-submit-tracking", role=role.name, policy_arn=tracking.arn, opts=child)
        if args.images is not None:
            # A policy of its own: all inline policies of a role hold 10,240 characters together
            # (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
            images = aws.iam.Policy(
                f"{name}-submit-images",
                name=f"{placement.prefix}-{args.team}-images",
                description=f"What members of team {args.team} may do about container images",
                policy=written_with(
                    team_images_policy,
                    partition=placement.partition,
                    region=placement.region,
                    account_id=placement.account_id,
                    team=args.team,
                    project=args.images.project,
                    log_group=args.images.log_group,
                    repository_arns=list(args.images.repository_arns),
                    buildable=list(args.images.buildable),
                    bucket_arn=args.artifact_bucket_arn,
                ),
                opts=child,
            )
            aws.iam.RolePolicyAttachment(
                f"{name}-submit-images-attachment", role=role.name, policy_arn=images.arn, opts=child
            )
        # A policy of its own: all inline policies of a role together have 10,240 characters.
        models = aws.iam.Policy(
            f"{name}-models",
            name=f"{placement.prefix}-{args.team}-models",
            description=f"What members of team {args.team} do with registered models",
            policy=written_with(
                models_policy,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                team=args.team,
                artifact_bucket_arn=args.artifact_bucket_arn,
                approval_required=args.approval_required,
                shares_models=args.shares_models,
                sources=list(args.sources),
            ),
            opts=child,
        )
        aws.iam.RolePolicyAttachment(f"{name}-submit-models", role=role.name, policy_arn=models.arn, opts=child)
        aws.eks.AccessEntry(
            f"{name}-access",
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            type="STANDARD",
            kubernetes_groups=[member_group(args.team)],
            opts=child,
        )
        return role.arn

    def _namespace(self, args: TeamArgs) -> pulumi.Output[str]:
        name, team = self._name, args.team
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=team, labels={"pod-security.kubernetes.io/enforce": "baseline", "groundwork/team": team}
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=list(args.node_pools)),
        )
        self.namespace_object = namespace
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[namespace])

        def named(word: str) -> k8s.meta.v1.ObjectMetaArgs:
            return k8s.meta.v1.ObjectMetaArgs(name=word, namespace=team)

        k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=named("team"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=quota_limits(args.quota)),
            opts=inside,
        )
        k8s.core.v1.LimitRange(
            f"{name}-limits",
            metadata=named("defaults"),
            spec=k8s.core.v1.LimitRangeSpecArgs(limits=[container_limits()]),
            opts=inside,
        )
        k8s.core.v1.ServiceAccount(
            f"{name}-jobs", metadata=named(JOBS_ACCOUNT), automount_service_account_token=False, opts=inside
        )
        # Its pods reach AWS with the same rights as the team's managed jobs.
        aws.eks.PodIdentityAssociation(
            f"{name}-pod-identity",
            cluster_name=args.cluster_name,
            namespace=team,
            service_account=JOBS_ACCOUNT,
            role_arn=args.execution_role_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        role = k8s.rbac.v1.Role(f"{name}-member", metadata=named("member"), rules=namespace_rules(), opts=inside)
        k8s.rbac.v1.RoleBinding(
            f"{name}-members",
            metadata=named("members"),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name="member"),
            subjects=[
                k8s.rbac.v1.SubjectArgs(
                    api_group="rbac.authorization.k8s.io", kind="Group", name=member_group(args.team)
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[namespace, role]),
        )
        for word, spec in network_policies().items():
            k8s.networking.v1.NetworkPolicy(f"{name}-{word}", metadata=named(word), spec=spec, opts=inside)
        return pulumi.Output.from_input(team)


def member_group(team: str) -> str:
    """Kubernetes group that the access entry of the team's submit role maps to."""
    return f"groundwork:{team}"


def quota_limits(quota: Quota) -> dict[str, str]:
    """The hard limits of a ResourceQuota."""
    return {
        "requests.cpu": str(quota.cpus),
        "requests.memory": f"{quota.memory_gib}Gi",
        f"requests.{RESOURCES['nvidia']}": str(quota.gpus),
        f"requests.{RESOURCES['neuron']}": str(quota.neuron_devices),
        "pods": str(quota.pods),
    }
