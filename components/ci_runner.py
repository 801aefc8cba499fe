"""A CI runner: a CodeBuild project that runs the jobs which a forge queues for it, each on a machine of its own.

Nothing runs and nothing costs while no job is queued: no reserved fleet is used, which would never go to zero.
Source: https://docs.aws.amazon.com/codebuild/latest/userguide/runners.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.ci_cache import CiCache
from components.ci_runner_policy import runner_policy, runner_trust
from components.iam import written_with
from components.placement import Placement
from components.source_connection import Forge

Kind = Literal["cpu", "gpu"]
Size = Literal["small", "medium", "large", "xlarge", "2xlarge"]
ENVIRONMENT_TYPES: dict[Kind, str] = {"cpu": "LINUX_CONTAINER", "gpu": "LINUX_GPU_CONTAINER"}
SIZES: dict[Kind, tuple[Size, ...]] = {
    "cpu": ("small", "medium", "large", "xlarge", "2xlarge"),
    "gpu": ("small", "large"),
}
"""Sizes on demand, by kind; the small GPU one has one A10G
(https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html)."""
IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
"""CodeBuild's image `linux` 5.0, offered with the CPU and the GPU sizes
(https://docs.aws.amazon.com/codebuild/latest/userguide/sample-gitlab-runners-gitlab-ci.images.html)."""
QUEUE_MINUTES = 60
SOURCE_TYPES: dict[Forge, str] = {"github": "GITHUB", "gitlab": "GITLAB"}


@dataclass(frozen=True, kw_only=True)
class RunnerNetwork:
    """Where a runner's network interfaces go: private subnets with a way out."""

    vpc_id: str
    subnet_ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class CiRunnerArgs:
    """What a runner needs.

    runner: its name.
    repository_url: whose jobs it runs.
    connection_arn: connection to the forge. credential: what its webhook depends on.
    minutes: the longest that a job may take (5 to 2,160).
    concurrent: the most jobs at a time: the limit of what it can cost.
    docker: jobs may run a Docker daemon, which needs a privileged container.
    actor_ids: the forge's numbers of the accounts whose jobs it runs; none means everybody who can queue a job.
    network: subnets; without, jobs run outside of any VPC of this account.
    """

    placement: Placement
    runner: str
    forge: Forge
    kind: Kind
    size: Size
    repository_url: str
    cache: CiCache
    connection_arn: pulumi.Input[str]
    credential: pulumi.Resource
    image: str = IMAGE
    minutes: int = 60
    concurrent: int = 10
    docker: bool = False
    actor_ids: Sequence[int] = ()
    network: RunnerNetwork | None = None
    log_days: int = 30


class CiRunner(pulumi.ComponentResource):
    """A CodeBuild project with its webhook, log group, least-privilege role and, in a VPC, its security group."""

    label: pulumi.Output[str]
    """What a job names to run on it, as far as it is the same for every job."""

    def __init__(self, name: str, args: CiRunnerArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:CiRunner", name, None, opts)
        self._name, self._args = name, args
        self._project_name = project_name(args.runner)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/groundwork/ci/{args.runner}",
            retention_in_days=args.log_days,
            kms_key_id=args.cache.key_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        role, policy = self._role(logs)
        project = self._project(logs, role, policy)
        aws.codebuild.Webhook(
            f"{name}-webhook",
            project_name=project.name,
            build_type="BUILD",
            filter_groups=[aws.codebuild.WebhookFilterGroupArgs(filters=webhook_filters(args.actor_ids))],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.credential]),
        )
        self.label = project.name.apply(lambda known: label(known, args.forge))
        self.register_outputs({"label": self.label})

    def _role(self, logs: aws.cloudwatch.LogGroup) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        name, args, placement = self._name, self._args, self._args.placement
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"ci-groundwork-runner-{args.runner}",
            description=f"CodeBuild starts the runner {args.runner} with it; jobs have roles of their own",
            assume_role_policy=written_with(
                runner_trust,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                project=self._project_name,
            ),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            name="runner",
            role=role.name,
            policy=written_with(
                runner_policy,
                partition=placement.partition,
                region=placement.region,
                account_id=placement.account_id,
                log_group_arn=logs.arn,
                bucket_arn=args.cache.bucket_arn,
                prefix=args.runner,
                kms_key_arn=args.cache.key_arn,
                connection_arn=args.connection_arn,
                subnet_ids=list(args.network.subnet_ids) if args.network else [],
            ),
            opts=child,
        )
        return role, policy

    def _project(
        self, logs: aws.cloudwatch.LogGroup, role: aws.iam.Role, policy: aws.iam.RolePolicy
    ) -> aws.codebuild.Project:
        name, args = self._name, self._args
        return aws.codebuild.Project(
            f"{name}-project",
            name=self._project_name,
            description=f"Runs jobs of {args.repository_url}",
            service_role=role.arn,
            build_timeout=args.minutes,
            queued_timeout=QUEUE_MINUTES,
            concurrent_build_limit=args.concurrent,
            encryption_key=args.cache.key_arn,
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            # A prefix a runner: what one job caches, no job of another runner ever reads.
            cache=aws.codebuild.ProjectCacheArgs(
                type="S3", location=pulumi.Output.concat(args.cache.bucket, f"/{args.runner}")
            ),
            environment=aws.codebuild.ProjectEnvironmentArgs(
                type=ENVIRONMENT_TYPES[args.kind],
                compute_type=f"BUILD_GENERAL1_{args.size.upper()}",
                image=args.image,
                image_pull_credentials_type="CODEBUILD",
                privileged_mode=args.docker,
            ),
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(
                    status="ENABLED", group_name=logs.name
                )
            ),
            source=aws.codebuild.ProjectSourceArgs(
                type=SOURCE_TYPES[args.forge], location=args.repository_url, git_clone_depth=1
            ),
            vpc_config=self._vpc(args.network) if args.network else None,
            # CodeBuild checks the role's rights in the VPC when the project is made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _vpc(self, network: RunnerNetwork) -> aws.codebuild.ProjectVpcConfigArgs:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            name=self._project_name,
            description=f"CI runner {self._args.runner}: nothing comes in",
            vpc_id=network.vpc_id,
            # CodeBuild's network interfaces stay for a while.
            revoke_rules_on_delete=True,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-https",
            security_group_id=group.id,
            description="The forge, AWS APIs and package registries",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4="0.0.0.0/0",
            opts=child,
        )
        return aws.codebuild.ProjectVpcConfigArgs(
            vpc_id=network.vpc_id, subnets=list(network.subnet_ids), security_group_ids=[group.id]
        )


