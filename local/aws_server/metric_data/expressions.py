"""Metric math: the arithmetic of time series, as far as it is computed here.

Syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. A time series maps the
first seconds of periods to values; a period that one operand lacks is missing from the result, and so is a division by
zero. Comparisons give 1 or 0. Functions: IF, FILL (a number, REPEAT, LINEAR), ABS, CEIL, FLOOR, and SUM, AVG, MIN, MAX
of a list such as `[m1, m2]` (a time series) or of one time series (a number).
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence

Series = dict[int, float]
Value = Series | float
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],]))"
)
_COMPARISONS: dict[str, Callable[[float, float], float]] = {
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<": lambda left, right: float(left < right),
    "<=": lambda left, right: float(left <= right),
    ">": lambda left, right: float(left > right),
    ">=": lambda left, right: float(left >= right),
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
_LOGIC: dict[str, Callable[[float, float], float]] = {
    "AND": lambda left, right: float(bool(left) and bool(right)),
    "OR": lambda left, right: float(bool(left) or bool(right)),
}
_LEVELS = (
    ({"OR": "OR", "||": "OR"}, _LOGIC),
    ({"AND": "AND", "&&": "AND"}, _LOGIC),
    ({sign: sign for sign in _COMPARISONS}, _COMPARISONS),
    ({"+": "+", "-": "-"}, _ARITHMETIC),
    ({"*": "*", "/": "/"}, _ARITHMETIC),
    ({"^": "^"}, _ARITHMETIC),
)
"""Operators from the weakest to the strongest; each level's spellings, and what they do."""
_SINGLE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
}
_LISTED: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_FUNCTIONS = ("IF", "FILL", *_SINGLE, *_LISTED)


class ExpressionError(Exception):
    """The text is no expression, or one that is not computed here."""


def names_in(expression: str) -> set[str]:
    """The ids that an expression uses. Raises ExpressionError."""
    words = _words(expression)
    calls = {word for word, following in zip(words, [*words[1:], ""], strict=True) if following == "("}
    names = {word for word in words if re.match(r"[A-Za-z_]", word)}
    if strange := {word for word in calls & names if word not in _FUNCTIONS and word not in ("AND", "OR")}:
        raise ExpressionError(f"{', '.join(sorted(strange))} is not computed here: {', '.join(_FUNCTIONS)} are")
    return names - {*_FUNCTIONS, "AND", "OR", "REPEAT", "LINEAR"}


def evaluate(expression: str, known: Mapping[str, Value], starts: Sequence[int]) -> Value:
    """The value of an expression. known: by id. starts: the periods that FILL fills. Raises ExpressionError."""
    parser = _Parser(_words(expression), known, starts)
    value = parser.level(0)
    if parser.words:
        raise ExpressionError(f"there is {parser.words[0]} where it should end")
    return value


def _words(expression: str) -> list[str]:
    found: list[str] = []
    text, at = expression.rstrip(), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"it cannot be read from {text[at : at + 30].strip()!r} on")
        found.append(match[0].strip())
        at = match.end()
    if not found:
        raise ExpressionError("it is empty")
    return found


