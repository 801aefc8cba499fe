"""The images that a build has made, in files of its own home."""

import json
from pathlib import Path

from local.container_engine.errors import EngineError
from local.container_engine.image import digest_of


class Images:
    """References (`host/name:tag`) to manifests, and blobs by digest."""

    def __init__(self, home: Path):
        self._folder = home / ".container-engine"
        (self._folder / "blobs").mkdir(parents=True, exist_ok=True)
        self._index = self._folder / "index.json"

    def add(self, references: list[str], manifest: bytes, blobs: dict[str, bytes]) -> None:
        """Keep an image under these references."""
        for blob in (manifest, *blobs.values()):
            self._file(digest_of(blob)).write_bytes(blob)
        self._write(self._references() | {reference: digest_of(manifest) for reference in references})

    def manifest(self, reference: str) -> bytes:
        """The manifest of a reference. Raises EngineError."""
        digest = self._references().get(reference)
        if digest is None:
            raise EngineError(f"No such image: {reference}")
        return self.blob(digest)

    def blob(self, digest: str) -> bytes:
        """A blob's bytes."""
        return self._file(digest).read_bytes()

    def hosts(self) -> list[str]:
        """Registries that were logged in to."""
        file = self._folder / "hosts.json"
        return json.loads(file.read_text()) if file.exists() else []

    def log_in(self, host: str) -> None:
        """Remember a registry. No password is kept."""
        (self._folder / "hosts.json").write_text(json.dumps([*self.hosts(), host]))

    def _references(self) -> dict[str, str]:
        return json.loads(self._index.read_text()) if self._index.exists() else {}

    def _write(self, references: dict[str, str]) -> None:
        self._index.write_text(json.dumps(references))

    def _file(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "-")
