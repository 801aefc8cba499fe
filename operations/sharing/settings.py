"""Settings for a preview that has no account: the checkout's own file, without what only the account's keys open."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from operations.environments import OperatedEnvironment
from operations.sharing.accounts import Accounts, numbers
from operations.sharing.model import WITHHELD

_KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""How a stack's secrets are encrypted: sdk/go/common/workspace/project.go (ProjectStack) of the engine."""


def written(environment: OperatedEnvironment, file: Path) -> bool:
    """Writes them; whether a secret among them is withheld."""
    text = environment.settings_file.read_text(encoding="utf-8")
    if environment.account_id:
        text = Accounts(environment.account_id, numbers(text)).text(text)
    document = cast(dict[str, Any], yaml.safe_load(text) or {})
    for key in _KEYS:
        document.pop(key, None)
    settings = cast(dict[str, Any], document.get("config") or {})
    document["config"] = {key: _opened(value) for key, value in settings.items()}
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return document["config"] != settings


def _opened(value: Any) -> Any:
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        return WITHHELD if set(entries) == {"secure"} else {key: _opened(each) for key, each in entries.items()}
    return [_opened(each) for each in cast(list[Any], value)] if isinstance(value, list) else value
