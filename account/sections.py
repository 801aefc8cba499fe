"""Settings of an account's stack, section by section."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.ci_runner import SIZES
from components.ci_scope import Elsewhere
from components.ci_team_role import team_role_name
from components.ci_trust import GithubRepository, GitlabProject, JenkinsFolder
from infra.sections.network import SubnetId, VpcId
from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, LogRetention, matching

PLACEHOLDERS = ("OWNER", "GROUP")
ROLE_NAME_CHARACTERS = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
Connection = Literal["none", "made", "confirmed"]
"""none: no runners. made: the connection is made, and somebody has to confirm it. confirmed: he has."""


def _repository(text: str) -> str:
    allowed = matching(r"[\w.-]+/[\w.-]+", "a repository as OWNER/NAME, as its address has it")(text)
    return _no_example(allowed)


def _project(text: str) -> str:
    allowed = matching(r"[\w.-]+(/[\w.-]+)+", "a project as GROUP/NAME, with its subgroups")(text)
    return _no_example(allowed)


def _no_example(path: str) -> str:
    if path.split("/")[0] in PLACEHOLDERS:
        raise ValueError("your own: this one is an example, and whoever had such a name would get into the account")
    return path


BranchName = Annotated[str, AfterValidator(matching(r"[\w./-]+", "the name of one branch, without patterns"))]
ForgeEnvironment = Annotated[str, AfterValidator(matching(r"[\w.-]+", "the name of one of GitHub's environments"))]
BucketName = Annotated[str, AfterValidator(matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of an S3 bucket"))]
KeyArn = Annotated[
    str, AfterValidator(matching(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[0-9a-f-]+", "the ARN of a KMS key"))
]
StateAddress = Annotated[
    str,
    AfterValidator(
        matching(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?$\s][^*?$]*",
            "a Terraform state as s3://BUCKET/KEY, one object without *, ? and $",
        )
    ),
]
StackName = Annotated[str, AfterValidator(matching(r"[\w.-]+/[\w.-]+", "a stack as PROJECT/STACK"))]
HttpsUrl = Annotated[str, AfterValidator(matching(r"https://[^\s/]+", "an https:// address without a path"))]
ControllerUrl = Annotated[
    str,
    AfterValidator(
        matching(
            r"https://[^\s/*?$]+(/[\w.-]+)*",
            "an https:// address, without a / at its end",
        )
    ),
]
FolderPath = Annotated[
    str, AfterValidator(matching(r"[\w.-]+(/[\w.-]+)*", "a folder of Jenkins, as groundwork or platform/groundwork"))
]
EnvironmentName = Annotated[KubernetesName, Field(max_length=20)]


class RepositorySettings(Section):
    """A GitHub repository whose jobs may get into the account.

    name: OWNER/NAME.
    public: whether everybody can see it, and so fork it.
    owner_id: GitHub's number of the owner.
    repository_id: GitHub's number of the repository.
    """

    name: Annotated[str, AfterValidator(_repository)]
    public: bool
    owner_id: Annotated[int, Field(ge=1)] | None = None
    repository_id: Annotated[int, Field(ge=1)] | None = None

    @check("owner_id", "repository_id")
    def ids_come_together(self) -> Iterator[Problem]:
        """One number without the other."""
        if (self.owner_id is None) != (self.repository_id is None):
            yield Problem(
                key="repositoryId",
                value=self.repository_id,
                message="ownerId and repositoryId go together (gh api repos/OWNER/NAME --jq '.owner.id, .id')",
            )

    @property
    def trusted(self) -> GithubRepository:
        """As trust policies name it."""
        return GithubRepository(name=self.name, owner_id=self.owner_id, repository_id=self.repository_id)


class GithubSettings(Section):
    """GitHub, where the account trusts some repository on it.

    repositories: whose jobs may take CI's roles.
    connection: how far the connection is that runners get their jobs through.
    """

    repositories: Annotated[tuple[RepositorySettings, ...], Field(min_length=1)]
    connection: Connection = "none"


class ProjectSettings(Section):
    """A GitLab project whose jobs may get into the account.

    path: GROUP/NAME, with subgroups.
    public: whether everybody can see it, and so fork it.
    branch: the protected branch whose pipelines deploy.
    """

    path: Annotated[str, AfterValidator(_project)]
    public: bool
    branch: BranchName = "main"

    @property
    def trusted(self) -> GitlabProject:
        """As trust policies name it."""
        return GitlabProject(path=self.path, branch=self.branch)


class GitlabSettings(Section):
    """GitLab, where the account trusts some project on it.

    url: of GitLab.com or of your own.
    projects: whose jobs may take CI's roles.
    connection: how far the connection is that runners get their jobs through.
    """

    url: HttpsUrl = "https://gitlab.com"
    projects: Annotated[tuple[ProjectSettings, ...], Field(min_length=1)]
    connection: Connection = "none"


class JenkinsSettings(Section):
    """Jenkins, where the account trusts jobs of it (docs/ci.md, Jenkins).

    url: of the controller, without a slash at its end.
    preview_folder: whose jobs preview.
    deploy_folder: whose jobs deploy, each the environment that it is named by.
    preview_issuer: where AWS reads the keys of the first folder's tokens; the controller by default.
    deploy_issuer: where it reads those of the second.
    """

    url: ControllerUrl
    preview_folder: FolderPath
    deploy_folder: FolderPath
    preview_issuer: ControllerUrl | None = None
    deploy_issuer: ControllerUrl | None = None

    @check("url", "preview_folder", "deploy_folder", "preview_issuer", "deploy_issuer")
    def preview_is_not_deploy(self) -> Iterator[Problem]:
        """Folders of which one sees the other's credential, or tokens that cannot be told apart."""
        preview, deploy = f"{self.preview_folder}/", f"{self.deploy_folder}/"
        if preview.startswith(deploy) or deploy.startswith(preview):
            message = "a folder of its own, beside previewFolder: a job sees the credentials of all folders above it"
            yield Problem(key="deployFolder", value=self.deploy_folder, message=message)
        elif self.previews.issuer == self.deploys.issuer:
            message = "an issuer of its own: by previewIssuer's keys previews could deploy"
            yield Problem(key="deployIssuer", value=self.deploy_issuer, message=message)

    @property
    def previews(self) -> JenkinsFolder:
        """As trust policies name it."""
        return JenkinsFolder(url=self.url, path=self.preview_folder, issuer_url=self.preview_issuer)

    @property
    def deploys(self) -> JenkinsFolder:
        """As trust policies name it."""
        return JenkinsFolder(url=self.url, path=self.deploy_folder, issuer_url=self.deploy_issuer)


