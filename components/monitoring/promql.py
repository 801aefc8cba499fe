"""Which metrics a PromQL expression asks for.

Not a parser: it takes away what cannot be a metric (strings, label matchers, lists of labels, durations, functions and
keywords) and keeps the names that are left. Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'|`[^`]*`")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_DURATION = re.compile(r"\[[^\[\]]*\]|\boffset\s+-?\w+")
_VARIABLE = re.compile(r"\$\w+")
_NUMBER = re.compile(r"\b\d[\w.]*(?:[eE][+-]?\d+)?")
_KEYWORDS = {
    *("and", "or", "unless", "bool", "by", "without", "on", "ignoring", "group_left", "group_right"),
    *("offset", "inf", "Inf", "nan", "NaN", "start", "end"),
}


def metric_names(expression: str) -> frozenset[str]:
    """The names of the metrics in an expression, where variables of Grafana (`$name`) may stand for values."""
    rest = _STRING.sub('""', expression)
    for noise in (_MATCHERS, _DURATION, _LABELS, _VARIABLE, _NUMBER):
        rest = noise.sub(" ", rest)
    return frozenset(_names(rest))


def _names(text: str) -> set[str]:
    found: set[str] = set()
    for match in re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text):
        following = text[match.end() :].lstrip()
        if match[0] not in _KEYWORDS and not following.startswith("("):
            found.add(match[0])
    return found
