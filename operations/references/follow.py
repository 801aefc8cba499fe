"""Settings with what they take from elsewhere, for commands that must know it before they act."""

from collections.abc import Mapping
from typing import Any

from infra.references.resolve import has_references, resolve
from infra.setting_walk import unresolved
from local.errors import LocalStackError
from operations.environments import OperatedEnvironment
from operations.references.sources import environment_sources


def follow(env: OperatedEnvironment, settings: Mapping[str, Any], session: Any | None = None) -> dict[str, Any]:
    """These settings, keys without the namespace, with what their references lead to. Nothing is read without one.

    session: a boto3 session to ask AWS with, instead of one of the environment's profile. Raises LocalStackError with
    every reference that leads nowhere: what is not known cannot be spared.
    """
    if not has_references(dict(settings)):
        return dict(settings)
    found = dict(resolve(settings, environment_sources(env, session)).values)
    if lines := [line for key, value in found.items() for line in unresolved(value, key)]:
        raise LocalStackError(
            "\n".join([f"Settings of {env.name} stand elsewhere, and what they are is not known:", *lines]),
            hint=f"Mend it there, or write the values into {env.settings_file.name} "
            f"(`groundwork references {env.name}`).",
        )
    return found
