"""From a stack's state as the engine exports it to one that may be shared."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from local.errors import LocalStackError
from operations.differences import SECRET_SIGNATURE, SIGNATURE_KEY, value_at
from operations.engine_run import StackEngine
from operations.engine_steps import PROVIDERS, name_of
from operations.environments import OperatedEnvironment
from operations.review.redaction import Redactor, is_secret_name, is_secret_property
from operations.sharing.accounts import Accounts, published
from operations.sharing.model import WITHHELD, SharedState
from policies.rules.secrets import looks_like

_ARN_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):")
_REDACTOR = Redactor()
_WORDS = frozenset({"true", "false", "required", "optional", "enabled", "disabled"})
"""What switches are set to whose names sound like a secret's, such as EC2's httpTokens."""


def shared(environment: OperatedEnvironment, engine: StackEngine) -> SharedState:
    """The environment's state, shareable. Raises LocalStackError: no state, or one whose account cannot be told."""
    return cleaned(engine.state(), environment, _commit(environment.checkout))


def cleaned(deployment: Mapping[str, Any], environment: OperatedEnvironment, commit: str) -> SharedState:
    """A deployment without secrets and account numbers. Raises LocalStackError where the account cannot be told."""
    resources = cast(list[dict[str, Any]], deployment.get("resources") or [])
    own = environment.account_id or _account(resources)
    if not own:
        raise LocalStackError(
            f"Which account {environment.name} is in cannot be told from its state: its number would be shared.",
            hint=f"Set groundwork:accountId in Pulumi.{environment.name}.yaml.",
        )
    withheld: list[str] = []
    kept = [_without_secrets(each, withheld) for each in resources]
    accounts = Accounts(own, published(environment.checkout, environment.settings_file))
    manifest = cast(Mapping[str, Any], deployment.get("manifest") or {})
    return SharedState(
        environment=environment.name,
        taken=str(manifest.get("time") or ""),
        commit=commit,
        caller=accounts.text(_administrator(resources) or f"arn:aws:iam::{own}:root"),
        withheld=tuple(sorted(map(accounts.text, withheld))),
        # Operations that a killed run left pending are its own business; what they were to make is not in the state.
        deployment={"manifest": dict(manifest), "resources": accounts.tree(kept)},
    )


def _without_secrets(resource: dict[str, Any], withheld: list[str]) -> dict[str, Any]:
    type_, name = str(resource.get("type")), name_of(str(resource.get("urn")))
    inputs = cast(Mapping[str, Any], resource.get("inputs") or {})

    def cleared(value: Any, path: tuple[str | int, ...], *, source: bool = False) -> Any:
        mark = cast(Mapping[str, Any], value).get(SIGNATURE_KEY) if isinstance(value, Mapping) else None
        if mark == SECRET_SIGNATURE or (isinstance(value, str) and _is_secret(value, type_, path, inputs, source)):
            withheld.append(f"{type_} {name} {'.'.join(map(str, path))}")
            return WITHHELD
        if isinstance(value, Mapping):
            inside = source or mark is not None  # the mark of an asset or an archive: what is in it is source code
            entries = cast(Mapping[str, Any], value).items()
            return {key: cleared(each, (*path, key), source=inside) for key, each in entries}
        if isinstance(value, list):
            return [cleared(each, (*path, n), source=source) for n, each in enumerate(cast(list[Any], value))]
        return value

    parts = {part: cleared(resource[part], ()) for part in ("inputs", "outputs") if part in resource}
    return {**resource, **parts}


def _is_secret(text: str, type_: str, path: tuple[str | int, ...], inputs: Mapping[str, Any], source: bool) -> bool:
    if not text or text in _WORDS or text.startswith(("arn:", "/")):
        return False
    if source:
        return bool(looks_like(text))
    return _is_named(type_, path, inputs) or _REDACTOR.holds_secret(text)


def _is_named(type_: str, path: tuple[str | int, ...], inputs: Mapping[str, Any]) -> bool:
    """Whether a value is a secret by its type and the last name on its way, or by that of the variable it is of.

    Not by names further up: a schema of volumes has a `secret` with hundreds of harmless words below it.
    """
    names = [step for step in path if isinstance(step, str)]
    # A provider's settings are no secrets by their names alone: `skipCredentialsValidation`.
    if not names or type_.startswith(PROVIDERS):
        return False
    first, last = names[0], names[-1]
    if is_secret_property(type_, (first,), inputs) or is_secret_name(last):
        return True
    around = value_at(inputs, path[:-1]) if last == "value" else None
    return isinstance(around, Mapping) and is_secret_name(str(cast(Mapping[str, Any], around).get("name") or ""))


def _account(resources: list[dict[str, Any]]) -> str:
    """The account that most IAM resources are in: those of the platform itself."""
    seen: dict[str, int] = {}
    for number in _ARN_ACCOUNT.findall(json.dumps(resources)):
        seen[number] = seen.get(number, 0) + 1
    return max(seen, key=lambda number: seen[number], default="")


def _administrator(resources: list[dict[str, Any]]) -> str:
    """Who deploys is one of the cluster's administrators."""
    return next((_principal(each) for each in _entries(resources)), "")


def _entries(resources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in resources:
        if each.get("type") == "aws:eks/accessEntry:AccessEntry" and "-admin-" in str(each["urn"]) and _principal(each):
            yield each


def _principal(resource: dict[str, Any]) -> str:
    return str(cast(Mapping[str, Any], resource.get("inputs") or {}).get("principalArn") or "")


def _commit(checkout: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
