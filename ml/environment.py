"""One environment: its AWS profile, and the platform contract read through it."""

import difflib
import json
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)

from ml.aws import Clients, error_details
from ml.errors import EnvironmentNotReadyError, MlError, SpecError
from platform_contract import (
    ContractError,
    PlatformContract,
    contract_path,
    from_parameters,
    section_path,
    team_index_path,
    team_path,
)
from platform_contract.parameters import SECTIONS

PROFILE_PREFIX = "groundwork-"
BRING_UP = (
    'Bring it up: `make local` for the stack on this machine (then `eval "$(make -s local-env)"` in this shell), '
    "`make up ENV={0}` for one on AWS."
)
_DENIED = re.compile(
    r"AccessDenied|NotAuthorized|UnauthorizedOperation|InvalidClientTokenId|UnrecognizedClient|Expired"
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment that is named and can be called.

    name: the environment's name. profile: the AWS profile, None for the SDK's own search for credentials.
    """

    name: str
    profile: str | None
    clients: Clients

    @cached_property
    def platform(self) -> PlatformContract:
        """The contract without its teams, checked to be that of the caller's account.

        Raises EnvironmentNotReadyError.
        """
        return read_contract(self)

    def for_team(self, team: str) -> PlatformContract:
        """The contract with one team, in a single call.

        Raises EnvironmentNotReadyError, and SpecError for an unknown team.
        """
        return read_contract(self, team)


def environment_name(given: str | None) -> str:
    """The environment that a command means: what `--env` says, $GROUNDWORK_ENV, or the end of $AWS_PROFILE.

    Raises SpecError where none of them names one.
    """
    name = given or os.environ.get("GROUNDWORK_ENV")
    if not name and os.environ.get("AWS_PROFILE", "").startswith(PROFILE_PREFIX):
        name = os.environ["AWS_PROFILE"].removeprefix(PROFILE_PREFIX)
    if not name:
        raise SpecError(
            f"Which environment? Say --env NAME, or set GROUNDWORK_ENV, or AWS_PROFILE to {PROFILE_PREFIX}NAME."
        )
    return name


def open_environment(given: str | None) -> Environment:
    """The environment by name, through the AWS profile `groundwork-<name>`.

    GROUNDWORK_PROFILE names another profile; set to nothing, it leaves the search for credentials to the AWS SDK, as on
    a machine whose role is its identity. Raises SpecError without a name, EnvironmentNotReadyError without its profile.
    """
    name = environment_name(given)
    chosen = os.environ.get("GROUNDWORK_PROFILE", f"{PROFILE_PREFIX}{name}") or None
    try:
        clients = Clients(chosen)
        _ = clients.region
    except ProfileNotFound:
        known = [one for one in Clients(None).profiles() if one.startswith(PROFILE_PREFIX)]
        raise EnvironmentNotReadyError(
            f"There is no AWS profile {chosen!r} for the environment {name!r}"
            + (f"; there is {', '.join(known)}." if known else ".")
            + f"\n{BRING_UP.format(name)}"
        ) from None
    return Environment(name=name, profile=chosen, clients=clients)


def read_contract(environment: Environment, team: str | None = None) -> PlatformContract:
    """The contract of an environment, with at most one team, in one call of SSM."""
    name = environment.name
    names = [section_path(name, section) for section in SECTIONS]
    if team:
        names.append(team_path(name, team))
    with readable_errors(environment):
        answer: dict[str, Any] = environment.clients.client("ssm").get_parameters(Names=names)
    parameters = {entry["Name"]: entry["Value"] for entry in answer["Parameters"]}
    if not any(section_path(name, section) in parameters for section in SECTIONS):
        raise EnvironmentNotReadyError(
            f"The environment {name!r} has no platform contract ({contract_path(name)} in Parameter Store).\n"
            + BRING_UP.format(name)
        )
    try:
        contract = from_parameters(name, parameters)
    except ContractError as error:
        raise EnvironmentNotReadyError(f"{error}\n{BRING_UP.format(name)}") from error
    _check_account(contract, answer["Parameters"])
    if team and team not in contract.teams:
        raise SpecError(_unknown_team(environment, team))
    return contract


def _check_account(contract: PlatformContract, parameters: list[dict[str, Any]]) -> None:
    # A parameter that is read by name is the caller's own account's, so its ARN says which account that is.
    callers = parameters[0]["ARN"].split(":")[4]
    expected = contract.platform.account_id
    if callers != expected:
        raise EnvironmentNotReadyError(
            f"The contract of {contract.platform.environment!r} is for the account {expected}, but the caller belongs "
            f"to {callers}. Check the AWS profile."
        )


def team_names(environment: Environment) -> list[str]:
    """The teams of an environment, sorted. Raises EnvironmentNotReadyError."""
    path = team_index_path(environment.name)
    with readable_errors(environment):
        pages = environment.clients.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
        return sorted(team for page in pages for entry in page["Parameters"] for team in json.loads(entry["Value"]))


def chosen_team(environment: Environment, given: str | None) -> str:
    """The team that a command means: what `--team` says, $GROUNDWORK_TEAM, or the only one. Raises SpecError."""
    name = given or os.environ.get("GROUNDWORK_TEAM")
    if name:
        return name
    teams = team_names(environment)
    if len(teams) != 1:
        raise SpecError(f"Which team? Say --team NAME; {environment.name!r} has {', '.join(teams) or 'none'}.")
    return teams[0]


def owning_team(name: str, teams: list[str]) -> str | None:
    """The team whose things have such a name: `<team>-…`, the longest where several fit; None for nobody's."""
    fitting = [team for team in teams if name.startswith(f"{team}-")]
    return max(fitting, key=len, default=None)


def team_of(environment: Environment, name: str, then: str = "") -> str:
    """The team whose name a thing's begins with. Raises MlError where it is no team's. then: what else to say."""
    team = owning_team(name, team_names(environment))
    if team is None:
        raise MlError(f"{name} is no team's: its name begins with none of theirs.{then and ' '}{then}")
    return team


def _unknown_team(environment: Environment, team: str) -> str:
    teams = team_names(environment)
    close = difflib.get_close_matches(team, teams, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(teams) or 'none'}."
    return f"The environment {environment.name!r} has no team {team!r}.{hint}"


def is_denied(error: ClientError) -> bool:
    """Whether AWS refused a call because of who the caller is."""
    return _DENIED.search(error_details(error).code) is not None


@contextmanager
def readable_errors(environment: Environment) -> Generator[None]:
    """Turns what the AWS SDK raises about reaching the environment into EnvironmentNotReadyError; other errors pass."""
    name = environment.name
    through = f" through the AWS profile {environment.profile!r}" if environment.profile else ""
    try:
        yield
    except EndpointConnectionError as error:
        address = error.kwargs.get("endpoint_url")  # pyright: ignore
        raise EnvironmentNotReadyError(
            f"The environment {name!r} does not answer at {address}.\n{BRING_UP.format(name)}"
        ) from error
    except (AwsConnectionError, HTTPClientError) as error:
        raise EnvironmentNotReadyError(
            f"The environment {name!r} stopped answering: {error}.\n{BRING_UP.format(name)}"
        ) from error
    except NoRegionError as error:
        raise EnvironmentNotReadyError(
            f"No AWS region is set for {name!r}{through}: add `region` to the profile."
        ) from error
    except NoCredentialsError as error:
        raise EnvironmentNotReadyError(f"No AWS credentials were found for {name!r}{through}.") from error
    except ClientError as error:
        if is_denied(error):
            message = error_details(error).message
            raise EnvironmentNotReadyError(f"{error.operation_name} was refused{through}: {message}") from error
        raise
    except BotoCoreError as error:
        # SSO sessions that have run out, credential processes that fail, and the like: the SDK's own text says it best.
        raise EnvironmentNotReadyError(f"The AWS SDK cannot reach {name!r}{through}: {error}") from error
