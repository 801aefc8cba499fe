"""What stands where a setting's reference stood, once the reference has been followed or could not be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class CommaSeparated(str):
    """A text that is a list where the setting is one: all that a CloudFormation export can hold is text, and lists are
    exported joined by commas
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-split.html)."""

    __slots__ = ()

    def parts(self) -> list[str]:
        """The entries of the list; none of an empty text."""
        return [part.strip() for part in self.split(",")] if self.strip() else []


@dataclass(frozen=True)
class Unresolved:
    """A reference that led nowhere. text: as the file has it. message: why, and what to do."""

    text: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Output:
    """One value that somebody else publishes. sensitive: whether its owner calls it a secret."""

    value: Any
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Everything that one place publishes.

    where: the place, in words. kind: what it calls a value. hint: what a missing name may mean.
    """

    where: str
    values: Mapping[str, Output]
    kind: str = "output"
    hint: str = ""


class UnreachableError(Exception):
    """A place could not be read. The message says why and what to do, without the place's name."""
