"""What is in the platform's registry: images by tag or digest, their findings, and what is attached to them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment
from ml.errors import MlError, NotFoundError
from platform_contract import PlatformContract

SBOM_TYPE = "application/vnd.cyclonedx+json"
_MISSING = {"ImageNotFoundException", "RepositoryNotFoundException"}


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in one of the platform's repositories.

    repository: its purpose (`serving`). uri: by digest. findings: severity to number, None where no scan has ended.
    """

    repository: str
    tags: tuple[str, ...]
    digest: str
    uri: str
    pushed: str
    size_mb: float
    findings: dict[str, int] | None

    def document(self) -> dict[str, Any]:
        """The image as `-o json` prints it."""
        return asdict(self)


class MissingImageError(NotFoundError):
    """An image that something is to run in is not there; the text has the command that makes it."""


def purpose_of(contract: PlatformContract, uri: str) -> tuple[str, str] | None:
    """Purpose and tag or digest of an image in the platform's repositories; None for any other image."""
    repository, _, reference = uri.partition("@") if "@" in uri else uri.rpartition(":")
    for purpose, url in contract.registry.repositories.items():
        if url == repository:
            return purpose, reference
    return None


def find(environment: Environment, contract: PlatformContract, uri: str) -> Image | None:
    """The image of a URI in one of the platform's repositories; None where it is not there."""
    place = purpose_of(contract, uri)
    if place is None:
        raise MlError(f"{uri} is in no repository of the platform.")
    purpose, reference = place
    key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
    name = repository_name(contract, purpose)
    try:
        answer = environment.clients.client("ecr").describe_images(repositoryName=name, imageIds=[{key: reference}])
    except ClientError as error:
        if error_details(error).code in _MISSING:
            return None
        raise
    return _image(contract, purpose, answer["imageDetails"][0])


def released(
    environment: Environment, contract: PlatformContract, team: str, uri: str, locked: str | None = None
) -> str:
    """A URI of the platform's registry by its digest, so that what runs is what was asked about; others as they are.

    locked: digest that images.lock has for it. Raises MissingImageError where it is not there, and MlError where it is
    another than the locked one.
    """
    place = purpose_of(contract, uri)
    if place is None:
        return uri
    found = find(environment, contract, uri)
    purpose, reference = place
    if found is None:
        raise MissingImageError(missing_text(environment, contract, team, purpose, reference))
    if locked is not None and locked != found.digest:
        raise MlError(
            f"images.lock has {locked} for {purpose}:{reference} in {environment.name!r}, and the registry has "
            f"{found.digest}: it was deleted and built again. Look at it (`ml images show {purpose}:{reference} --env "
            f"{environment.name}`); `ml images build` writes the lock anew."
        )
    return found.uri


def missing_text(environment: Environment, contract: PlatformContract, team: str, purpose: str, reference: str) -> str:
    """That an image is not there, and what to run."""
    text = f"The image {purpose}{'@' if reference.startswith('sha256:') else ':'}{reference} is not in the registry of "
    text += f"{environment.name!r}."
    if not contract.registry.build_project:
        return text + " The environment has no image builder (`registry.build.enabled`): push it there."
    if reference.startswith("sha256:"):
        return text + f" `ml images list --env {environment.name}` shows what is there."
    default = contract.registry.serving_image.rpartition(":")[2]
    tag = "" if purpose == "serving" and reference == default else f" --tag {reference}"
    return text + f" Build it: ml images build {purpose}{tag} --env {environment.name} --team {team}"


def repository_name(contract: PlatformContract, purpose: str) -> str:
    """Name of a repository, as ECR knows it. Raises MlError for a purpose that the contract does not have."""
    if purpose not in contract.registry.repositories:
        known = ", ".join(sorted(contract.registry.repositories)) or "none"
        raise MlError(f"The platform's registry has no repository {purpose!r}; it has {known}.")
    return contract.registry.repositories[purpose].partition("/")[2]


def list_images(environment: Environment, contract: PlatformContract, purpose: str) -> list[Image]:
    """The images of a repository, newest first, without what is only attached to one."""
    pages = environment.clients.client("ecr").get_paginator("describe_images")
    name = repository_name(contract, purpose)
    details = [detail for page in pages.paginate(repositoryName=name) for detail in page["imageDetails"]]
    images = [_image(contract, purpose, detail) for detail in details if not detail.get("subjectManifestDigest")]
    return sorted(images, key=lambda image: image.pushed, reverse=True)


def findings(environment: Environment, contract: PlatformContract, image: Image) -> Iterator[dict[str, Any]]:
    """What the scan found: name, severity, package and version."""
    try:
        pages = (
            environment.clients.client("ecr")
            .get_paginator("describe_image_scan_findings")
            .paginate(repositoryName=repository_name(contract, image.repository), imageId={"imageDigest": image.digest})
        )
        for page in pages:
            found = page.get("imageScanFindings", {})
            for finding in found.get("findings", []):
                about = {entry["key"]: entry["value"] for entry in finding.get("attributes", [])}
                yield {
                    "name": finding["name"],
                    "severity": finding["severity"],
                    "package": about.get("package_name", ""),
                    "version": about.get("package_version", ""),
                }
            for finding in found.get("enhancedFindings", []):
                packages = finding.get("packageVulnerabilityDetails", {}).get("vulnerablePackages", [{}])
                yield {
                    "name": finding.get("title", ""),
                    "severity": finding.get("severity", ""),
                    "package": packages[0].get("name", ""),
                    "version": packages[0].get("version", ""),
                }
    except ClientError as error:
        if error_details(error).code != "ScanNotFoundException":
            raise


def bill_of_materials(environment: Environment, contract: PlatformContract, image: Image) -> str | None:
    """Digest of the bill of materials that is attached to an image."""
    answer = environment.clients.client("ecr").list_image_referrers(
        repositoryName=repository_name(contract, image.repository),
        subjectId={"imageDigest": image.digest},
        filter={"artifactTypes": [SBOM_TYPE]},
    )
    return next((referrer["digest"] for referrer in answer["referrers"]), None)


def _image(contract: PlatformContract, purpose: str, detail: dict[str, Any]) -> Image:
    pushed: datetime = detail["imagePushedAt"]
    summary = detail.get("imageScanFindingsSummary")
    return Image(
        repository=purpose,
        tags=tuple(sorted(detail.get("imageTags", []))),
        digest=detail["imageDigest"],
        uri=f"{contract.registry.repositories[purpose]}@{detail['imageDigest']}",
        pushed=pushed.isoformat(timespec="seconds"),
        size_mb=round(detail.get("imageSizeInBytes", 0) / 1e6, 1),
        findings=None if summary is None else dict(summary.get("findingSeverityCounts", {})),
    )
