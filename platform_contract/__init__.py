"""The platform contract: the one document about the infrastructure that ML code may read.

`infra/` writes it (to SSM Parameter Store and as a stack output), `ml/` reads it, and this package is all that the two
share. It is kept as one parameter a section and one a team, with an index of the teams, because a standard Parameter
Store value holds 4 KB
(https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html): what grows with
the number of teams is spread over parameters instead of outgrowing one.
"""

from platform_contract.model import (
    SCHEMA_VERSION,
    Cluster,
    Network,
    Platform,
    PlatformContract,
    Registry,
    Storage,
    Team,
    Tracking,
    Training,
)
from platform_contract.parameters import (
    STANDARD_PARAMETER_BYTES,
    ContractError,
    contract_path,
    from_parameters,
    section_document,
    section_path,
    team_index_documents,
    team_index_path,
    team_path,
)

__all__ = [
    "SCHEMA_VERSION",
    "STANDARD_PARAMETER_BYTES",
    "Cluster",
    "ContractError",
    "Network",
    "Platform",
    "PlatformContract",
    "Registry",
    "Storage",
    "Team",
    "Tracking",
    "Training",
    "contract_path",
    "from_parameters",
    "section_document",
    "section_path",
    "team_index_documents",
    "team_index_path",
    "team_path",
]
