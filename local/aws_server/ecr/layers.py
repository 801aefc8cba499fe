"""Layers: their bytes are kept by digest, so that what was pushed can be read back.

moto counts the bytes of a layer and forgets them; and it keeps the parts of an upload in the state that is written with
every call. Here the parts and the layers are files.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote

from moto.ecr.models import ecr_backends

from local.aws_server.operations import Call, RawResponse, Server, ServiceError, on_start, operation

PART_BYTES = 20 * 1024 * 1024
"""What InitiateLayerUpload says that a part should have
(https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html)."""
GRANT_S = 3600
"""Seconds that a download address counts."""
PAGE = "/_groundwork/ecr/layer"
_grants: dict[str, tuple[Path, float]] = {}


def repository_of(call: Call, name: str) -> Any:
    """moto's record of a repository; raises RepositoryNotFoundException."""
    repository = ecr_backends[call.account_id][call.region].repositories.get(name)
    if repository is None:
        registry = call.params.get("registryId") or call.account_id
        message = f"The repository with name '{name}' does not exist in the registry with id '{registry}'"
        raise ServiceError("RepositoryNotFoundException", message)
    return repository


def layer_file(server: Server, digest: str) -> Path:
    """Where the bytes of a layer lie; two repositories with the same layer share them."""
    return server.settings.state_dir / "ecr" / "layers" / digest.replace(":", "-")


def _upload_file(call: Call) -> Path:
    upload_id = call.params["uploadId"]
    folder = call.server.settings.state_dir / "ecr" / "uploads"
    file = folder / f"{call.params['repositoryName'].replace('/', '~')}~{upload_id}"
    if not re.fullmatch(r"[0-9a-f]{32}", upload_id) or not file.exists():
        message = f"The upload with id '{upload_id}' in the repository '{call.params['repositoryName']}' does not exist"
        raise ServiceError("UploadNotFoundException", message)
    return file


@operation("ecr", "InitiateLayerUpload")
def initiate_layer_upload(call: Call) -> dict[str, Any]:
    repository_of(call, call.params["repositoryName"])
    folder = call.server.settings.state_dir / "ecr" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    upload_id = secrets.token_hex(16)
    (folder / f"{call.params['repositoryName'].replace('/', '~')}~{upload_id}").touch()
    return {"uploadId": upload_id, "partSize": PART_BYTES}


@operation("ecr", "UploadLayerPart")
def upload_layer_part(call: Call) -> dict[str, Any]:
    """Parts come in order, and have the bytes that they say."""
    file = _upload_file(call)
    body: bytes = call.params["layerPartBlob"]
    first, last = call.params["partFirstByte"], call.params["partLastByte"]
    if first != file.stat().st_size or last - first + 1 != len(body):
        message = f"The layer part of bytes {first} to {last} does not follow byte {file.stat().st_size - 1}"
        raise ServiceError("InvalidLayerPartException", message)
    with file.open("ab") as stream:
        stream.write(body)
    return {
        "registryId": call.account_id,
        "repositoryName": call.params["repositoryName"],
        "uploadId": call.params["uploadId"],
        "lastByteReceived": last,
    }


@operation("ecr", "CompleteLayerUpload")
def complete_layer_upload(call: Call) -> dict[str, Any]:
    """The digest must be that of the bytes; a layer that is there already is refused, as on AWS."""
    file = _upload_file(call)
    with file.open("rb") as stream:
        digest = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    if digest not in call.params["layerDigests"]:
        message = f"The layer's bytes have the digest {digest} and not {', '.join(call.params['layerDigests'])}"
        raise ServiceError("InvalidLayerException", message)
    repository = repository_of(call, call.params["repositoryName"])
    if digest in repository.layers and layer_file(call.server, digest).exists():
        file.unlink()
        raise ServiceError("LayerAlreadyExistsException", f"Layer with digest '{digest}' already exists")
    target = layer_file(call.server, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    size = file.stat().st_size
    # The bytes are there before anything names them.
    file.replace(target)
    with call.server.changing("ecr"):
        repository_of(call, call.params["repositoryName"]).layers[digest] = size
    return {
        "registryId": call.account_id,
        "repositoryName": call.params["repositoryName"],
        "uploadId": call.params["uploadId"],
        "layerDigest": digest,
    }


@operation("ecr", "GetDownloadUrlForLayer")
def get_download_url_for_layer(call: Call) -> dict[str, Any]:
    """An address that needs no signature and counts for an hour, as AWS's."""
    digest = call.params["layerDigest"]
    repository = repository_of(call, call.params["repositoryName"])
    file = layer_file(call.server, digest)
    if digest not in repository.layers or not file.exists():
        raise ServiceError("LayersNotFoundException", f"Layer with digest '{digest}' does not exist")
    token = secrets.token_urlsafe(24)
    _grants[token] = (file, time.time() + GRANT_S)
    return {"downloadUrl": f"{call.server.settings.url}{PAGE}?grant={quote(token)}", "layerDigest": digest}


@on_start
def start(server: Server) -> None:
    """Serves the addresses, and forgets uploads that an earlier server did not see completed."""
    pages: dict[str, Any] = getattr(server, "pages", {})
    pages[PAGE] = download
    for file in (server.settings.state_dir / "ecr" / "uploads").glob("*"):
        file.unlink()


def download(server: Server, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """GET: the bytes of a layer."""
    token = "".join(parse_qs(cast(str, environ.get("QUERY_STRING", ""))).get("grant", []))
    file, until = _grants.get(token, (None, 0.0))
    if file is None or time.time() > until:
        return RawResponse(403, {"Content-Type": "text/plain"}, b"The address has expired.\n")
    return RawResponse(200, {"Content-Type": "application/octet-stream"}, file.read_bytes())
