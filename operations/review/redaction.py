"""What a report must not show: secrets, wherever they come from, and account numbers.

The engine blinds what it knows as a secret. This is the second net, for what a program prints, what a provider reads
back without the mark, and what somebody wrote down in plain words.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from policies.rules.secrets import NAMES, SECRET_PROPERTIES

HIDDEN = "[secret]"
ACCOUNT = "[account]"
SHORTEST = 6
"""Characters of the shortest value that is looked for everywhere: a shorter one would hide half of the words."""

_ACCOUNT_NUMBER = re.compile(r"(?<!\d)\d{12}(?!\d)")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_TOKEN = re.compile(
    "|".join(
        [
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
            r"\bgh[pousr]_[A-Za-z0-9]{36,}",
            r"\bgithub_pat_[A-Za-z0-9_]{22,}",
            r"\bgl(?:pat|rt|dt|cbt)-[A-Za-z0-9_-]{20,}",
            r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
            r"hooks\.slack\.com/services/T[A-Za-z0-9/]*",
            r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
        ]
    )
)
"""The whole of what the policy pack (policies/rules/secrets.py, SHAPES) recognises by its beginning."""
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_NAMED = re.compile(
    r"""(?ix) ( (?:password|passwd|secret|token|api_?key|private_?key|access_?key|credentials?)
    \\?["']? \s* [=:] \s* ) ( \\?"(?:[^"\\]|\\.)*\\?" | '[^']*' | [^\s,;&"'\\]+ )"""
)
"""`password = …` and `"token": "…"` in a text, also in JSON that is quoted once more."""
_ANY = re.compile(
    r"\d{12}|://|=|:|-----BEGIN|AKIA|ASIA|gh[pousr]_|github_pat|gl(?:pat|rt|dt|cbt)-|xox|eyJ|hooks\.slack"
)
"""Without one of these a text holds nothing that is looked for; most texts are done with after one look."""
_KUBERNETES_SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type
_PARAMETER = "aws:ssm/parameter:Parameter"
_PLAIN_TYPES = frozenset({"String", "StringList"})


class Redactor:
    """Takes out of texts what must not be shown. Give it the same text twice, and it answers from memory."""

    def __init__(self, secrets: Iterable[str] = ()):
        self._known = {each for each in secrets if len(each) >= SHORTEST}
        self._pattern: re.Pattern[str] | None = None
        self._seen: dict[str, str] = {}
        self._compile()

    def know(self, secrets: Iterable[str]) -> None:
        """Hide these values too, wherever they stand."""
        more = {each for each in secrets if len(each) >= SHORTEST and each != HIDDEN} - self._known
        if more:
            self._known |= more
            self._compile()

    def text(self, text: str) -> str:
        """The text without secrets and account numbers."""
        found = self._seen.get(text)
        if found is None:
            found = self._seen[text] = self._redacted(text)
        return found

    def holds_secret(self, text: str) -> bool:
        """Whether a secret is in the text; an account number is none."""
        return self._without_secrets(text) != text

    def tree(self, value: Any) -> Any:
        """Every text in a value; and under a name such as `password`, all of what is there."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            entries = cast(Mapping[str, Any], value)
            named = str(entries.get("name") or "")
            hides_value = bool(NAMES.search(named)) and isinstance(entries.get("value"), str)
            return {
                self.text(str(name)): HIDDEN
                if (is_secret_name(str(name)) and _holds_text(each)) or (hides_value and name == "value")
                else self.tree(each)
                for name, each in entries.items()
            }
        if isinstance(value, list | tuple):
            return [self.tree(each) for each in cast(list[Any], value)]
        if isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) == len("123456789012"):
            return ACCOUNT
        return value

    def _compile(self) -> None:
        self._seen.clear()
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def _redacted(self, text: str) -> str:
        return _ACCOUNT_NUMBER.sub(ACCOUNT, self._without_secrets(text))

    def _without_secrets(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        if not _ANY.search(text):
            return text
        text = _PRIVATE_KEY.sub(HIDDEN, text)
        text = _TOKEN.sub(HIDDEN, text)
        text = _IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)
        return _NAMED.sub(_kept_when_harmless, text)


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret: `password`, `apiKey`, `GITHUB_TOKEN`."""
    return bool(NAMES.search(name))


def is_secret_property(type_: str, steps: tuple[str | int, ...], inputs: Mapping[str, Any]) -> bool:
    """Whether a property of a resource is a secret by its nature, whatever the engine knows.

    steps: its path. inputs: of the resource, for types where another property decides.
    """
    if not steps:
        return False
    first = str(steps[0])
    if type_ == _KUBERNETES_SECRET and first in ("data", "stringData"):
        return True
    if type_ == _PARAMETER and first in ("value", "insecureValue"):
        return inputs.get("type") not in _PLAIN_TYPES
    return first in SECRET_PROPERTIES.get(type_, ()) or any(is_secret_name(str(step)) for step in steps)


def secrets_of(variables: Mapping[str, str]) -> list[str]:
    """Values of variables that are secrets by their names: a program that prints its environment shows them."""
    ends = ("_PASSPHRASE", "_KEY")
    return [value for name, value in variables.items() if is_secret_name(name) or name.endswith(ends)]


def _kept_when_harmless(match: re.Match[str]) -> str:
    """An ARN, a path or a blinded value under a secret's name says where the secret is, and not what it is."""
    name, value = match[1], match[2]
    bare = value.strip("\\\"'")
    if bare.startswith(("arn:", "/", HIDDEN, "[secret")) or bare in ("", "true", "false", "null", "None"):
        return match[0]
    quote = value[: len(value) - len(value.lstrip("\\\"'"))]
    return f"{name}{quote}{HIDDEN}{quote}"


def _holds_text(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and not value.startswith(("arn:", "/"))
    return isinstance(value, list) and bool(cast(list[Any], value))
