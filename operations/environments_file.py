"""groundwork.yaml and the stacks' settings files, read and checked."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from local.errors import LocalStackError

FILE = "groundwork.yaml"
BACKENDS = ("s3", "file", "https")


class EnvironmentsError(LocalStackError):
    """What the files say about an environment cannot be used; the message says which line to change."""


def _matching(pattern: str, allowed: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def _backend(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in BACKENDS or not (parts.netloc or parts.path.strip("/")):
        raise ValueError("s3://BUCKET?region=REGION, file://FOLDER or https://HOST")
    if parts.username or parts.password:
        raise ValueError("an address without a name or password in it")
    return text


class Entry(BaseModel):
    """What groundwork.yaml says about one stack."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, strict=True)

    backend: Annotated[str, AfterValidator(_backend)] | None = None
    secrets_provider: (
        Annotated[str, _matching(r"awskms://\S+|passphrase|default", "awskms://…, passphrase or default")] | None
    ) = None
    profile: Annotated[str, _matching(r"[\w.@/-]+", "the name of an AWS profile")] | None = None
    account_id: (
        Annotated[str, _matching(r"\d{12}", 'an AWS account id: 12 digits, in quotes, "123456789012"')] | None
    ) = None
    region: Annotated[str, _matching(r"[a-z]{2,4}(-[a-z]+)+-\d", "an AWS region, such as us-east-1")] | None = None


def stacks(folder: Path) -> list[str]:
    """The stacks that have settings in a folder, sorted."""
    return sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))


def entries(root: Path, section: str, sections: Sequence[str]) -> dict[str, Entry]:
    """What groundwork.yaml says of each stack in a section. Raises EnvironmentsError."""
    document = read_mapping(root / FILE) if (root / FILE).exists() else {}
    for key in document:
        if key not in sections:
            raise EnvironmentsError(f"{FILE}: there is no such key as {key!r}; there is {' and '.join(sections)}.")
    found: Any = document.get(section) or {}
    if not isinstance(found, dict):
        raise EnvironmentsError(f"{FILE}: `{section}` takes one key a stack, with what is said about it below.")
    return {str(name): _entry(f"{section}.{name}", value) for name, value in cast(dict[Any, Any], found).items()}


def _entry(key: str, value: Any) -> Entry:
    try:
        return Entry.model_validate({} if value is None else value)
    except ValidationError as error:
        lines = [_wrong(key, cast(Mapping[str, Any], one)) for one in error.errors()]
        raise EnvironmentsError("\n".join(lines)) from None


def _wrong(prefix: str, error: Mapping[str, Any]) -> str:
    key = ".".join([prefix, *(str(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        allowed = [to_camel(field) for field in Entry.model_fields]
        close = difflib.get_close_matches(str(error["loc"][-1]), allowed, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(allowed)}."
        return f"{FILE}: there is no {key}; {hint}"
    allowed = str(error["ctx"]["error"]) if error["type"] == "value_error" else str(error["msg"])
    return f"{FILE}: {key}: {error['input']!r} is not allowed; allowed is {allowed}"


def settings_of(folder: Path, name: str) -> dict[str, Any]:
    """The `config` of a stack's settings file. Raises EnvironmentsError."""
    file = folder / f"Pulumi.{name}.yaml"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not file.exists():
        raise EnvironmentsError(f"There is no {file.name}.", hint=f"There is one for {', '.join(stacks(folder))}.")
    return cast(dict[str, Any], read_mapping(file).get("config") or {})


def read_mapping(file: Path) -> dict[str, Any]:
    """A YAML file with a mapping in it, empty for an empty file. Raises EnvironmentsError."""
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EnvironmentsError(f"{file.name} cannot be read: {error}") from None
    if document is not None and not isinstance(document, dict):
        raise EnvironmentsError(f"{file.name} is no YAML mapping.")
    return cast(dict[str, Any], document or {})
