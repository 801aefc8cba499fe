"""The file that a state is shared in."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.errors import LocalStackError

FORMAT: Literal["groundwork-state/1"] = "groundwork-state/1"
WITHHELD = "[withheld by groundwork stack share]"
"""What stands in the place of a value that is not shared."""
OWN_ACCOUNT = "000000000000"
"""What stands in the place of the environment's own account number."""


class SharedState(BaseModel):
    """A stack's state without what must not be shared.

    caller: an ARN under which a preview works, an administrator's of the cluster where the state knows one.
    withheld: type, name and path of each value that is left out. deployment: as the engine exports and imports it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["groundwork-state/1"] = FORMAT
    environment: str
    taken: str = Field(description="When the engine wrote that state.")
    commit: str = Field(description="Of the checkout that it was exported from; empty where there is none.")
    caller: str
    withheld: tuple[str, ...]
    deployment: dict[str, Any]


def read(file: Path) -> SharedState:
    """The shared state in a file. Raises LocalStackError for a file that is none."""
    hint = "`groundwork stack share ENV FILE` writes one."
    try:
        return SharedState.model_validate_json(file.read_bytes())
    except OSError as error:
        raise LocalStackError(f"{file} cannot be read: {error.strerror}.", hint=hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise LocalStackError(f"{file} is no shared state: {where}: {first['msg']}.", hint=hint) from None


def write(shared: SharedState, file: Path) -> None:
    """Writes the file. Raises LocalStackError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(shared.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise LocalStackError(f"The state could not be written to {file}: {error.strerror}.") from None
