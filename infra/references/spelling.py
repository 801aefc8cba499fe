"""How a setting says where its value stands: by a text that begins with `cfn:`, `tfstate:` or `stack:`."""

import re
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way into an output: its name, then keys and places in lists."""

PREFIXES = ("cfn:", "tfstate:", "stack:")
SPELLINGS = {
    "cfn:": "cfn:EXPORT, such as cfn:shared-vpc",
    "tfstate:": "tfstate:s3://BUCKET/KEY#OUTPUT, such as tfstate:s3://acme-terraform/network/terraform.tfstate#vpc_id",
    "stack:": "stack:ORGANIZATION/PROJECT/STACK#OUTPUT, such as stack:organization/network/dev#vpcId (in a backend of "
    "your own, s3:// or file://, the organization is always `organization`)",
}

_EXPORT = re.compile(r"[A-Za-z0-9:-]{1,255}")
"""CloudFormation's own words: "The Name field of every Export member must be specified and consist only of alphanumeric
characters, colons, or hyphens." What exports are:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html."""
_STATE = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^/].{0,1022}[^/]|[^/])")
_STACK = re.compile(r"[\w.-]+/[\w.-]+/[\w.-]+")
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_OUTPUT = re.compile(rf"{_NAME}(\.[A-Za-z0-9_-]+|\[\d{{1,6}}\])*")
_STEP = re.compile(r"\[(\d+)\]|\.?([A-Za-z0-9_-]+)")


class MisspeltError(Exception):
    """A text that begins as a reference and is none. The message says what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Where a value stands.

    source: cfn, tfstate or stack.
    place: what holds the output: the bucket and the key of a state file, a stack's full name; empty for exports, of
        which an account has one list a region.
    path: the output, and the way into it.
    """

    source: str
    place: tuple[str, ...]
    path: Path


def read(text: str) -> Reference | None:
    """The reference that a setting's text is; None for any other text. Raises MisspeltError."""
    prefix = next((each for each in PREFIXES if text.startswith(each)), None)
    if prefix is None:
        return None
    rest = text.removeprefix(prefix)
    if prefix == "cfn:":
        if not _EXPORT.fullmatch(rest):
            raise MisspeltError(f"allowed is {SPELLINGS[prefix]}")
        return Reference(source="cfn", place=(), path=(rest,))
    place, found, output = rest.rpartition("#")
    matched = (_STATE if prefix == "tfstate:" else _STACK).fullmatch(place)
    if not found or not matched or not _OUTPUT.fullmatch(output):
        raise MisspeltError(f"allowed is {SPELLINGS[prefix]}")
    where = (matched["bucket"], matched["key"]) if prefix == "tfstate:" else (place,)
    return Reference(source=prefix.rstrip(":"), place=where, path=_path(output))


def _path(output: str) -> Path:
    return tuple(int(step[1]) if step[1] else step[2] for step in _STEP.finditer(output))


def shown(path: Path) -> str:
    """A path as a reference spells it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
