"""The protocol's paths: what each is for, and what the GETs among them answer."""

import re
from dataclasses import dataclass
from typing import Any

from ml.serving.errors import RequestError
from ml.serving.model import ServedModel
from ml.serving.open_inference.metadata import EXTENSIONS, model_metadata
from ml.serving.settings import Settings

SERVER = "groundwork"
SERVER_VERSION = "0.1.0"
"""That of pyproject.toml: the serving image has no installed package to ask."""
_SERVER_PATHS = ("/v2", "/v2/health/live", "/v2/health/ready")
_MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<verb>ready|infer))?")


@dataclass(frozen=True)
class Path:
    """A path of the protocol. verb: what is asked of the model (`infer`, `ready`, `` for its metadata); None of the
    server."""

    text: str
    verb: str | None

    @property
    def method(self) -> str:
        """The method that it takes."""
        return "POST" if self.verb == "infer" else "GET"


def find_path(text: str, settings: Settings) -> Path:
    """The path, if it is one of this server and its one model. Raises RequestError 404."""
    text = text.rstrip("/")
    if text in _SERVER_PATHS:
        return Path(text, None)
    found = _MODEL.fullmatch(text)
    if found is None:
        raise RequestError(404, "ENDPOINT_NOT_FOUND", f"The protocol has no {text}.")
    if found["name"] != settings.model_name:
        message = f"There is no model {found['name']!r}; this server has {settings.model_name!r}."
        raise RequestError(404, "RESOURCE_DOES_NOT_EXIST", message)
    if found["version"] is not None and found["version"] != settings.model_version:
        has = f"version {settings.model_version!r}" if settings.model_version else "no versions"
        message = f"Model {found['name']!r} has no version {found['version']!r}; it has {has}."
        raise RequestError(404, "RESOURCE_DOES_NOT_EXIST", message)
    return Path(text, found["verb"] or "")


def describe(path: Path, settings: Settings, model: ServedModel | None, status: str) -> tuple[int, dict[str, Any]]:
    """Status and document that a GET is answered with. status: `ready`, `loading` or `draining`."""
    ready = status == "ready"
    if path.verb == "ready":
        return 200 if ready else 503, {"name": settings.model_name, "ready": ready}
    if path.verb is not None:
        if model is None:
            return 503, {"error": "The model is still being loaded."}
        return 200, model_metadata(model.metadata, settings.model_name, settings.model_version)
    if path.text.endswith("/live"):
        return 200, {"live": True}
    if path.text.endswith("/ready"):
        return 200 if ready else 503, {"live": True, "ready": ready}
    return 200, {"name": SERVER, "version": SERVER_VERSION, "extensions": list(EXTENSIONS)}


def error_document(error: RequestError, request_id: str) -> dict[str, Any]:
    """An error as the protocol has it; its clients read nothing else, so the id stands in the header alone."""
    return {"error": error.message}
