"""The rule of a composite alarm: parsed, and evaluated on the states of other alarms.

Grammar: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html (AlarmRule).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]+)\"|(?P<bare>[^\"()\s]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))"
)


class RuleError(Exception):
    """The text is no rule."""


@dataclass(frozen=True)
class Asks:
    """Whether an alarm has a state."""

    state: str
    alarm: str


Token = Asks | str
States = Callable[[str], str]


def tokens(rule: str) -> list[Token]:
    """The words of a rule. Raises RuleError."""
    found: list[Token] = []
    at = 0
    text = rule.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleError(f"it cannot be read from {text[at : at + 40]!r} on")
        if match["state"]:
            name = match["quoted"] or match["bare"]
            found.append(Asks(match["state"], name.rpartition(":alarm:")[2] or name))
        else:
            found.append(match["word"] or match["bracket"])
        at = match.end()
    return found


def alarms_of(rule: str) -> set[str]:
    """Names of the alarms that a rule asks about. Raises RuleError."""
    evaluate(rule, lambda _: "OK")
    return {token.alarm for token in tokens(rule) if isinstance(token, Asks)}


def evaluate(rule: str, state_of: States) -> bool:
    """Whether the rule holds. Raises RuleError."""
    words = tokens(rule)
    value, rest = _either(words, state_of)
    if rest:
        raise RuleError(f"there is {rest[0]} where it should end")
    return value


def _either(words: list[Token], state_of: States) -> tuple[bool, list[Token]]:
    value, rest = _both(words, state_of)
    while rest and rest[0] == "OR":
        right, rest = _both(rest[1:], state_of)
        value = value or right
    return value, rest


def _both(words: list[Token], state_of: States) -> tuple[bool, list[Token]]:
    value, rest = _one(words, state_of)
    while rest and rest[0] == "AND":
        right, rest = _one(rest[1:], state_of)
        value = value and right
    return value, rest


def _one(words: list[Token], state_of: States) -> tuple[bool, list[Token]]:
    if not words:
        raise RuleError("it ends too early")
    first, rest = words[0], words[1:]
    if isinstance(first, Asks):
        return state_of(first.alarm) == first.state, rest
    if first in ("TRUE", "FALSE"):
        return first == "TRUE", rest
    if first == "NOT":
        value, rest = _one(rest, state_of)
        return not value, rest
    if first == "(":
        value, rest = _either(rest, state_of)
        if not rest or rest[0] != ")":
            raise RuleError("a bracket is not closed")
        return value, rest[1:]
    raise RuleError(f"{first} stands where an alarm should")
