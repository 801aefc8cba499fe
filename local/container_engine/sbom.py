"""A bill of materials of a saved image, as far as the stand-in knows what is in it: its locked Python packages.

CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). The genuine tool looks at what is installed, system packages too.
"""

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def bill_of_materials(archive: Path) -> dict[str, Any]:
    """The document for an archive that `docker save` wrote."""
    packages: set[tuple[str, str]] = set()
    with tarfile.open(archive) as tar:
        (listing,) = json.loads(_read(tar, "manifest.json"))
        config = json.loads(_read(tar, listing["Config"]))
        for layer in listing["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(_read(tar, layer))) as files:
                for member in files.getmembers():
                    name = member.name.rpartition("/")[2]
                    if member.isfile() and name.startswith("requirements") and name.endswith(".txt"):
                        packages |= set(_LOCKED.findall(_read(files, member.name).decode("utf-8", "replace")))
    base = config["config"]["Labels"]["org.opencontainers.image.base.name"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "groundwork container-engine stand-in"}]},
            "component": {"type": "container", "name": listing["RepoTags"][0]},
        },
        "components": [
            {"type": "container", "name": base},
            *(
                {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name.lower()}@{version}"}
                for name, version in sorted(packages)
            ),
        ],
    }


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    assert stream is not None
    return stream.read()
