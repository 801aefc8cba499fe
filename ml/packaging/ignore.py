"""Patterns of files to leave out, with .gitignore's meaning (https://git-scm.com/docs/gitignore#_pattern_format)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

ALWAYS = (
    ".git/",
    ".hg/",
    ".svn/",
    "__pycache__/",
    "*.py[co]",
    ".venv/",
    ".groundwork/",
    ".ipynb_checkpoints/",
    ".DS_Store",
    # Where people keep secrets of their own machine: a job gets its credentials from its role.
    ".env",
    ".env.*",
)
"""Left out whatever the spec says: `!` brings none of these back."""


class _Rule(NamedTuple):
    expression: re.Pattern[str]
    folders_only: bool
    bring_back: bool


class Ignore:
    """Decides which paths are left out. Of the patterns that match a path the last one decides."""

    def __init__(self, patterns: Iterable[str]):
        rules = [_rule(line) for line in patterns]
        self._rules = [rule for rule in rules if rule is not None]
        self._always = [rule for line in ALWAYS if (rule := _rule(line)) is not None]

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Whether `path` (relative, with slashes) is left out.

        A folder that is left out takes everything below with it: the caller does not enter it.
        """
        if any(_applies(rule, path, is_folder) for rule in self._always):
            return True
        ignored = False
        for rule in self._rules:
            if _applies(rule, path, is_folder):
                ignored = not rule.bring_back
        return ignored


def _applies(rule: _Rule, path: str, is_folder: bool) -> bool:
    return (is_folder or not rule.folders_only) and rule.expression.fullmatch(path) is not None


def _rule(line: str) -> _Rule | None:
    pattern = line.rstrip("\n")
    if not pattern.endswith("\\ "):
        pattern = pattern.rstrip()
    if not pattern or pattern.startswith("#"):
        return None
    bring_back = pattern.startswith("!")
    pattern = pattern.removeprefix("!").removeprefix("\\")
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    anchored = "/" in pattern
    expression = _expression(pattern.lstrip("/"))
    return _Rule(re.compile(expression if anchored else f"(?:.*/)?{expression}"), folders_only, bring_back)


def _expression(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("/**", at) and at + 3 == len(pattern):
            parts.append("/.+")
            at += 3
        elif pattern[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            parts.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) != -1:
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            parts.append(f"[{'^' + inside[1:] if inside.startswith('!') else inside}]")
            at = end + 1
        else:
            if pattern[at] == "\\" and at + 1 < len(pattern):
                at += 1
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)
