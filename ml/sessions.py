"""`ml.session(env)`: an environment as the boto3 and SageMaker SDK sessions that notebooks and scripts know."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ml.environment import Environment, open_environment, team_names
from ml.errors import SpecError
from platform_contract import PlatformContract, Team


@dataclass(frozen=True)
class PlatformSession:
    """An environment of the platform, seen by one team.

    environment: its name. contract: its platform contract, with this team's part.
    """

    environment: str
    profile: str | None
    contract: PlatformContract
    team: Team

    @property
    def role(self) -> str:
        """ARN of the role that the team's jobs and endpoints run with; what the SDK calls `role`."""
        return self.team.execution_role_arn

    @property
    def bucket(self) -> str:
        """Bucket of the team's artifacts."""
        return self.team.artifact_uri.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """The team's prefix in `bucket`, without slashes around it."""
        return self.team.artifact_uri.removeprefix("s3://").partition("/")[2]

    @property
    def tracking_uri(self) -> str:
        """What `mlflow.set_tracking_uri` takes."""
        return self.contract.tracking.uri

    @cached_property
    def boto(self) -> Any:
        """A boto3 session with the environment's profile and region."""
        import boto3

        return boto3.Session(profile_name=self.profile, region_name=self.contract.platform.region)

    @cached_property
    def sagemaker(self) -> Any:
        """A genuine SDK session (sagemaker.core.helper.session_helper.Session) that writes below the team's prefix.

        Jobs made with it attach to the platform's network where the platform wants that of jobs, as far as the SDK
        takes defaults for it: ModelTrainer does. What the user's own configuration file of the SDK says comes first.
        The import takes seconds, so it happens here and not with `import ml`. Sets AWS_DEFAULT_REGION and
        SAGEMAKER_VALIDATE_ROLE in this process where they are not set.
        """
        # Parts of the SDK make sessions of their own, and some need a region to be imported at all.
        os.environ.setdefault("AWS_DEFAULT_REGION", self.contract.platform.region)
        _accept_least_privilege()
        from sagemaker.core.config.config import load_sagemaker_config  # pyright: ignore[reportUnknownVariableType]
        from sagemaker.core.helper.session_helper import Session

        users: Any = load_sagemaker_config()  # pyright: ignore[reportUnknownVariableType]
        return Session(
            boto_session=self.boto,
            default_bucket=self.bucket,
            default_bucket_prefix=self.prefix,
            sagemaker_config=_with_network(users or {}, self.contract),
        )

    def activate(self) -> None:
        """Make this environment the one that libraries find in this process: AWS_PROFILE, AWS_DEFAULT_REGION and
        MLFLOW_TRACKING_URI are set, over what was there; SAGEMAKER_VALIDATE_ROLE where it is not set."""
        if self.profile:
            os.environ["AWS_PROFILE"] = self.profile
        os.environ["AWS_DEFAULT_REGION"] = self.contract.platform.region
        os.environ["MLFLOW_TRACKING_URI"] = self.tracking_uri
        _accept_least_privilege()


def session(env: str | None = None, team: str | None = None) -> PlatformSession:
    """The environment `env` as `team` sees it.

    env: its name; without it GROUNDWORK_ENV or AWS_PROFILE says which. team: without it GROUNDWORK_TEAM says which, or
    the environment has only one. Raises ml.errors.MlError with the text that the `ml` command prints.
    """
    environment = open_environment(env)
    name = team or os.environ.get("GROUNDWORK_TEAM") or _only_team(environment)
    contract = environment.for_team(name)
    return PlatformSession(environment.name, environment.profile, contract, contract.teams[name])


def _only_team(environment: Environment) -> str:
    teams = team_names(environment)
    if len(teams) != 1:
        raise SpecError(
            f"Which team? Say team=…; the environment {environment.name!r} has {', '.join(teams) or 'none'}."
        )
    return teams[0]


def _accept_least_privilege() -> None:
    """Keep the SDK from refusing a team's role.

    Before it uses a role, the SDK simulates some twenty actions on every resource, and raises RoleValidationError
    unless all are allowed. A role that may do less than that is what the platform is for. This variable is the switch
    that the SDK has for it (sagemaker.core.helper.iam_role_resolver.resolve_and_validate_role); SageMaker itself still
    refuses what a role may not do.
    """
    os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")


def _with_network(config: dict[str, Any], contract: PlatformContract) -> dict[str, Any]:
    """The SDK's defaults, with the platform's network for a ModelTrainer that names none."""
    if contract.training.use_vpc:
        config.setdefault("SchemaVersion", "1.0")
        # Not below SageMaker.TrainingJob.VpcConfig: ModelTrainer 3.27 reads the subnets there without the session.
        trainer = config.setdefault("SageMaker", {})
        for part in ("PythonSDK", "Modules", "ModelTrainer"):
            trainer = trainer.setdefault(part, {})
        network = contract.network
        trainer.setdefault(
            "networking",
            {"subnets": list(network.private_subnet_ids), "security_group_ids": [network.job_security_group_id]},
        )
    return config