def project_name(runner: str) -> str:
    """Name of a runner's CodeBuild project, which jobs name in their label."""
    return f"groundwork-{runner}"


def webhook_filters(actor_ids: Sequence[int]) -> list[aws.codebuild.WebhookFilterGroupFilterArgs]:
    """A job that was queued, and by whom.

    The actor is a filter and not a convention: a fork's workflow can name any runner's label. CodeBuild's comment
    approval for pull requests of forks is for builds of the pull request itself, not for queued jobs.
    Source: https://docs.aws.amazon.com/codebuild/latest/userguide/webhooks.html (best practices)
    """
    event = aws.codebuild.WebhookFilterGroupFilterArgs(type="EVENT", pattern="WORKFLOW_JOB_QUEUED")
    if not actor_ids:
        return [event]
    pattern = f"^({'|'.join(str(actor) for actor in actor_ids)})$"
    return [event, aws.codebuild.WebhookFilterGroupFilterArgs(type="ACTOR_ACCOUNT_ID", pattern=pattern)]


def label(project: str, forge: Forge) -> str:
    """How a job asks for this runner.

    Sources: https://docs.aws.amazon.com/codebuild/latest/userguide/sample-github-action-runners-update-labels.html and
    https://docs.aws.amazon.com/codebuild/latest/userguide/gitlab-runners-update-labels.html
    """
    if forge == "github":
        return f"codebuild-{project}-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}"
    return f"codebuild-{project}-$CI_PROJECT_ID-$CI_PIPELINE_IID-$CI_JOB_NAME"
