"""An account's settings, parsed once into typed models, by the rules of the environments' settings."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import AfterValidator, Field

from account.sections import (
    BoundarySettings,
    EnvironmentSettings,
    GithubSettings,
    GitlabSettings,
    JenkinsSettings,
    JobLogSettings,
    RunnerSettings,
    ScanningSettings,
    TeamSettings,
)
from infra.references.program import program_sources, summary
from infra.references.resolve import resolve
from infra.sections.policy import PolicySettings
from infra.sections.section import Problem, Section, check
from infra.sections.values import ProfileName, Region, Tags, matching
from infra.setting_walk import WRONG, coming_from, in_namespace, walk
from infra.settings import SettingsError

NAMESPACE = "groundwork-account"
RequiredAccount = Annotated[
    str, AfterValidator(matching(r"\d{12}", 'an AWS account id: 12 digits, in quotes, such as "123456789012"'))
]


class AccountSettings(Section):
    """Everything that is set for one account.

    region: AWS region of what is regional: runners, registry, connections.
    account_id: the AWS account; no other is ever touched.
    profile: AWS profile; empty means `groundwork-<stack>`.
    tags: put on every AWS resource.
    boundary: the ceiling of all roles that environments make.
    registry: how images are scanned.
    github: repositories that are trusted.
    gitlab: projects that are trusted.
    jenkins: folders whose jobs are trusted.
    environments: what CI previews and deploys.
    teams: whose repositories submit jobs.
    runners: machines for CI jobs.
    job_logs: how long the logs of managed jobs are kept.
    anomaly_monitor: whether to make the monitor of each service's costs; an account takes one.
    policy: what the policy pack allows in this account's stack.
    key_deletion_days: days that the deleted key of caches and logs can still be saved.
    """

    region: Region
    account_id: RequiredAccount
    profile: ProfileName = ""
    tags: Tags = Field(default_factory=dict)
    boundary: BoundarySettings = BoundarySettings()
    registry: ScanningSettings = ScanningSettings()
    github: GithubSettings | None = None
    gitlab: GitlabSettings | None = None
    jenkins: JenkinsSettings | None = None
    environments: tuple[EnvironmentSettings, ...] = ()
    teams: tuple[TeamSettings, ...] = ()
    runners: tuple[RunnerSettings, ...] = ()
    job_logs: JobLogSettings = JobLogSettings()
    anomaly_monitor: bool = True
    policy: PolicySettings = PolicySettings()
    key_deletion_days: Annotated[int, Field(ge=7, le=30)] = 30

    @check("environments", "github", "gitlab", "jenkins")
    def environments_have_somebody_to_deploy_them(self) -> Iterator[Problem]:
        """CI roles that nobody may take."""
        if self.environments and not (self.github or self.gitlab or self.jenkins):
            yield Problem(
                key="environments",
                value=[each.name for each in self.environments],
                message="their roles need somebody who takes them: set `github`, `gitlab` or `jenkins`",
            )

    @check("environments")
    def environments_cannot_be_mistaken(self) -> Iterator[Problem]:
        """Names of which one begins like the other: `groundwork-dev-*` would hold what is `groundwork-dev-two`'s."""
        names = [each.name for each in self.environments]
        for index, name in enumerate(names):
            for other in names[:index]:
                shorter, longer = sorted((name, other), key=len)
                if name == other or longer.startswith(f"{shorter}-"):
                    yield Problem(
                        key=f"environments[{index}].name",
                        value=name,
                        message=f"beside {other!r} it is ambiguous: what is named groundwork-{shorter}-… is either's",
                    )

    @check("teams", "gitlab")
    def teams_have_one_role_each(self) -> Iterator[Problem]:
        """A team twice in an environment, or projects on a GitLab that is not said."""
        pairs = [(each.environment, each.team) for each in self.teams]
        for index, team in enumerate(self.teams):
            if pairs[index] in pairs[:index]:
                yield Problem(
                    key=f"teams[{index}].team",
                    value=team.team,
                    message=f"teams[{pairs.index(pairs[index])}] is this team's already",
                )
            if team.projects and self.gitlab is None:
                yield Problem(
                    key=f"teams[{index}].projects",
                    value=[project.path for project in team.projects],
                    message="of which GitLab? set `gitlab`",
                )

    @check("runners", "github", "gitlab")
    def runners_have_a_forge(self) -> Iterator[Problem]:
        """Runners of repositories that are not trusted, without a connection, or open to everybody."""
        github = {each.name: each.public for each in self.github.repositories} if self.github else {}
        gitlab = {each.path: each.public for each in self.gitlab.projects} if self.gitlab else {}
        for index, runner in enumerate(self.runners):
            known = github if runner.forge == "github" else gitlab
            forge = self.github if runner.forge == "github" else self.gitlab
            if runner.repository not in known:
                yield Problem(
                    key=f"runners[{index}].repository",
                    value=runner.repository,
                    message=f"allowed is one of {runner.forge}'s: {', '.join(known) or 'none is set'}",
                )
                continue
            if forge is not None and forge.connection == "none":
                yield Problem(
                    key=f"{runner.forge}.connection",
                    value=forge.connection,
                    message=f"runner {runner.name} gets its jobs through a connection: allowed are made and confirmed",
                )
            if known[runner.repository] and not runner.actor_ids:
                yield Problem(
                    key=f"runners[{index}].actorIds",
                    value=[],
                    message="the repository is public: a fork's workflow could run on this machine, so the accounts "
                    "whose jobs it runs must be named",
                )

    @check("runners")
    def runners_are_named_once(self) -> Iterator[Problem]:
        """Two runners of one name."""
        names = [runner.name for runner in self.runners]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(
                    key=f"runners[{index}].name",
                    value=name,
                    message=f"runners[{names.index(name)}] has this name already",
                )

    @check("region", "boundary")
    def the_ceiling_holds_the_region(self) -> Iterator[Problem]:
        """A ceiling under which nothing of this region fits."""
        if self.boundary.regions and self.region not in self.boundary.regions:
            yield Problem(
                key="boundary.regions",
                value=list(self.boundary.regions),
                message=f"allowed is a list with {self.region}, the stack's own region",
            )


def load() -> tuple[str, AccountSettings]:
    """The stack's name and its settings, with what stands elsewhere (docs/adoption.md).

    Raises pulumi.RunError with every problem, which the engine shows without a traceback.
    """
    stack = pulumi.get_stack()
    raw = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): _decoded(value) for key, value in raw.items() if key.startswith(prefix)}
    resolved = resolve(ours, program_sources(stack, ours))
    if resolved.origins:
        pulumi.log.info(summary(resolved.origins))
    try:
        return stack, parse(resolved.values, resolved.origins)
    except SettingsError as error:
        raise pulumi.RunError(f"account/Pulumi.{stack}.yaml: {error}") from None


def parse(raw: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> AccountSettings:
    """The settings of these keys and values (camelCase, without the namespace).

    origins: as infra.settings.parse takes them. Raises SettingsError with every problem of the file.
    """
    if origins is None:
        raw, origins = resolve(raw, None).values, {}
    # The project file cannot say "nothing" for a group, only "an empty one".
    given = {key: value for key, value in raw.items() if value != {}}
    with in_namespace(NAMESPACE), coming_from(origins):
        walked = walk(AccountSettings, given, "")
    if walked.lines or walked.value is WRONG:
        raise SettingsError(walked.lines)
    return walked.value


def _decoded(value: Any) -> Any:
    """A setting as Pulumi hands it over: groups and lists as JSON, everything else as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value
