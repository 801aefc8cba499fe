"""What is known of a version, gathered for its model card, and where the card is kept.

The parts follow Mitchell and others, Model Cards for Model Reporting (https://arxiv.org/abs/1810.03993).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import no_such_object
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import NotFoundError
from ml.records import RunRecord, read_record
from ml.registry import packages
from ml.registry.aliases import Aliases, AliasHistory, Move, registry_uri
from ml.registry.evidence import read_object
from ml.registry.packages import Package
from ml.tracking import ModelVersion
from platform_contract import PlatformContract

CARD_FILE = "card.html"


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Everything that a card shows. record, package, report: None where there is none (yet)."""

    environment: str
    team: str
    version: ModelVersion
    record: RunRecord | None
    package: Package | None
    report: dict[str, Any] | None
    aliases: Aliases
    moves: tuple[Move, ...]

    @property
    def words(self) -> dict[str, str]:
        """What people say about the model: the spec's gates.card, as the gates judged it or as the run had it."""
        if self.report is not None:
            return dict(self.report["request"]["gates"]["card"])
        spec: dict[str, Any] = self.record.spec if self.record else {}
        gates: dict[str, Any] = spec.get("gates") or {}
        card: dict[str, str] = gates.get("card") or {}
        return card


def gather(environment: Environment, contract: PlatformContract, team: str, version: ModelVersion) -> CardFacts:
    """Look everything up. What is not there is left out: a card may be written of any version."""
    with readable_errors(environment):
        package = packages.of_version(environment, team, version.name, version.version)
    history = AliasHistory(environment, contract, team, version.name)
    moves = history.moves()
    newest = moves[-1] if moves else None
    return CardFacts(
        environment=contract.platform.environment,
        team=team,
        version=version,
        record=_record(environment, contract, team, version),
        package=package,
        report=_report(environment, contract, team, version, package),
        aliases=Aliases(number=newest.number, versions=newest.versions, at=newest.at, by=newest.by)
        if newest
        else Aliases(),
        moves=tuple(move for move in moves if version.version in _changed(moves, move)),
    )


def _changed(moves: list[Move], move: Move) -> set[str]:
    """The versions that a move gave an alias, or took one from."""
    before: Mapping[str, str] = moves[move.number - 2].versions if move.number > 1 else {}
    names = {*before, *move.versions}
    changed = [name for name in names if before.get(name) != move.versions.get(name)]
    return {version for name in changed for version in (before.get(name), move.versions.get(name)) if version}


def _record(environment: Environment, contract: PlatformContract, team: str, version: ModelVersion) -> RunRecord | None:
    try:
        return read_record(environment, contract, team, version.job) if version.job else None
    except NotFoundError:
        return None


def _report(
    environment: Environment, contract: PlatformContract, team: str, version: ModelVersion, package: Package | None
) -> dict[str, Any] | None:
    job = package.metadata.get(packages.GATES_JOB) if package else None
    if not job:
        return None
    uri = f"{registry_uri(contract, team, version.name)}/{version.version}/gates/{job}/report.json"
    try:
        with readable_errors(environment):
            return json.loads(read_object(environment, uri))
    except ClientError as error:
        if is_denied(error) or not no_such_object(error):
            raise
        return None


def store_card(environment: Environment, contract: PlatformContract, team: str, version: ModelVersion) -> str:
    """Write a version's card beside its gates; its URI. Each change of the version writes it anew."""
    from ml.registry.card_page import card_html

    page = card_html(gather(environment, contract, team, version))
    uri = f"{registry_uri(contract, team, version.name)}/{version.version}/{CARD_FILE}"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with readable_errors(environment):
        environment.clients.client("s3").put_object(
            Bucket=bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8"
        )
    return uri