class ElsewhereSettings(Section):
    """Where settings of an environment stand that are not in its own file (docs/adoption.md).

    exports: whether CloudFormation's exports are read (`cfn:`).
    states: Terraform states that are read (`tfstate:`), each as s3://BUCKET/KEY.
    state_key_arns: KMS keys that those states are encrypted with.
    stacks: other stacks in the environment's state bucket that are read (`stack:`), each as PROJECT/STACK.
    """

    exports: bool = False
    states: tuple[StateAddress, ...] = ()
    state_key_arns: tuple[KeyArn, ...] = ()
    stacks: tuple[StackName, ...] = ()

    @property
    def read(self) -> Elsewhere:
        """What the environment's roles read for it."""
        return Elsewhere(
            exports=self.exports,
            states=tuple(address.removeprefix("s3://") for address in self.states),
            state_key_arns=self.state_key_arns,
            stacks=self.stacks,
        )


class EnvironmentSettings(Section):
    """An environment that CI previews and deploys.

    name: of the environment: its settings are Pulumi.NAME.yaml.
    github_environment: GitHub's environment of deploying jobs; the environment's own name by default.
    preview_environment: GitHub's environment of previewing jobs; the name and -preview by default.
    state_bucket: bucket of this account with Pulumi's state, where it is kept in one.
    state_key_arn: KMS key of that state.
    elsewhere: where settings stand that are not in the environment's own file.
    """

    name: EnvironmentName
    github_environment: ForgeEnvironment | None = None
    preview_environment: ForgeEnvironment | None = None
    state_bucket: BucketName | None = None
    state_key_arn: KeyArn | None = None
    elsewhere: ElsewhereSettings = ElsewhereSettings()

    @check("state_bucket", "elsewhere")
    def other_stacks_lie_in_the_state_bucket(self) -> Iterator[Problem]:
        """Stacks to be read from a bucket that nobody names."""
        if self.elsewhere.stacks and self.state_bucket is None:
            message = "they are read from the environment's state bucket"
            yield Problem(key="stateBucket", value=None, message=message)

    @check("name")
    def the_name_is_free(self) -> Iterator[Problem]:
        """The name that the account's own things carry."""
        if self.name == "account":
            yield Problem(key="name", value=self.name, message="the account's own stack has this name")

    @check("github_environment", "preview_environment", "name")
    def preview_is_not_deploy(self) -> Iterator[Problem]:
        """One GitHub environment for both would give previews the rights of a deployment."""
        if self.deploys_as == self.previews_as:
            yield Problem(
                key="previewEnvironment",
                value=self.previews_as,
                message="previews need a GitHub environment of their own: with this one they could deploy",
            )

    @property
    def deploys_as(self) -> str:
        """GitHub's environment of deploying jobs."""
        return self.github_environment or self.name

    @property
    def previews_as(self) -> str:
        """GitHub's environment of previewing jobs."""
        return self.preview_environment or f"{self.name}-preview"


