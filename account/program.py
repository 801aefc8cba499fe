"""The account's stack: who may get in, with which roles, on which machines, and under which ceiling."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from account.sections import EnvironmentSettings
from account.settings import NAMESPACE, AccountSettings, load
from components.ci_cache import CiCache, CiCacheArgs
from components.ci_identity import CiIdentity, CiIdentityArgs
from components.ci_roles import CiRoles, CiRolesArgs
from components.ci_runner import IMAGE, CiRunner, CiRunnerArgs, RunnerNetwork
from components.ci_team_role import CiTeamRole, CiTeamRoleArgs
from components.ci_trust import GITHUB_AUDIENCE, GITHUB_ISSUER, JENKINS_AUDIENCE, Trusted
from components.cost_anomaly import ServiceAnomalyMonitor, ServiceAnomalyMonitorArgs
from components.image_scanning import ImageScanning, ImageScanningArgs
from components.job_logs import JobLogs, JobLogsArgs
from components.permissions_boundary import PermissionsBoundary, PermissionsBoundaryArgs
from components.placement import Placement
from components.source_connection import Forge, SourceConnection, SourceConnectionArgs, waits_for
from components.tagging import platform_tags, register_tagging

ACCOUNT = "account"
"""What the account's own things carry as their environment, which keeps every environment's deploy role away."""
PREFIX = f"groundwork-{ACCOUNT}"
GITHUB_URL = "https://github.com"


def deploy() -> None:
    """The whole program: read the settings, build the account's part, say what a person still has to do."""
    stack, settings = load()
    register_tagging(PREFIX, ACCOUNT)
    account = Account(stack, settings)
    for name, value in account.outputs().items():
        pulumi.export(name, value)


