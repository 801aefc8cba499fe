"""Which version of a model is candidate, challenger and champion: a history of moves, each written once.

MLflow's aliases have no compare-and-set: of two people who promote at once, the later one would silently win. So the
truth is here: objects `aliases/<model>/<number>.json` below the team's artifact prefix, of which S3 lets one
writer make each number (`If-None-Match: *`). MLflow's aliases and the model packages mirror it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ml.environment import Environment, readable_errors
from ml.errors import MlError
from ml.identity import writer
from ml.write_once import WriteOnce
from platform_contract import PlatformContract

CANDIDATE, CHALLENGER, CHAMPION = ALIASES = ("candidate", "challenger", "champion")
FOLDER = "aliases"
"""Under the team's artifact prefix; components/record_policy.py has the same word for what nobody changes."""
REGISTRY_FOLDER = "registry"
"""Beside it: the reports of gates, and the cards."""
_KEY = re.compile(r"(\d{8})\.json")


class PromotedMeanwhileError(MlError):
    """Somebody else has moved an alias of the model since this process last looked."""


@dataclass(frozen=True, kw_only=True)
class Aliases:
    """A model's aliases after `number` moves. at, by: of the last move; by has `arn` and `owner`."""

    number: int = 0
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    at: str = ""
    by: Mapping[str, str] = field(default_factory=dict[str, str])

    def get(self, alias: str) -> str | None:
        """The version that has an alias; None where none has."""
        return self.versions.get(alias)

    def of(self, version: str) -> list[str]:
        """The aliases of a version."""
        return [alias for alias in ALIASES if self.versions.get(alias) == version]


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move of the history. versions: all aliases after it. details: why, and by what evidence."""

    number: int
    at: str
    by: Mapping[str, str]
    versions: Mapping[str, str]
    details: Mapping[str, Any]


def registry_uri(contract: PlatformContract, team: str, model: str) -> str:
    """Where what the registry keeps of a model lies, without a slash at its end."""
    return f"{contract.teams[team].artifact_uri}/{REGISTRY_FOLDER}/{model}"


class AliasHistory:
    """The aliases of one model of one team."""

    def __init__(self, environment: Environment, contract: PlatformContract, team: str, model: str):
        self._environment = environment
        self._model = model
        uri = f"{contract.teams[team].artifact_uri}/{FOLDER}/{model}"
        self._store = WriteOnce(environment.clients.client("s3"), uri)

    def current(self) -> Aliases:
        """The aliases as they are now."""
        with readable_errors(self._environment):
            numbers = self._numbers()
            return self._read(numbers[-1]) if numbers else Aliases()

    def moves(self) -> list[Move]:
        """Every move, oldest first."""
        with readable_errors(self._environment):
            return [self._document(number) for number in self._numbers()]

    def move(self, since: Aliases, changes: Mapping[str, str | None], details: Mapping[str, Any]) -> Aliases:
        """Give aliases to versions (None takes one away), provided that nothing has moved since `since`.

        Raises PromotedMeanwhileError, with who did what, where something has.
        """
        merged = {**since.versions, **changes}
        versions = {alias: version for alias, version in merged.items() if version is not None}
        number = since.number + 1
        document = {
            "number": number,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "by": writer(self._environment),
            "versions": versions,
            "details": dict(details),
        }
        with readable_errors(self._environment):
            if not self._store.put(_key(number), json.dumps(document, indent=1, sort_keys=True).encode()):
                raise self._told(number, since)
        return Aliases(number=number, versions=versions, at=str(document["at"]), by=writer(self._environment))

    def see_unmoved(self, since: Aliases) -> None:
        """Raises PromotedMeanwhileError where something has moved since `since`: before more is made in vain."""
        with readable_errors(self._environment):
            if since.number + 1 in self._numbers():
                raise self._told(since.number + 1, since)

    def _told(self, number: int, since: Aliases) -> PromotedMeanwhileError:
        now = self.current()
        first = self._document(number)
        changed = [
            f"{alias} is version {now.get(alias) or 'none'} now (it was {since.get(alias) or 'none'})"
            for alias in ALIASES
            if now.get(alias) != since.get(alias)
        ]
        who = first.by.get("owner") or first.by.get("arn") or "somebody"
        return PromotedMeanwhileError(
            f"{who} was first: at {first.at} the aliases of {self._model} were moved. {'; '.join(changed)}.\n"
            "Nothing of yours was changed. What was compared with the champion has to be compared again: promote again."
        )

    def _numbers(self) -> list[int]:
        matches = (_KEY.fullmatch(entry.key) for entry in self._store.listing())
        return [int(match[1]) for match in matches if match]

    def _document(self, number: int) -> Move:
        document: Any = json.loads(self._store.get(_key(number)))
        return Move(
            number=number,
            at=document["at"],
            by=document["by"],
            versions=document["versions"],
            details=document.get("details", {}),
        )

    def _read(self, number: int) -> Aliases:
        move = self._document(number)
        return Aliases(number=number, versions=move.versions, at=move.at, by=move.by)


def _key(number: int) -> str:
    return f"{number:08d}.json"
