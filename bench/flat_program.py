"""A Pulumi program without components, generated from a stack's state: the same resources, declared one after another.

It is what a platform would look like as one long file, so that the price of components can be measured. Resources are
declared through the same SDK classes, with the inputs, the dependencies, the provider and the protection that the state
holds for them. The state is rewritten to fit: no components, every resource a child of the stack.
"""

import copy
import importlib
import inspect
import json
import pprint
from dataclasses import dataclass
from typing import Any

from bench.environments import BenchError

_SECRET = "4dabf18193072939515e22adb298388d"
_SECRET_VALUE = "1b47061264138c4ac30d75fd1eb44270"
_STACK = "pulumi:pulumi:Stack"
_PROVIDERS = "pulumi:providers:"


@dataclass(frozen=True)
class FlatProgram:
    """source: the program's text. state: what `pulumi stack import` takes. resources: how many it declares."""

    source: str
    state: dict[str, Any]
    resources: int


def flatten(exported: dict[str, Any], project: str, stack: str) -> FlatProgram:
    """The flat program of an exported state (`pulumi stack export --show-secrets`), under a project and stack name.

    Raises BenchError for a resource that cannot be declared flat.
    """
    deployment = copy.deepcopy(exported["deployment"])
    kept = [entry for entry in deployment["resources"] if entry["custom"] or entry["type"] == _STACK]
    renamed = _rename(kept, project, stack)
    names = {entry["urn"]: f"r{place}" for place, entry in enumerate(kept)}
    lines = ["import pulumi", "import pulumi_aws", "import pulumi_kubernetes", ""]
    for entry in kept:
        if entry["custom"]:
            lines.append(_declaration(entry, names))
    root = next(entry for entry in kept if entry["type"] == _STACK)
    lines.extend(f"pulumi.export({key!r}, {_literal(value)})" for key, value in (root.get("outputs") or {}).items())
    deployment["resources"] = _rewritten(kept, renamed)
    deployment.pop("secrets_providers", None)
    deployment.pop("pending_operations", None)
    return FlatProgram(
        source="\n".join(lines) + "\n",
        state={**exported, "deployment": deployment},
        resources=len(kept) - 1,
    )


def _rename(kept: list[dict[str, Any]], project: str, stack: str) -> dict[str, str]:
    """Old URN to new URN."""
    renamed: dict[str, str] = {}
    for entry in kept:
        name = f"{project}-{stack}" if entry["type"] == _STACK else entry["urn"].rsplit("::", 1)[1]
        urn = f"urn:pulumi:{stack}::{project}::{entry['type']}::{name}"
        if urn in renamed.values():
            raise BenchError(f"Two resources would be called {urn} without their components.")
        renamed[entry["urn"]] = urn
    return renamed


def _rewritten(kept: list[dict[str, Any]], renamed: dict[str, str]) -> list[dict[str, Any]]:
    root = next(renamed[entry["urn"]] for entry in kept if entry["type"] == _STACK)
    entries: list[dict[str, Any]] = []
    for old in kept:
        entry = {key: value for key, value in old.items() if key not in ("sourcePosition", "stackTrace", "aliases")}
        entry["urn"] = renamed[old["urn"]]
        if old["type"] != _STACK:
            entry["parent"] = root
        if "provider" in old:
            urn, _, identifier = old["provider"].rpartition("::")
            entry["provider"] = f"{renamed[urn]}::{identifier}"
        if "deletedWith" in old:
            entry["deletedWith"] = renamed[old["deletedWith"]]
        entry["dependencies"] = [renamed[urn] for urn in old.get("dependencies", []) if urn in renamed]
        entry["propertyDependencies"] = {
            name: [renamed[urn] for urn in urns if urn in renamed]
            for name, urns in (old.get("propertyDependencies") or {}).items()
        }
        entries.append(entry)
    return entries


def _declaration(entry: dict[str, Any], names: dict[str, str]) -> str:
    kind = _sdk_class(entry["type"])
    logical = entry["urn"].rsplit("::", 1)[1]
    options: list[str] = []
    if "provider" in entry:
        options.append(f"provider={names[entry['provider'].rpartition('::')[0]]}")
    before = [names[urn] for urn in entry.get("dependencies", []) if urn in names]
    if before:
        options.append(f"depends_on=[{', '.join(before)}]")
    options.extend(f"{option}=True" for key, option in _FLAGS.items() if entry.get(key))
    if "deletedWith" in entry:
        options.append(f"deleted_with={names[entry['deletedWith']]}")
    if entry.get("external"):
        arguments = [f"id={entry['id']!r}"]
        return f"{names[entry['urn']]} = {kind}.get({logical!r}, {', '.join([*arguments, _options(options)])})"
    arguments = [f"{name}={text}" for name, text in _arguments(entry, kind).items()]
    return f"{names[entry['urn']]} = {kind}({', '.join([repr(logical), *arguments, _options(options)])})"


_FLAGS = {"protect": "protect", "retainOnDelete": "retain_on_delete"}


def _options(options: list[str]) -> str:
    return f"opts=pulumi.ResourceOptions({', '.join(options)})"


def _sdk_class(token: str) -> str:
    """The SDK's name of a resource type, as it is written in a program."""
    if token.startswith(_PROVIDERS):
        return f"pulumi_{token.removeprefix(_PROVIDERS)}.Provider"
    package, module, kind = token.split(":")
    if package == "aws":
        return f"pulumi_aws.{module.split('/')[0]}.{kind}"
    if package != "kubernetes":
        raise BenchError(f"No SDK class is known for the resource type {token}.")
    group, _, version = module.rpartition("/")
    known = f"pulumi_kubernetes.{group.removesuffix('.k8s.io').split('.')[0]}.{version}.{kind}"
    try:
        _find(known)
    except (ImportError, AttributeError):
        return "pulumi_kubernetes.apiextensions.CustomResource"
    return known


def _find(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _arguments(entry: dict[str, Any], kind: str) -> dict[str, str]:
    """Keyword arguments as source text. Names come from the SDK class itself."""
    sdk_class = _find(kind)
    provider = entry["type"].startswith(_PROVIDERS)
    custom = kind.endswith(".CustomResource")
    python_names = {
        member.fget._pulumi_name: name
        for name, member in vars(sdk_class).items()
        if isinstance(member, property) and hasattr(member.fget, "_pulumi_name")
    }
    parameters = inspect.signature(getattr(sdk_class, "_internal_init", sdk_class.__init__)).parameters
    arguments: dict[str, str] = {}
    for name, value in entry["inputs"].items():
        if entry["type"].startswith("kubernetes:") and not custom and name in ("apiVersion", "kind"):
            continue  # the class knows
        python_name = python_names.get(name) or _snake(name)
        if python_name not in parameters:
            continue  # not the program's: the engine or the provider has added it (version, tagsAll)
        if provider and not _is_text(parameters[python_name]):
            value = json.loads(value)  # a state holds a provider's inputs as text, and what is not text as JSON in it
        arguments[python_name] = _literal(value)
    return arguments


def _is_text(parameter: inspect.Parameter) -> bool:
    annotation = str(parameter.annotation)
    return "str" in annotation and "Sequence" not in annotation and "Mapping" not in annotation


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _literal(value: Any) -> str:
    """`value` as Python source; Pulumi's secrets as secret outputs."""
    if isinstance(value, dict):
        if value.get(_SECRET) == _SECRET_VALUE:
            return f"pulumi.Output.secret({_literal(json.loads(value['plaintext']))})"
        pairs = (f"{key!r}: {_literal(item)}" for key, item in value.items() if not key.startswith("__"))
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return pprint.pformat(value, width=10**6)
