"""The environment that is scanned, from its files, its account and its stack's state."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from infra.references.values import CommaSeparated
from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.engine_steps import LOGICAL
from operations.environments import OperatedEnvironment, boto_session, names
from operations.leftovers.kind import Clients
from operations.leftovers.ownership import Scope
from operations.leftovers.scan import Retention, clients_of
from operations.references.follow import follow

DEFAULTS = {"protect": True, "clusterDeletion": True, "deleteContents": False}
"""Of infra/sections/storage.py, which a test compares."""
NO_STACK = "no stack named"
"""What the engine says of a stack that is not there: pkg/cmd/pulumi/stack of pulumi/pulumi."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a scan needs to know. state: the stack's resources as the engine has recorded them."""

    clients: Clients
    scope: Scope
    retention: Retention
    state: Sequence[dict[str, Any]]


def subject(env: OperatedEnvironment, engine: StackEngine) -> Subject:
    """The environment's scope, what its settings keep, and what its stack holds.

    Raises LocalStackError where the caller's account is not the environment's, or nobody can tell.
    """
    session = boto_session(env)
    state = recorded(engine)
    protection: dict[str, Any] = settings_of(env.checkout, env.name).get("protection") or {}
    return Subject(
        clients=clients_of(session),
        scope=scope_of(env, checked_account(env, session)),
        retention=Retention(
            protect=_said(protection, "protect"),
            cluster_deletion=_said(protection, "clusterDeletion"),
            delete_contents=_said(protection, "deleteContents"),
            held=frozenset(str(each["id"]) for each in state if each.get("id")),
            guarded=frozenset(str(each["id"]) for each in state if each.get("id") and each.get("protect")),
        ),
        state=state,
    )


def recorded(engine: StackEngine) -> list[dict[str, Any]]:
    """The resources of the stack's state, without the stack itself, its providers, and what it only reads.

    None where there is no stack.
    """
    try:
        resources = engine.resources()
    except LocalStackError as error:
        if NO_STACK not in str(error):
            raise
        return []
    own = [each for each in resources if not each.get("external")]
    return [each for each in own if not str(each["type"]).startswith(LOGICAL)]


def checked_account(env: OperatedEnvironment, session: Any) -> str:
    """The account that the caller is in. Raises LocalStackError where it is not the environment's."""
    try:
        account = str(session.client("sts").get_caller_identity()["Account"])
    except (ClientError, BotoCoreError) as error:
        raise LocalStackError(
            f"AWS does not say who the profile {env.profile!r} is: {error}",
            hint=f"Sign in: `aws sso login --profile {env.profile}`.",
        ) from None
    if env.account_id and account != env.account_id:
        raise LocalStackError(
            f"The profile {env.profile!r} leads to the account {account}; {env.name} is in {env.account_id}.",
            hint="Nothing was looked at. Choose the profile in groundwork.yaml.",
        )
    return account


def scope_of(env: OperatedEnvironment, account: str) -> Scope:
    """What may be taken for the environment's, with what the other settings files say about their own."""
    own = settings_of(env.checkout, env.name)
    # Their ids may stand elsewhere: a network that nobody names here would be taken for what is left of ours.
    taken = follow(env, {key: {"existing": _inside(own, key, "existing")} for key in ("cluster", "keys", "network")})
    teams, existing = _teams(own), existing_of(taken)
    others = [name for name in names(env.checkout) if name != env.name]
    theirs: set[str] = set()
    for name in () if env.is_local else others:  # the local stack's account is its own
        settings = settings_of(env.checkout, name)
        elsewhere = str(settings.get("accountId") or account) != account or settings.get("region") != env.region
        if not elsewhere:
            theirs.update(_teams(settings))
    return Scope(
        environment=env.name,
        region=env.region,
        account_id=account,
        others=tuple(others),
        teams=tuple(teams),
        shared_teams=tuple(team for team in teams if team in theirs),
        spared=_state_of(env) | existing,
        existing_cluster=str(_inside(taken, "cluster", "existing", "name") or ""),
    )


def existing_of(settings: dict[str, Any]) -> frozenset[str]:
    """Names and ids of what the settings take from somebody else (docs/adoption.md); no leftover, whatever its tags."""
    named: list[Any] = [_inside(settings, "cluster", "existing", "name")]
    for purpose in ("data", "cluster", "logs"):
        named.append(arn := _inside(settings, "keys", "existing", purpose))
        named.append(str(arn or "").rpartition("/")[2])
    named.append(_inside(settings, "network", "existing", "vpcId"))
    subnets = _inside(settings, "network", "existing", "privateSubnetIds")
    subnets = subnets.parts() if isinstance(subnets, CommaSeparated) else subnets
    named += cast(list[Any], subnets) if isinstance(subnets, list) else []
    return frozenset(str(name) for name in named if name)


def _inside(settings: Any, *path: str) -> Any:
    for key in path:
        settings = cast(dict[str, Any], settings).get(key) if isinstance(settings, dict) else None
    return settings


def _state_of(env: OperatedEnvironment) -> frozenset[str]:
    """The bucket and the key that groundwork.yaml names for the stack's state."""
    addresses = [urlsplit(address) for address in (env.backend, env.secrets_provider) if address]
    named = [each.netloc + each.path for each in addresses if each.scheme == "awskms"]
    named += [each.netloc for each in addresses if each.scheme == "s3"]
    return frozenset(name.strip("/") for name in named)


def settings_of(checkout: Path, environment: str) -> dict[str, Any]:
    """An environment's settings as its file has them, without the namespace."""
    document: dict[str, Any] = yaml.safe_load((checkout / f"Pulumi.{environment}.yaml").read_text()) or {}
    config: dict[str, Any] = document.get("config") or {}
    return {key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")}


def _teams(settings: dict[str, Any]) -> list[str]:
    return [str(team["name"]) for team in settings.get("teams") or () if "name" in team]


def _said(protection: dict[str, Any], key: str) -> bool:
    return bool(protection.get(key, DEFAULTS[key]))
