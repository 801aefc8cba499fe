"""A packaged model, loaded in this process to be asked about rows that an endpoint has answered."""

import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import MlError
from ml.serving.errors import ModelLoadError
from ml.serving.model import ServedModel, load_model
from ml.watch.files import here


class UnattributedError(MlError):
    """Attributions that cannot be had; the text says why."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """place: of its archive. digest: SHA-256 of that, in hex. folder: what it may still read from, gone with this."""

    model: ServedModel
    place: str
    digest: str
    folder: "tempfile.TemporaryDirectory[str]"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it asks for; none where it does not name them."""
        return self.model.schema.names if self.model.schema else ()


def load(s3: Any, place: str, called: str = "") -> LoadedModel:
    """The model of a model.tar.gz. place: a path, or s3://bucket/key. called: what it is known as; `place` without it.

    Raises NotFoundError where there is none, and UnattributedError where it does not load.
    """
    called = called or place
    folder = tempfile.TemporaryDirectory(prefix="ml-watch-model-")
    with here(s3, place) as archive:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder.name, filter="data")
            return LoadedModel(model=load_model(Path(folder.name)), place=called, digest=digest, folder=folder)
        except (tarfile.TarError, OSError) as error:
            raise UnattributedError(f"{called} is no model.tar.gz: {error}") from error
        except ModelLoadError as error:
            raise UnattributedError(f"{called}: {str(error).replace(folder.name, 'it')}") from error
