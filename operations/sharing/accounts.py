"""Account numbers of a shared state: the environment's own becomes zeros, those that nobody has published are numbered.

What stands in the repository's files is public already: other accounts in the settings, and AWS's own, whose registries
the program names. These stay, or the program would seem to change them.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from operations.sharing.model import OWN_ACCOUNT

_NUMBER = re.compile(r"(?<!\d)\d{12}(?!\d)")
_SOURCES = ("infra/**/*.py", "components/**/*.py", "components/**/*.json")


def published(checkout: Path, settings: Path) -> set[str]:
    """Account numbers that the checkout's program and this environment's settings hold."""
    files = [settings, *(file for pattern in _SOURCES for file in checkout.glob(pattern))]
    return {number for file in files for number in numbers(file.read_text(encoding="utf-8", errors="replace"))}


def numbers(text: str) -> set[str]:
    """What looks like an account number in a text."""
    return set(_NUMBER.findall(text))


class Accounts:
    """Replaces account numbers, each by the same one everywhere."""

    def __init__(self, own: str, keep: Iterable[str]):
        self._others: dict[str, str] = {}
        self._own = own
        self._keep = set(keep) - {own}

    def text(self, text: str) -> str:
        """The text with other numbers."""
        return _NUMBER.sub(lambda found: self._instead(found[0]), text)

    def tree(self, value: Any) -> Any:
        """Every text in a value, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.tree(each) for key, each in cast(Mapping[str, Any], value).items()}
        if isinstance(value, list):
            return [self.tree(each) for each in cast(list[Any], value)]
        return value

    def _instead(self, number: str) -> str:
        if number == self._own:
            return OWN_ACCOUNT
        if number in self._keep:
            return number
        return self._others.setdefault(number, f"{len(self._others) + 1:012d}")