class _Parser:
    """Reads and computes at once: an expression is short, and is read once a minute."""

    def __init__(self, words: list[str], known: Mapping[str, Value], starts: Sequence[int]) -> None:
        self.words = words
        self._known = known
        self._starts = starts

    def level(self, number: int) -> Value:
        if number == len(_LEVELS):
            return self._unary()
        spellings, functions = _LEVELS[number]
        value = self.level(number + 1)
        while self.words and self.words[0] in spellings:
            function = functions[spellings[self.words.pop(0)]]
            value = _combined(function, value, self.level(number + 1))
        return value

    def _unary(self) -> Value:
        if self.words and self.words[0] == "-":
            self.words.pop(0)
            return _combined(operator.mul, -1.0, self._unary())
        return self._atom()

    def _atom(self) -> Value:
        word = self._take()
        if re.match(r"[\d.]", word):
            return float(word)
        if word == "(":
            value = self.level(0)
            self._expect(")")
            return value
        if self.words and self.words[0] == "(" and re.match(r"[A-Za-z_]", word):
            self.words.pop(0)
            value = self._call(word)
            self._expect(")")
            return value
        if word in self._known:
            return self._known[word]
        raise ExpressionError(f"{word} is neither an id of this request nor computed here")

    def _call(self, name: str) -> Value:
        if name == "FILL":
            series = self.level(0)
            self._expect(",")
            how = self._take() if self.words[:1] in (["REPEAT"], ["LINEAR"]) else self.level(0)
            return _filled(series, how, self._starts)
        if name in _LISTED:
            return self._aggregate(name)
        arguments = [self.level(0)]
        while self.words[:1] == [","]:
            self.words.pop(0)
            arguments.append(self.level(0))
        wanted = 3 if name == "IF" else 1
        if name != "IF" and name not in _SINGLE:
            raise ExpressionError(f"{name} is not computed here: {', '.join(_FUNCTIONS)} are")
        if len(arguments) != wanted:
            raise ExpressionError(f"{name} takes {wanted} arguments")
        if name == "IF":
            return _chosen(*arguments)
        function = _SINGLE[name]
        return _combined(lambda value, _: function(value), arguments[0], 0.0)

    def _aggregate(self, name: str) -> Value:
        function = _LISTED[name]
        if self.words[:1] != ["["]:
            value = self.level(0)
            if isinstance(value, float):
                return value
            if not value:
                return {}
            return float(function(list(value.values())))
        self.words.pop(0)
        items = [self.level(0)]
        while self.words[:1] == [","]:
            self.words.pop(0)
            items.append(self.level(0))
        self._expect("]")
        series = [item for item in items if not isinstance(item, float)]
        fixed = [item for item in items if isinstance(item, float)]
        if not series:
            return float(function(fixed))
        # Of a list, what is there counts: a metric that is missing in a period is left out of it.
        starts = sorted({start for each in series for start in each})
        return {
            start: float(function([*fixed, *(each[start] for each in series if start in each)])) for start in starts
        }

    def _take(self) -> str:
        if not self.words:
            raise ExpressionError("it ends too early")
        return self.words.pop(0)

    def _expect(self, word: str) -> None:
        if (found := self._take()) != word:
            raise ExpressionError(f"there is {found} where {word} should be")


def _combined(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        try:
            return float(function(left, right))
        except (ZeroDivisionError, OverflowError) as error:
            raise ExpressionError(str(error)) from error
    result: Series = {}
    for start in _common(left, right):
        try:
            value = function(_at(left, start), _at(right, start))
        except (ZeroDivisionError, OverflowError):
            continue
        if not isinstance(value, complex) and math.isfinite(value):
            result[start] = float(value)
    return result


def _common(*values: Value) -> list[int]:
    series = [set(value) for value in values if not isinstance(value, float)]
    return sorted(set.intersection(*series))


def _at(value: Value, start: int) -> float:
    return value if isinstance(value, float) else value[start]


def _chosen(condition: Value, yes: Value, no: Value) -> Value:
    if isinstance(condition, float):
        return yes if condition else no
    result: Series = {}
    for start, holds in condition.items():
        taken = yes if holds else no
        if isinstance(taken, float):
            result[start] = taken
        elif start in taken:
            result[start] = taken[start]
    return result


def _filled(series: Value, how: Value | str, starts: Sequence[int]) -> Value:
    if isinstance(series, float):
        return series
    if isinstance(how, float):
        return {start: series.get(start, how) for start in starts}
    if isinstance(how, dict):
        return {start: value for start in starts if (value := series.get(start, how.get(start))) is not None}
    there = [start for start in starts if start in series]
    result: Series = {}
    for start in starts:
        before = max((each for each in there if each <= start), default=None)
        after = min((each for each in there if each >= start), default=None)
        if start in series:
            result[start] = series[start]
        elif before is not None and after is not None and how == "LINEAR":
            share = (start - before) / (after - before)
            result[start] = series[before] + share * (series[after] - series[before])
        elif before is not None and how == "REPEAT":
            result[start] = series[before]
    return result
