"""What the gates found: one result a gate, in numbers and in a sentence."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA_VERSION = 1


class GateError(Exception):
    """The gates cannot be judged at all; the text says what is wrong with the data, the model or the request."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One gate.

    gate: its name, such as `metric roc_auc`. text: what was found, what is asked, and by how much it is missed.
    """

    gate: str
    passed: bool
    text: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Report:
    """All gates of one version.

    model_digest: SHA-256 of the candidate's archive. rows, data_digest: the held-out data.
    metrics: value, low and high of each, of the candidate and of the champion. groups: what each group got, by column.
    importances: by column, most important first.
    """

    request: dict[str, Any]
    request_digest: str
    model_digest: str
    rows: int
    data_digest: str
    results: tuple[Result, ...]
    metrics: dict[str, Any]
    groups: dict[str, Any]
    importances: list[dict[str, Any]]
    latency: dict[str, Any]
    versions: dict[str, str]
    created: str
    schema_version: int = SCHEMA_VERSION

    @property
    def passed(self) -> bool:
        """Whether every gate lets the version through."""
        return all(result.passed for result in self.results)

    def content(self) -> bytes:
        """The document as it is stored; a number that is none (NaN, infinity) is null."""
        return json.dumps(_plain({**asdict(self), "passed": self.passed}), indent=1, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    if hasattr(value, "item"):  # a number of numpy
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
