"""What a job brings with it, and what of it the platform has already."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.environment import Environment
from ml.packaging.inputs import read_input
from ml.packaging.source import pack_source
from ml.plan.finding import Finding, Level
from ml.spec import Channel, JobSpec
from ml.targets.sagemaker.storage import Uploads
from platform_contract import Team


@dataclass(frozen=True)
class Carried:
    """The code, or one input. cached: whether nothing has to be uploaded."""

    finding: Finding
    digest: str = ""
    cached: bool = False


def carried(environment: Environment, spec: JobSpec, folder: Path, team: Team) -> list[Carried]:
    """The code and each input, in the spec's order. Raises SpecError for code that cannot be packed."""
    s3 = environment.clients.client("s3")
    uploads = Uploads(s3, team.artifact_uri, environment.profile)
    package = pack_source(folder / spec.source_dir, spec.exclude)
    known = uploads.has_source(package)
    text = (
        f"{package.files} files, {_size(len(package.archive))} packed, sha256 {package.digest[:12]}; {_cached(known)}"
    )
    found = [Carried(Finding("code", Level.OK, text), package.digest, known)]
    for name, channel in spec.inputs.items():
        found.append(_input(s3, uploads, name, channel, folder, team))
    return found


def _input(s3: Any, uploads: Uploads, name: str, channel: Channel, folder: Path, team: Team) -> Carried:
    about = f"input {name}"
    if channel.is_local:
        local = read_input(folder / channel.source)
        known = uploads.has_input(local)
        size = sum(file.path.stat().st_size for file in local.files)
        text = (
            f"{channel.source}: {len(local.files)} files, {_size(size)}, sha256 {local.digest[:12]}; {_cached(known)}"
        )
        return Carried(Finding(about, Level.OK, text), local.digest, known)
    uri = channel.source if channel.source.startswith("s3://") else f"{team.data_uri}/{channel.source.lstrip('/')}"
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    objects = [one for one in answer.get("Contents", []) if not one["Key"].endswith("/")]
    if not objects:
        return Carried(Finding(about, Level.ERROR, f"there is nothing at {uri}"))
    more = " and more" if answer.get("IsTruncated") else ""
    size = _size(sum(one["Size"] for one in objects))
    return Carried(Finding(about, Level.OK, f"{uri}: {len(objects)} objects, {size}{more}"), cached=True)


def _cached(known: bool) -> str:
    return "uploaded already" if known else "to be uploaded"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""
