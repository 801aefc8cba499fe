"""Images as the Docker image format 2.2 has them: a configuration, layers, and a manifest that names both by digest.

SageMaker takes this manifest and neither OCI's nor an index (https://github.com/aws/amazon-sagemaker-feedback/issues/180).
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class File(NamedTuple):
    """A file of an image."""

    content: bytes
    mode: int


@dataclass
class Contents:
    """What is known of a stage: files that COPY put there, its layers, its configuration. base: the image below."""

    base: str
    files: dict[str, File] = field(default_factory=dict[str, File])
    layers: list[bytes] = field(default_factory=list[bytes])
    diffs: list[str] = field(default_factory=list[str])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    values: dict[str, str] = field(default_factory=dict[str, str])

    def add_layer(self, created_by: str, files: Mapping[str, File]) -> None:
        """A layer of files. The same files are the same bytes."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(files):
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(files[path].content), files[path].mode
                tar.addfile(entry, io.BytesIO(files[path].content))
        raw = buffer.getvalue()
        self.files |= files
        self.layers.append(gzip.compress(raw, compresslevel=6, mtime=0))
        self.diffs.append(digest_of(raw))
        self.history.append({"created_by": created_by})

    def note(self, created_by: str) -> None:
        """A step that adds no files."""
        self.history.append({"created_by": created_by, "empty_layer": True})


def digest_of(content: bytes) -> str:
    """`sha256:` and the hexadecimal digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def written(contents: Contents, labels: Mapping[str, str]) -> tuple[bytes, dict[str, bytes]]:
    """The manifest of an image, and its blobs by digest."""
    all_labels = {
        **contents.config.get("Labels", {}),
        **labels,
        "org.opencontainers.image.base.name": contents.base,
        "groundwork.local.engine": "stand-in: RUN was not executed, the base image not pulled",
    }
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {**contents.config, "Labels": all_labels},
            "rootfs": {"type": "layers", "diff_ids": contents.diffs},
            "history": [{"created": "1970-01-01T00:00:00Z", **step} for step in contents.history],
        },
        sort_keys=True,
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": digest_of(config)},
            "layers": [
                {"mediaType": LAYER, "size": len(layer), "digest": digest_of(layer)} for layer in contents.layers
            ],
        },
        indent=2,
    ).encode()
    return manifest, {digest_of(blob): blob for blob in (config, *contents.layers)}
