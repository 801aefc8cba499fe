"""Whether what was adopted stays: a preview right after the import."""

from collections.abc import Sequence

from operations.adoption.survey import Planned
from operations.engine_run import StackEngine, step_of
from operations.engine_steps import ENDS, name_of


def replaced(engine: StackEngine, adopted: Sequence[Planned]) -> list[str]:
    """URNs of the adopted resources that the next `up` would delete or replace. Raises LocalStackError."""
    keys = {(each.row.type, each.name) for each in adopted}
    found: dict[str, None] = {}
    for event in engine.events("preview"):
        metadata = step_of(event)
        urn = str(metadata.get("urn", ""))
        if metadata.get("op") in ENDS and (metadata["type"], name_of(urn)) in keys:
            found[urn] = None
    return list(found)
