"""Images in a test's registry: pushed as a client pushes them, with one empty layer."""

import gzip
import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError


def push(ecr: Any, repository: str, tag: str) -> str:
    """Make the repository if need be, and put an image under a tag; returns its digest."""
    try:
        ecr.create_repository(
            repositoryName=repository,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "RepositoryAlreadyExistsException":
            raise
    config, layer = json.dumps({"tag": tag}).encode(), gzip.compress(bytes(1024), mtime=0)
    docker = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{docker}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{docker}.container.image.v1+json", **_upload(ecr, repository, config)},
        "layers": [{"mediaType": f"{docker}.image.rootfs.diff.tar.gzip", **_upload(ecr, repository, layer)}],
    }
    answer = ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
    return answer["image"]["imageId"]["imageDigest"]


def _upload(ecr: Any, repository: str, blob: bytes) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()
    if not ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[digest])["layers"]:
        started = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=started,
            partFirstByte=0,
            partLastByte=len(blob) - 1,
            layerPartBlob=blob,
        )
        ecr.complete_layer_upload(repositoryName=repository, uploadId=started, layerDigests=[digest])
    return {"digest": digest, "size": len(blob)}