class Account:
    """The parts of one account, in the order in which they need each other."""

    def __init__(self, stack: str, settings: AccountSettings):
        self._settings = settings
        provider = aws.Provider(
            "aws",
            region=settings.region,
            profile=settings.profile or f"groundwork-{stack}",
            allowed_account_ids=[settings.account_id],
            default_tags=aws.ProviderDefaultTagsArgs(tags=platform_tags(ACCOUNT, settings.tags)),
        )
        self._opts = pulumi.ResourceOptions(providers={"aws": provider})
        self._placement = Placement(
            prefix=PREFIX, environment=ACCOUNT, region=settings.region, account_id=settings.account_id
        )
        self.boundary = PermissionsBoundary(
            "permissions-boundary",
            PermissionsBoundaryArgs(placement=self._placement, regions=settings.boundary.regions or (settings.region,)),
            self._opts,
        )
        if settings.registry.scan != "none":
            ImageScanning(
                "image-scanning",
                ImageScanningArgs(scan=settings.registry.scan, repositories=settings.registry.repositories),
                self._opts,
            )
        if settings.job_logs.days is not None:
            JobLogs(
                "job-logs",
                JobLogsArgs(
                    placement=self._placement,
                    days=settings.job_logs.days,
                    deletion_window_days=settings.key_deletion_days,
                ),
                self._opts,
            )
        self.anomalies = (
            ServiceAnomalyMonitor("service-costs", ServiceAnomalyMonitorArgs(), self._opts)
            if settings.anomaly_monitor
            else None
        )
        self.identity = self._identity()
        self.roles = self._roles()
        self.team_roles = self._team_roles()
        self.connections = self._connections()
        self.runners = self._runners()

    def outputs(self) -> dict[str, Any]:
        """What people and pipelines need to know, for the stack's outputs. Nothing in it is secret."""
        return {
            "permissionsBoundary": self.boundary.arn,
            "anomalyMonitor": self.anomalies.arn if self.anomalies else "",
            "roles": {
                name: {"preview": roles.preview_arn, "deploy": roles.deploy_arn} for name, roles in self.roles.items()
            },
            "teamRoles": {name: role.arn for name, role in self.team_roles.items()},
            "runners": {name: runner.label for name, runner in self.runners.items()},
            "connections": {
                forge: {"arn": connection.arn, "status": connection.status}
                for forge, connection in self.connections.items()
            },
            "toDo": pulumi.Output.all(*self._to_do()).apply(lambda said: [text for text in said if text]),
        }

    def _identity(self) -> CiIdentity | None:
        issuers: dict[str, tuple[str, str]] = {}
        if self._settings.github or any(team.repositories for team in self._settings.teams):
            issuers["github"] = (GITHUB_ISSUER, GITHUB_AUDIENCE)
        if self._settings.gitlab:
            issuers["gitlab"] = (self._settings.gitlab.url, self._settings.gitlab.url)
        if jenkins := self._settings.jenkins:
            issuers["jenkins-preview"] = (jenkins.previews.issuer, JENKINS_AUDIENCE)
            issuers["jenkins-deploy"] = (jenkins.deploys.issuer, JENKINS_AUDIENCE)
        return CiIdentity("identity", CiIdentityArgs(issuers=issuers), self._opts) if issuers else None

    def _roles(self) -> dict[str, CiRoles]:
        identities = [self.identity] if self.identity else []
        return {
            environment.name: CiRoles(
                f"ci-{environment.name}",
                CiRolesArgs(
                    placement=self._placement,
                    environment=environment.name,
                    previewed_by=self._trusted(environment, preview=True),
                    deployed_by=self._trusted(environment, preview=False),
                    identities=identities,
                    state_bucket=environment.state_bucket,
                    state_key_arn=environment.state_key_arn,
                    elsewhere=environment.elsewhere.read,
                ),
                self._opts,
            )
            for environment in self._settings.environments
        }

    def _trusted(self, environment: EnvironmentSettings, *, preview: bool) -> Sequence[Trusted]:
        """Which jobs may take a role: GitHub's by environment, GitLab's by branch, Jenkins' by folder."""
        trusted: list[Trusted] = []
        if github := self._settings.github:
            github_environment = environment.previews_as if preview else environment.deploys_as
            subjects = [each.trusted.environment_subject(github_environment) for each in github.repositories]
            trusted.append(Trusted(issuer=GITHUB_ISSUER, audience=GITHUB_AUDIENCE, subjects=subjects))
        if gitlab := self._settings.gitlab:
            projects = [each.trusted for each in gitlab.projects]
            trusted.append(
                Trusted(issuer=gitlab.url, audience=gitlab.url, patterns=[each.preview_subject for each in projects])
                if preview
                else Trusted(
                    issuer=gitlab.url, audience=gitlab.url, subjects=[each.deploy_subject for each in projects]
                )
            )
        if (jenkins := self._settings.jenkins) and preview:
            folder = jenkins.previews
            trusted.append(Trusted(issuer=folder.issuer, audience=JENKINS_AUDIENCE, patterns=[folder.preview_subject]))
        elif jenkins:
            folder, subject = jenkins.deploys, jenkins.deploys.deploy_subject(environment.name)
            trusted.append(Trusted(issuer=folder.issuer, audience=JENKINS_AUDIENCE, subjects=[subject]))
        return trusted

    def _team_roles(self) -> dict[str, CiTeamRole]:
        """By environment and team. On GitHub a job with the environment `ml-<name>`; on GitLab a job of any branch."""
        made: dict[str, CiTeamRole] = {}
        for each in self._settings.teams:
            trusted: list[Trusted] = []
            if each.repositories:
                subjects = [one.trusted.environment_subject(f"ml-{each.environment}") for one in each.repositories]
                trusted.append(Trusted(issuer=GITHUB_ISSUER, audience=GITHUB_AUDIENCE, subjects=subjects))
            if each.projects and (gitlab := self._settings.gitlab):
                patterns = [one.trusted.preview_subject for one in each.projects]
                trusted.append(Trusted(issuer=gitlab.url, audience=gitlab.url, patterns=patterns))
            made[f"{each.environment}/{each.team}"] = CiTeamRole(
                f"ci-{each.environment}-ml-{each.team}",
                CiTeamRoleArgs(
                    placement=self._placement,
                    environment=each.environment,
                    team=each.team,
                    trusted=trusted,
                    identities=[self.identity] if self.identity else [],
                ),
                self._opts,
            )
        return made

    def _connections(self) -> dict[Forge, SourceConnection]:
        states = self._connection_states()
        return {
            forge: SourceConnection(
                f"{forge}-connection",
                SourceConnectionArgs(forge=forge, name=f"groundwork-{forge}", confirmed=state == "confirmed"),
                self._opts,
            )
            for forge, state in states.items()
            if state != "none"
        }

    def _connection_states(self) -> Mapping[Forge, str]:
        github, gitlab = self._settings.github, self._settings.gitlab
        return {
            "github": github.connection if github else "none",
            "gitlab": gitlab.connection if gitlab else "none",
        }

    def _runners(self) -> dict[str, CiRunner]:
        """Runners whose connection has been confirmed: CodeBuild refuses webhooks through any other."""
        ready = {
            forge: (connection, connection.credential)
            for forge, connection in self.connections.items()
            if connection.credential is not None
        }
        wanted = [runner for runner in self._settings.runners if runner.forge in ready]
        if not wanted:
            return {}
        cache = CiCache(
            "ci-cache",
            CiCacheArgs(placement=self._placement, deletion_window_days=self._settings.key_deletion_days),
            self._opts,
        )
        made: dict[str, CiRunner] = {}
        for runner in wanted:
            connection, credential = ready[runner.forge]
            network = runner.network
            made[runner.name] = CiRunner(
                f"runner-{runner.name}",
                CiRunnerArgs(
                    placement=self._placement,
                    runner=runner.name,
                    forge=runner.forge,
                    kind=runner.kind,
                    size=runner.size,
                    repository_url=f"{self._forge_url(runner.forge)}/{runner.repository}.git",
                    cache=cache,
                    connection_arn=connection.arn,
                    credential=credential,
                    image=runner.image or IMAGE,
                    minutes=runner.minutes,
                    concurrent=runner.concurrent,
                    docker=runner.docker,
                    actor_ids=runner.actor_ids,
                    network=RunnerNetwork(vpc_id=network.vpc_id, subnet_ids=network.subnet_ids) if network else None,
                    log_days=runner.log_days,
                ),
                self._opts,
            )
        return made

    def _forge_url(self, forge: Forge) -> str:
        gitlab = self._settings.gitlab
        return gitlab.url if forge == "gitlab" and gitlab else GITHUB_URL

    def _to_do(self) -> list[pulumi.Output[str]]:
        """What a person still has to do, said as a warning of every preview and up, and kept as an output."""
        states = self._connection_states()
        said: list[pulumi.Output[str]] = []
        for forge, connection in self.connections.items():

            def say(known: Sequence[str], forge: Forge = forge) -> str:
                setting, confirmed = f"{NAMESPACE}:{forge}.connection", states[forge] == "confirmed"
                text = waits_for(known[0], f"groundwork-{forge}", known[1], setting, confirmed=confirmed)
                if text:
                    pulumi.log.warn(text)
                return text

            said.append(pulumi.Output.all(connection.status, connection.arn).apply(say))
        return said
