"""Which container image a job runs in."""

import difflib
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ml.errors import SpecError
from ml.spec import Framework, JobSpec
from platform_contract import PlatformContract


def training_image(spec: JobSpec, contract: PlatformContract) -> str:
    """The image URI of a job. Raises SpecError naming what the platform or AWS has instead."""
    if spec.framework is not None:
        return framework_image(spec.framework, contract.platform.region, spec.instance.type)
    assert spec.image is not None
    return platform_image(spec.image, contract)


def platform_image(image: str, contract: PlatformContract) -> str:
    """The URI of `REPOSITORY:TAG` or `REPOSITORY@sha256:…` in the platform's own registry; anything with a slash is a
    URI already."""
    if "/" in image:
        return image
    purpose, at, tag = image.partition("@") if "@" in image else image.partition(":")
    repositories = contract.registry.repositories
    if purpose not in repositories:
        close = difflib.get_close_matches(purpose, repositories, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(repositories)) or 'none'}."
        raise SpecError(f"image: the platform's registry has no repository {purpose!r}; {hint}")
    if not tag:
        raise SpecError(f"image: {image!r} names no tag; write {purpose}:TAG")
    return f"{repositories[purpose]}{at}{tag}"


def framework_image(framework: Framework, region: str, instance_type: str) -> str:
    """AWS's own training container, by the table that the SageMaker SDK carries.

    The table is read as a file (importing the SDK takes seconds), and the tag put together as the SDK's
    `image_uris.retrieve` does. Raises SpecError.
    """
    table = _table(framework.name)
    versions: dict[str, Any] = table["versions"]
    version = table.get("version_aliases", {}).get(framework.version, framework.version)
    if version not in versions:
        newest = ", ".join(list(versions)[-5:])
        raise SpecError(
            f"framework.version: AWS has no {framework.name} container {framework.version!r}; newest: {newest}"
        )
    entry = versions[version]
    account = entry.get("registries", {}).get(region)
    if account is None:
        raise SpecError(f"framework: AWS has no {framework.name} {version} container in {region}")
    processors: list[str] = entry.get("processors") or table.get("processors") or []
    processor = "gpu" if re.match(r"ml\.(p|g)\d", instance_type) and "gpu" in processors else "cpu"
    parts = [framework.version]
    if processors:
        parts += [processor, (entry.get("py_versions") or [""])[-1]]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{suffix}/{entry['repository']}:{'-'.join(part for part in parts if part)}"


def _table(framework: str) -> dict[str, Any]:
    found = find_spec("sagemaker")
    for place in (found.submodule_search_locations if found else None) or ():
        path = Path(place) / "core" / "image_uri_config" / f"{framework}.json"
        if path.is_file():
            document = json.loads(path.read_bytes())
            return document.get("training", document)
    raise SpecError(
        "framework: AWS's table of containers comes with the SageMaker SDK, which is not installed here; "
        "install `sagemaker`, or give `image` instead"
    )
