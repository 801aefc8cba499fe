"""Manifests: moto's, with the digest that the content has and the checks that make a push mean something."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from local.aws_server.ecr.layers import repository_of
from local.aws_server.ecr.scans import scan, summary_of
from local.aws_server.operations import Call, ServiceError, operation

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(text: str) -> str:
    """Digest of a manifest: of its very bytes."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def manifest_of(image: Any) -> dict[str, Any]:
    """The manifest of one of moto's images."""
    return json.loads(image.image_manifest)


def _blobs(manifest: dict[str, Any]) -> Iterator[str]:
    for descriptor in (manifest.get("config"), *manifest.get("layers", ())):
        if descriptor:
            yield descriptor["digest"]


@operation("ecr", "PutImage")
def put_image(call: Call) -> dict[str, Any]:
    """Refuses what names blobs that were not pushed, a digest that is not the manifest's, and a subject unknown.

    Errors: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
    """
    name, text, tag = call.params["repositoryName"], call.params["imageManifest"], call.params.get("imageTag")
    repository = repository_of(call, name)
    try:
        manifest: dict[str, Any] = json.loads(text)
        missing = [digest for digest in _blobs(manifest) if digest not in repository.layers]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        raise ServiceError("InvalidParameterException", message) from error
    digest = digest_of(text)
    if call.params.get("imageDigest") not in (None, digest):
        message = f"The image digest '{call.params['imageDigest']}' is not that of the manifest, '{digest}'"
        raise ServiceError("ImageDigestDoesNotMatchException", message)
    if missing:
        message = f"Layers with digests '{', '.join(missing)}' required for pushing image do not exist in '{name}'"
        raise ServiceError("LayersNotFoundException", message)
    for child in manifest.get("manifests", ()):
        if not any(image.image_digest == child["digest"] for image in repository.images):
            message = f"Images with digests '{child['digest']}' required for pushing image do not exist in '{name}'"
            raise ServiceError("ReferencedImagesNotFoundException", message)
    there = next((image for image in repository.images if image.image_digest == digest), None)
    if there is not None and (tag is None or tag in there.image_tags):
        message = f"Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}'"
        raise ServiceError("ImageAlreadyExistsException", message)
    answer = call.forward({**call.params, "imageDigest": digest})
    if there is None and (repository.image_scanning_configuration or {}).get("scanOnPush"):
        scan(call, name, digest, manifest)
    return answer


@operation("ecr", "DescribeImages")
def describe_images(call: Call) -> dict[str, Any]:
    """What moto leaves out: sizes, what an artifact is and belongs to, and the findings."""
    answer = call.forward()
    repository = repository_of(call, call.params["repositoryName"])
    images = {image.image_digest: image for image in repository.images}
    for detail in answer.get("imageDetails", ()):
        manifest = manifest_of(images[detail["imageDigest"]])
        described = [manifest.get("config"), *manifest.get("layers", ())]
        detail["imageSizeInBytes"] = sum(each["size"] for each in described if each)
        if kind := artifact_type(manifest):
            detail["artifactMediaType"] = kind
        if subject := manifest.get("subject"):
            detail["subjectManifestDigest"] = subject["digest"]
        detail |= summary_of(call, detail["repositoryName"], detail["imageDigest"])
    return answer


@operation("ecr", "ListImageReferrers")
def list_image_referrers(call: Call) -> dict[str, Any]:
    """What was attached to an image: manifests whose subject it is."""
    repository, subject = repository_of(call, call.params["repositoryName"]), call.params["subjectId"]["imageDigest"]
    wanted = (call.params.get("filter") or {}).get("artifactTypes") or []
    found = [
        {
            "digest": image.image_digest,
            "mediaType": image.image_manifest_media_type or manifest.get("mediaType", OCI_MANIFEST),
            "artifactType": artifact_type(manifest),
            "size": len(image.image_manifest.encode()),
            "annotations": manifest.get("annotations") or {},
            "artifactStatus": "ACTIVE",
        }
        for image in repository.images
        if (manifest := manifest_of(image)).get("subject", {}).get("digest") == subject
    ]
    return {"referrers": [each for each in found if not wanted or each["artifactType"] in wanted]}


def artifact_type(manifest: dict[str, Any]) -> str:
    """What an artifact is: its type, or its configuration's, as the OCI image specification 1.1 has it."""
    return manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType", "")
