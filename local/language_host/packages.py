"""What is installed in an environment: the provider plugins that it asks for, and all its distributions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class PluginPackage:
    """A provider plugin that an installed SDK package asks for (its pulumi-plugin.json)."""

    name: str
    version: str
    server: str


def plugin_packages(site_packages: Iterable[Path]) -> list[PluginPackage]:
    """The plugins named by every `pulumi-plugin.json` with `"resource": true`, by name.

    A package whose file leaves name or version out gets them from its own distribution, as the genuine host does.
    """
    found: dict[str, PluginPackage] = {}
    for folder in site_packages:
        for file in sorted(folder.glob("*/pulumi-plugin.json")):
            described = json.loads(file.read_text(encoding="utf-8"))
            if not described.get("resource"):
                continue
            name = described.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
            version = described.get("version") or _distribution_version(folder, file.parent.name)
            found.setdefault(name, PluginPackage(name, version, described.get("server", "")))
    return [found[name] for name in sorted(found)]


def _distribution_version(folder: Path, package: str) -> str:
    for info in folder.glob(f"{package}-*.dist-info"):
        return info.name.removesuffix(".dist-info").removeprefix(f"{package}-")
    return ""


def distributions(site_packages: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Name and version of each installed distribution, by name."""
    seen: dict[str, str] = {}
    for distribution in metadata.distributions(path=[str(folder) for folder in site_packages]):
        name = distribution.metadata["Name"]
        if name:
            seen.setdefault(name, distribution.version)
    yield from sorted(seen.items(), key=lambda item: item[0].lower())
