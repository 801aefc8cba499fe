"""Cron expressions of six fields, as far as they are read here: numbers, names, lists, ranges, steps, `*` and `?`.

https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html. `L`, `W`
and `#` are refused.
"""

import re
from datetime import datetime

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
"""Name, least and most value, and words for the values from the least on. Sunday is 1."""


class CronError(Exception):
    """The text is no cron expression, or one that is not read here."""


def fields_of(expression: str) -> tuple[frozenset[int], ...] | None:
    """The values of each field of `cron(…)`; None for another expression. Raises CronError."""
    match = re.fullmatch(r"cron\(\s*(.+?)\s*\)", expression)
    if match is None:
        return None
    parts = match[1].split()
    if len(parts) != len(_FIELDS):
        raise CronError(f"{expression} must have six fields")
    return tuple(_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True))


def matches(fields: tuple[frozenset[int], ...], moment: datetime) -> bool:
    """Whether a minute is one of an expression's."""
    day = moment.isoweekday() % 7 + 1
    values = (moment.minute, moment.hour, moment.day, moment.month, day, moment.year)
    return all(value in field for value, field in zip(values, fields, strict=True))


def _values(text: str, name: str, least: int, most: int, words: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if not re.fullmatch(r"\d*", step) or step == "0":
            raise CronError(f"{part} is no {name} that is read here")
        low = least if first in ("*", "?") else _number(first, name, least, words)
        high = most if first in ("*", "?") or (step and not last) else low
        high = _number(last, name, least, words) if last else high
        if not least <= low <= high <= most:
            raise CronError(f"{part} is no {name}: {least} to {most}")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, words: tuple[str, ...]) -> int:
    if text.upper() in words:
        return words.index(text.upper()) + least
    if not text.isdigit():
        raise CronError(f"{text} is no {name} that is read here")
    return int(text)
