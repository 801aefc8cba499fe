"""What a check of data found, as the documents and the text that people and gates read."""

from dataclasses import asdict, dataclass, field
from typing import Any, cast

MASK = "•••"
"""In place of what a personal column holds."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check.

    column: None for a check of the whole data set. count: values or rows that are not as expected, and share, how much
    of the data set that is; None where a check is about one number. examples: some of these values, never of a personal
    column.
    """

    dataset: str
    check: str
    column: str | None
    passed: bool
    expected: str
    observed: str
    count: int | None = None
    share: float | None = None
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.dataset}.{self.column}" if self.column else self.dataset
        examples = f", such as {', '.join(self.examples)}" if self.examples and not self.passed else ""
        return f"{where}: {self.check}: {self.observed}{examples}; expected: {self.expected}"


@dataclass(frozen=True, kw_only=True)
class DataSetSummary:
    """What a data set is like. columns: by name the numbers that the report shows; of a personal column only how many
    values are missing."""

    name: str
    rows: int
    columns: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """All findings about some data sets."""

    findings: tuple[Finding, ...]
    datasets: tuple[DataSetSummary, ...]

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return all(finding.passed for finding in self.findings)

    @property
    def failed(self) -> list[Finding]:
        """What is not as expected."""
        return [finding for finding in self.findings if not finding.passed]

    def document(self) -> dict[str, Any]:
        """As JSON carries it."""
        return {
            "passed": self.passed,
            "datasets": [asdict(one) for one in self.datasets],
            "findings": [asdict(finding) for finding in self.findings],
        }


def result_of(document: dict[str, Any]) -> CheckResult:
    """A result from its document."""
    return CheckResult(
        findings=tuple(
            Finding(**cast("dict[str, Any]", {**entry, "examples": tuple(entry.get("examples") or ())}))
            for entry in document["findings"]
        ),
        datasets=tuple(DataSetSummary(**entry) for entry in document["datasets"]),
    )
