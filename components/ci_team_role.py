"""The role by which the repositories of an ML team submit: it may become the team's submit role, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.ci_trust import Trusted, job_trust
from components.iam import allow, document, written_with
from components.placement import Placement


@dataclass(frozen=True, kw_only=True)
class CiTeamRoleArgs:
    """What the role needs.

    placement: the account's own. environment, team: whose submit role it may take.
    trusted: which jobs may take it. identities: identity providers, which must be there before it.
    """

    placement: Placement
    environment: str
    team: str
    trusted: Sequence[Trusted]
    identities: Sequence[pulumi.Resource] = ()


class CiTeamRole(pulumi.ComponentResource):
    """`ci-groundwork-<environment>-ml-<team>`: lets jobs of a team's repositories train and promote as a member does.

    Not the submit role itself: a forge's token carries no source identity, and without one a model has no author whom
    approval could be compared with.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: CiTeamRoleArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:CiTeamRole", name, None, opts)
        placement = args.placement
        place = {"partition": placement.partition, "account_id": placement.account_id}
        role = aws.iam.Role(
            f"{name}-role",
            name=team_role_name(args.environment, args.team),
            description=f"CI of team {args.team} in environment {args.environment}: submits as a member does",
            assume_role_policy=written_with(job_trust, **place, trusted=list(args.trusted)),
            max_session_duration=2 * 3600,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.identities)),
        )
        aws.iam.RolePolicy(
            f"{name}-policy",
            name="submit",
            role=role.name,
            policy=written_with(team_policy, **place, environment=args.environment, team=args.team),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})


def team_role_name(environment: str, team: str) -> str:
    """Name of the role; it lies outside of what an environment's deploy role may touch."""
    return f"ci-groundwork-{environment}-ml-{team}"


def team_policy(*, partition: str, account_id: str, environment: str, team: str) -> str:
    """To become the team's submit role under a name of its own (sts:SetSourceIdentity), and no more."""
    role = f"arn:{partition}:iam::{account_id}:role/groundwork-{environment}-{team}-submit"
    return document(allow("SubmitAsTheTeam", ["sts:AssumeRole", "sts:SetSourceIdentity"], [role]))
