"""How the contract is laid out in SSM Parameter Store."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from platform_contract.model import (
    SCHEMA_VERSION,
    Cluster,
    Network,
    Platform,
    PlatformContract,
    Registry,
    Section,
    Storage,
    Team,
    Tracking,
    Training,
)

STANDARD_PARAMETER_BYTES = 4096
_SECTION_MODELS: dict[str, type[Section]] = {
    "platform": Platform,
    "network": Network,
    "storage": Storage,
    "registry": Registry,
    "cluster": Cluster,
    "tracking": Tracking,
    "training": Training,
    "team": Team,
}
SECTIONS: tuple[str, ...] = tuple(name for name in _SECTION_MODELS if name != "team")


class ContractError(ValueError):
    """The contract is missing, incomplete, too large for its parameter, or of an unknown version."""


def contract_path(environment: str) -> str:
    """Path in Parameter Store under which everything of one environment's contract lies."""
    return f"/groundwork/{environment}/contract"


def section_path(environment: str, section: str) -> str:
    """Parameter name of one section.

    Raises ContractError for a section that the contract does not have.
    """
    if section not in SECTIONS:
        raise ContractError(f"The contract has no section {section!r}; it has {', '.join(SECTIONS)}.")
    return f"{contract_path(environment)}/{section}"


def team_path(environment: str, team: str) -> str:
    """Parameter name of one team's document."""
    return f"{contract_path(environment)}/teams/{team}"


def team_index_path(environment: str) -> str:
    """Path under which the index of teams lies: numbered parameters, each a JSON list of team names."""
    return f"{contract_path(environment)}/team-index"


def team_index_documents(teams: Iterable[str]) -> list[str]:
    """The index of teams as JSON lists in order of name, as few as standard parameters hold."""
    documents: list[list[str]] = [[]]
    for team in sorted(teams):
        if len(json.dumps([*documents[-1], team]).encode()) > STANDARD_PARAMETER_BYTES:
            documents.append([])
        documents[-1].append(team)
    return [json.dumps(names) for names in documents]


def section_document(section: str, values: Mapping[str, Any]) -> str:
    """The JSON text of one section or of a team's document, checked against its model.

    section: a name of SECTIONS, or `team`.
    Raises ContractError where a value does not fit the model or the text does not fit a standard parameter.
    """
    model = _SECTION_MODELS[section]
    try:
        document = model.model_validate(dict(values)).model_dump_json()
    except ValidationError as error:
        raise ContractError(f"Section {section!r} of the platform contract is not valid: {error}") from error
    if len(document.encode()) > STANDARD_PARAMETER_BYTES:
        raise ContractError(
            f"Section {section!r} of the platform contract has {len(document.encode())} bytes; "
            f"a standard SSM parameter holds {STANDARD_PARAMETER_BYTES}."
        )
    return document


def from_parameters(environment: str, parameters: Mapping[str, str]) -> PlatformContract:
    """The contract, from the parameters under `contract_path(environment)` (name to value).

    Raises ContractError naming what is missing or wrong.
    """
    missing = [name for name in SECTIONS if section_path(environment, name) not in parameters]
    if missing:
        raise ContractError(
            f"The platform contract of {environment!r} lacks {', '.join(missing)} under {contract_path(environment)}."
        )
    document: dict[str, Any] = {name: _parse(parameters, section_path(environment, name)) for name in SECTIONS}
    version = document["platform"].get("schema_version")
    if version != SCHEMA_VERSION:
        raise ContractError(
            f"The platform contract of {environment!r} has schema version {version}; this client reads "
            f"{SCHEMA_VERSION}. Use the release of the client that fits the platform."
        )
    prefix = team_path(environment, "")
    document["teams"] = {
        name.removeprefix(prefix): _parse(parameters, name) for name in parameters if name.startswith(prefix)
    }
    try:
        return PlatformContract.model_validate(document)
    except ValidationError as error:
        raise ContractError(f"The platform contract of {environment!r} is not valid: {error}") from error


def _parse(parameters: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        return json.loads(parameters[name])
    except json.JSONDecodeError as error:
        raise ContractError(f"SSM parameter {name} does not hold JSON: {error}") from error
