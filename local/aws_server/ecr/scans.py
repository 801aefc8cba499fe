"""Scans of images, with a stated stand-in for ECR's database of vulnerabilities.

What a Python image was locked to stands in a `requirements*.txt` of its layers. Those versions are looked up in
`advisories.json` of the server's state folder, which whoever runs the server writes:

    [{"name": "CVE-2026-0001", "severity": "CRITICAL", "package": "mlflow", "versions": ["3.17.2"]}]

Without the file nothing is found. What the base image has is not looked at: nothing here can pull it.
"""

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local.aws_server.ecr.layers import layer_file, repository_of
from local.aws_server.operations import Call, Server, ServiceError, operation

KIND = "ecr-scan"
"""Kind of a scan's record; the key is `region/repository@digest`."""
ADVISORIES = "advisories.json"
_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def _key(call: Call, repository: str, digest: str) -> str:
    return f"{call.region}/{repository}@{digest}"


def locked_packages(server: Server, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Package to version, by the requirements files in an image's layers."""
    found: dict[str, str] = {}
    for layer in manifest.get("layers", ()):
        for text in _requirements(layer_file(server, layer["digest"]).read_bytes()):
            found.update({name.lower().replace("_", "-"): version for name, version in _LOCKED.findall(text)})
    return found


def _requirements(blob: bytes) -> Iterator[str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(blob)) as tar:
            for member in tar.getmembers():
                name = member.name.rpartition("/")[2]
                if member.isfile() and name.startswith("requirements") and name.endswith(".txt"):
                    stream = tar.extractfile(member)
                    assert stream is not None
                    yield stream.read().decode("utf-8", "replace")
    except (tarfile.TarError, gzip.BadGzipFile):
        return  # not a layer of files: an artifact's blob


def scan(call: Call, repository: str, digest: str, manifest: Mapping[str, Any]) -> None:
    """Look at an image and keep what was found."""
    if not manifest.get("layers") or manifest.get("subject"):
        record: dict[str, Any] = {"status": "UNSUPPORTED_IMAGE", "findings": []}
    else:
        packages = locked_packages(call.server, manifest)
        found = [
            {
                "name": advisory["name"],
                "severity": advisory["severity"],
                "description": f"{advisory['package']} {packages[advisory['package']]} (local/aws_server/ecr/scans.py)",
                "attributes": [
                    {"key": "package_name", "value": advisory["package"]},
                    {"key": "package_version", "value": packages[advisory["package"]]},
                ],
            }
            for advisory in _advisories(call.server)
            if packages.get(advisory["package"]) in advisory["versions"]
        ]
        record = {"status": "COMPLETE", "findings": found}
    call.server.records.put(KIND, _key(call, repository, digest), record | {"at": datetime.now(UTC)})


def _advisories(server: Server) -> list[dict[str, Any]]:
    file = server.settings.state_dir / ADVISORIES
    return json.loads(file.read_text()) if file.exists() else []


def _counts(record: Mapping[str, Any]) -> dict[str, int]:
    severities = [finding["severity"] for finding in record["findings"]]
    return {severity: severities.count(severity) for severity in severities}


def summary_of(call: Call, repository: str, digest: str) -> dict[str, Any]:
    """What DescribeImages says of an image's scan; nothing where there was none."""
    record = call.server.records.get(KIND, _key(call, repository, digest))
    if record is None:
        return {}
    counted = {"imageScanCompletedAt": record["at"], "findingSeverityCounts": _counts(record)}
    return {"imageScanStatus": {"status": record["status"]}, "imageScanFindingsSummary": counted}


def _image_of(call: Call) -> Any:
    name, wanted = call.params["repositoryName"], call.params["imageId"]
    for image in repository_of(call, name).images:
        if wanted.get("imageDigest") in (None, image.image_digest) and (
            "imageTag" not in wanted or wanted["imageTag"] in image.image_tags
        ):
            return image
    message = f"The image with imageId {wanted} does not exist within the repository with name '{name}'"
    raise ServiceError("ImageNotFoundException", message)


@operation("ecr", "StartImageScan")
def start_image_scan(call: Call) -> dict[str, Any]:
    image, name = _image_of(call), call.params["repositoryName"]
    scan(call, name, image.image_digest, json.loads(image.image_manifest))
    return {
        "registryId": call.account_id,
        "repositoryName": name,
        "imageId": {"imageDigest": image.image_digest},
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }


@operation("ecr", "DescribeImageScanFindings")
def describe_image_scan_findings(call: Call) -> dict[str, Any]:
    image, name = _image_of(call), call.params["repositoryName"]
    record = call.server.records.get(KIND, _key(call, name, image.image_digest))
    if record is None:
        message = f"Image scan does not exist for the image with '{image.image_digest}' in the repository '{name}'"
        raise ServiceError("ScanNotFoundException", message)
    return {
        "registryId": call.account_id,
        "repositoryName": name,
        "imageId": {"imageDigest": image.image_digest},
        "imageScanStatus": {"status": record["status"]},
        "imageScanFindings": {
            "imageScanCompletedAt": record["at"],
            "findingSeverityCounts": _counts(record),
            "findings": record["findings"],
        },
    }