class TeamSettings(Section):
    """Repositories of an ML team, whose jobs submit to an environment as the team's members do.

    team: as the environment's settings name it.
    environment: the environment.
    repositories: on GitHub; their jobs need the GitHub environment `ml-<environment>`.
    projects: on GitLab.
    """

    team: KubernetesName
    environment: EnvironmentName
    repositories: tuple[RepositorySettings, ...] = ()
    projects: tuple[ProjectSettings, ...] = ()

    @check("repositories", "projects")
    def somebody_is_trusted(self) -> Iterator[Problem]:
        """A role that nobody may take."""
        if not self.repositories and not self.projects:
            yield Problem(key="repositories", value=[], message="a team's role needs a repository or a project")

    @check("team", "environment")
    def the_name_fits(self) -> Iterator[Problem]:
        """A role's name has 64 characters at most."""
        name = team_role_name(self.environment, self.team)
        if len(name) > ROLE_NAME_CHARACTERS:
            yield Problem(key="team", value=self.team, message=f"the role {name} has more than 64 characters")


class RunnerNetworkSettings(Section):
    """Subnets that a runner's jobs run in.

    vpc_id: the VPC. subnet_ids: private subnets of it with a way out.
    """

    vpc_id: VpcId
    subnet_ids: Annotated[tuple[SubnetId, ...], Field(min_length=1)]


class RunnerSettings(Section):
    """A CI runner.

    name: of the runner, part of its label.
    forge: whose jobs it runs.
    repository: the one repository or project whose jobs it runs.
    kind: cpu, or gpu for one with an NVIDIA GPU.
    size: of the machine.
    image: of the container; CodeBuild's own by default.
    minutes: the longest that a job may take.
    concurrent: the most jobs at a time, and so the limit of what it can cost.
    docker: whether jobs run Docker, which needs a privileged container.
    actor_ids: the forge's numbers of accounts whose jobs it runs; required for a public repository.
    network: subnets; without, jobs run outside of your VPCs.
    log_days: days that its logs are kept.
    """

    name: Annotated[KubernetesName, Field(max_length=30)]
    forge: Literal["github", "gitlab"]
    repository: str
    kind: Literal["cpu", "gpu"] = "cpu"
    size: Literal["small", "medium", "large", "xlarge", "2xlarge"] = "small"
    image: str | None = None
    minutes: Annotated[int, Field(ge=5, le=2160)] = 60
    concurrent: Annotated[int, Field(ge=1, le=100)] = 10
    docker: bool = False
    actor_ids: tuple[Annotated[int, Field(ge=1)], ...] = ()
    network: RunnerNetworkSettings | None = None
    log_days: LogRetention = 30

    @check("kind", "size")
    def the_size_is_offered(self) -> Iterator[Problem]:
        """Sizes that CodeBuild has not with a GPU."""
        if self.size not in SIZES[self.kind]:
            sizes = ", ".join(SIZES[self.kind])
            yield Problem(key="size", value=self.size, message=f"allowed with `kind: {self.kind}` are {sizes}")


class ScanningSettings(Section):
    """How the account's registry scans images.

    scan: none leaves the registry as it is; basic scans pushed images; enhanced is Amazon Inspector, which costs.
    repositories: names, with *, of what is scanned.
    """

    scan: Literal["none", "basic", "enhanced"] = "basic"
    repositories: Annotated[tuple[str, ...], Field(min_length=1)] = ("groundwork/*",)


class BoundarySettings(Section):
    """The ceiling of all roles that environments make.

    regions: where these roles may do anything; the stack's own region by default.
    """

    regions: tuple[str, ...] = ()


class JobLogSettings(Section):
    """The log groups that SageMaker's jobs of all environments write to.

    days: that logs are kept; without it the groups are left as SageMaker makes them, which is for ever.
    """

    days: LogRetention | None = None
