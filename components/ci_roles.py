"""The two roles that CI takes for an environment: preview reads, deploy changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws

from components.ci_deploy_policy import deploy_identities_policy, deploy_services_policy
from components.ci_preview_policy import preview_policy
from components.ci_scope import NOTHING_ELSEWHERE, Elsewhere
from components.ci_trust import Trusted, job_trust
from components.iam import written_with
from components.placement import Placement

DEPLOY_SECONDS = 2 * 3600
"""The longest `up`: a cluster takes a quarter of an hour, a whole environment less than an hour."""


@dataclass(frozen=True, kw_only=True)
class CiRolesArgs:
    """What the roles need.

    placement: the account's own. environment: whose roles these are.
    previewed_by, deployed_by: which jobs may take them.
    identities: identity providers, which must be there before roles that trust them.
    state_bucket, state_key_arn: where Pulumi keeps the environment's state, if in a bucket of this account.
    elsewhere: where settings stand that are not in the environment's own file.
    """

    placement: Placement
    environment: str
    previewed_by: Sequence[Trusted]
    deployed_by: Sequence[Trusted]
    identities: Sequence[pulumi.Resource] = ()
    state_bucket: str | None = None
    state_key_arn: str | None = None
    elsewhere: Elsewhere = NOTHING_ELSEWHERE


class CiRoles(pulumi.ComponentResource):
    """`ci-groundwork-<environment>-preview` and `-deploy`. Their names lie outside of what a deploy role may touch."""

    preview_arn: pulumi.Output[str]
    deploy_arn: pulumi.Output[str]

    def __init__(self, name: str, args: CiRolesArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:CiRoles", name, None, opts)
        self._name, self._args = name, args
        placement = args.placement
        place = {"partition": placement.partition, "account_id": placement.account_id}
        own = {**place, "environment": args.environment}
        state = {"state_bucket": args.state_bucket, "state_key_arn": args.state_key_arn}
        # What is read of a data class would be unpacked on its way through an output.
        read = partial(preview_policy, elsewhere=args.elsewhere)
        change = partial(deploy_identities_policy, elsewhere=args.elsewhere)
        preview = self._role("preview", "reads what a preview reads", args.previewed_by, 3600)
        deploy = self._role("deploy", "changes this environment alone", args.deployed_by, DEPLOY_SECONDS)
        self._policy("preview", preview, "read", written_with(read, **own, **state, region=placement.region))
        self._policy("deploy", deploy, "services", written_with(deploy_services_policy, **own, region=placement.region))
        self._policy("deploy", deploy, "identities", written_with(change, **own, **state, region=placement.region))
        self.preview_arn, self.deploy_arn = preview.arn, deploy.arn
        self.register_outputs({"previewArn": self.preview_arn, "deployArn": self.deploy_arn})

    def _role(self, word: str, does: str, trusted: Sequence[Trusted], seconds: int) -> aws.iam.Role:
        args = self._args
        return aws.iam.Role(
            f"{self._name}-{word}",
            name=role_name(args.environment, word),
            description=f"CI of environment {args.environment}: {does}",
            assume_role_policy=written_with(
                job_trust,
                partition=args.placement.partition,
                account_id=args.placement.account_id,
                trusted=list(trusted),
            ),
            max_session_duration=seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.identities)),
        )

    def _policy(self, word: str, role: aws.iam.Role, what: str, text: pulumi.Output[str]) -> None:
        """A managed policy and not one in the role: inline policies of a role share 10,240 characters
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""
        child = pulumi.ResourceOptions(parent=self)
        policy = aws.iam.Policy(
            f"{self._name}-{word}-{what}",
            name=f"{role_name(self._args.environment, word)}-{what}",
            description=f"CI of environment {self._args.environment}: {word}, {what}",
            policy=text,
            opts=child,
        )
        aws.iam.RolePolicyAttachment(
            f"{self._name}-{word}-{what}-attached", role=role.name, policy_arn=policy.arn, opts=child
        )


def role_name(environment: str, word: str) -> str:
    """Name of one of an environment's CI roles; `word` is preview or deploy."""
    return f"ci-groundwork-{environment}-{word}"
