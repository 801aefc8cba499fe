"""The environment that is looked at: its files, its settings, who calls, and clients of its account."""

from dataclasses import dataclass
from typing import Any, cast

import yaml

from infra.references.resolve import resolve
from infra.setting_walk import NAMESPACE
from infra.settings import Settings, SettingsError, parse
from operations.calls import PATIENCE
from operations.doctor.finding import Finding, failure, ok
from operations.environments import OperatedEnvironment
from operations.references.sources import environment_sources

HIDDEN = "https://hidden.invalid"
"""Stands for a setting that is encrypted: the only ones that may be are addresses with a key in them."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who calls, as STS tells it."""

    account: str
    arn: str

    @property
    def partition(self) -> str:
        """Of AWS: aws, aws-cn, aws-us-gov."""
        return self.arn.split(":")[1]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An environment whose settings are right and whose credentials work."""

    env: OperatedEnvironment
    settings: Settings
    session: Any
    identity: Identity

    def client(self, service: str) -> Any:
        """A client that does not wait for long."""
        return client_of(self.session, service)

    def aws(self, command: str) -> str:
        """A command of the AWS CLI in the environment's region, as its profile."""
        return f"aws {command} --region {self.env.region} --profile {self.env.profile}"


def client_of(session: Any, service: str) -> Any:
    """A client of a service in the session's region that does not wait for long."""
    return session.client(service, config=PATIENCE)


def read_settings(env: OperatedEnvironment, session: Any | None = None) -> tuple[Settings | None, list[Finding]]:
    """The settings, or one finding for each thing that is wrong with them.

    What stands elsewhere is looked up, as `up` would. session: a boto3 session to ask AWS with, instead of one of the
    environment's profile.
    """
    file = env.settings_file
    check, where = "settings", file.name
    try:
        config: dict[str, Any] = yaml.safe_load(file.read_text()).get("config") or {}
    except (OSError, AttributeError, yaml.YAMLError) as error:
        return None, [failure(check, where, f"it cannot be read: {error}", f"mend {file.name}")]
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): without_secrets(value) for key, value in config.items() if key.startswith(prefix)}
    found = resolve(ours, environment_sources(env, session))
    try:
        settings = parse(env.name, found.values, found.origins)
    except SettingsError as error:
        return None, [failure(check, where, line, f"change {file.name}") for line in error.lines]
    pools = f"{len(settings.node_pools)} node pool{'' if len(settings.node_pools) == 1 else 's'}"
    teams = f"{len(settings.teams)} team{'' if len(settings.teams) == 1 else 's'}"
    elsewhere = f", {len(found.origins)} values from elsewhere" if found.origins else ""
    return settings, [ok(check, where, f"valid: {pools}, {teams}, {settings.region}{elsewhere}")]


def without_secrets(value: Any) -> Any:
    """The value without what is encrypted, which nobody here has the key of."""
    if isinstance(value, dict):
        group = cast(dict[str, Any], value)
        return HIDDEN if set(group) == {"secure"} else {key: without_secrets(each) for key, each in group.items()}
    if isinstance(value, list):
        return [without_secrets(each) for each in cast(list[Any], value)]
    return value
