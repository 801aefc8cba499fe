"""What all sections share: immutable, camelCase in the file, and checks of several values that run where they can."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with values taken together.

    key: which of them to change, as the file spells it (`maxGpus`).
    value: what the file says; None where it says nothing and should.
    message: what is wrong and what would be right, as a sentence without its capital and full stop.
    """

    key: str
    value: Any
    message: str


Check = Callable[[Any], Iterator[Problem]]
CheckFunction = TypeVar("CheckFunction", bound=Check)
_NEEDS = "__needs__"


def check(*needs: str) -> Callable[[CheckFunction], CheckFunction]:
    """Marks a method of a section that looks at these fields together; it runs when each of them is right by itself."""

    def mark(function: CheckFunction) -> CheckFunction:
        setattr(function, _NEEDS, needs)
        return function

    return mark


class Section(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    @classmethod
    def checks(cls) -> Iterator[tuple[tuple[str, ...], Check]]:
        """Every check of this section, with the fields that it looks at."""
        for name in dir(cls):
            function = cls.__dict__.get(name)
            needs: tuple[str, ...] | None = getattr(function, _NEEDS, None)
            if needs is not None:
                yield needs, cast(Check, function)

    @classmethod
    def spelling(cls) -> dict[str, str]:
        """Key in the file to field name."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}
