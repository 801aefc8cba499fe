"""What all sections share: immutable, camelCase in the file, no unknown keys, and checks that report every problem."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with a setting.

    key: where it is, below the section that found it (`maxGpus`, or empty for the section itself).
    value: what the file says.
    allowed: what would be right, as half a sentence.
    """

    key: str
    value: Any
    allowed: str


class SettingProblemsError(ValueError):
    """Several problems of one section at once; pydantic knows one error a validator alone."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.key}: {problem.allowed}" for problem in self.problems))


class Section(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=False)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the values taken together; each alone has been checked before."""
        yield from ()

    @model_validator(mode="after")
    def check_together(self) -> "Section":
        """Raises SettingProblemsError with everything that `problems` finds."""
        found = list(self.problems())
        if found:
            raise SettingProblemsError(found)
        return self
