"""Pushes an image: layers that are missing, then the manifest, by ECR's own API."""

import json
import re
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local.container_engine.errors import EngineError
from local.container_engine.image import digest_of
from local.container_engine.store import Images

_REFERENCE = re.compile(r"(?P<host>[^/]+)/(?P<name>[^:@]+):(?P<tag>[\w.-]+)")


def push(reference: str, images: Images) -> None:
    """Push a reference to the registry in its name. Raises EngineError with what the registry says."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise EngineError(f"push: {reference} is no HOST/NAME:TAG")
    if match["host"] not in images.hosts():
        raise EngineError(f"push: no basic auth credentials for {match['host']}: log in first")
    manifest = images.manifest(reference)
    document = json.loads(manifest)
    ecr: Any = boto3.client("ecr")  # pyright: ignore[reportUnknownMemberType]
    try:
        digests = list(dict.fromkeys([document["config"]["digest"], *(one["digest"] for one in document["layers"])]))
        answer = ecr.batch_check_layer_availability(repositoryName=match["name"], layerDigests=digests)
        there = {layer["layerDigest"] for layer in answer["layers"]}
        for digest in digests:
            print(f"{digest[7:19]}: {'Layer already exists' if digest in there else 'Pushed'}", flush=True)
            if digest not in there:
                _upload(ecr, match["name"], digest, images.blob(digest))
        ecr.put_image(
            repositoryName=match["name"],
            imageManifest=manifest.decode(),
            imageManifestMediaType=document["mediaType"],
            imageTag=match["tag"],
        )
    except ClientError as error:
        raise EngineError(f"push: {error}") from error
    print(f"{match['tag']}: digest: {digest_of(manifest)} size: {len(manifest)}")


def _upload(ecr: Any, repository: str, digest: str, blob: bytes) -> None:
    started = ecr.initiate_layer_upload(repositoryName=repository)
    for first in range(0, len(blob), started["partSize"]):
        part = blob[first : first + started["partSize"]]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=started["uploadId"],
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    ecr.complete_layer_upload(repositoryName=repository, uploadId=started["uploadId"], layerDigests=[digest])
