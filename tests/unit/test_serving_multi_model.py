"""The inference server's side of SageMaker's contract for several models."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ml.serving import multi_model
from ml.serving.errors import ModelLoadError
from ml.serving.multi_model import MultiModelApp
from ml.serving.settings import Settings

pytestmark = pytest.mark.unit


class Model:
    """What a load gives: a model without personal columns."""

    masker = None

    def __init__(self, path: Path) -> None:
        self.path = path


def load(folder: Path) -> tuple[Any, None]:
    if folder.name == "large":
        raise MemoryError
    if folder.name == "broken":
        raise ModelLoadError(f"{folder} holds no MLflow model")
    return Model(folder), None


class Client:
    """Asks an application without a server."""

    def __init__(self, app: MultiModelApp) -> None:
        self.app = app

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": []}
        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])

    def load(self, name: str, folder: str = "good") -> int:
        return self.ask("POST", "/models", json.dumps({"model_name": name, "url": f"/models/{folder}"}).encode())[0]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(multi_model, "_loaded", load)
    app = MultiModelApp(Settings(model_dir=Path("/none"), multi_model=True, max_models=2))
    app.start()
    return Client(app)


def test_models_are_loaded_listed_and_unloaded_by_name(client: Client) -> None:
    assert client.ask("GET", "/ping") == (200, {"status": "ready"})
    assert client.load("a") == 200
    shown = {"modelName": "a", "modelUrl": "/models/good"}
    assert client.ask("GET", "/models") == (200, {"models": [shown]})
    assert client.ask("GET", "/models/a") == (200, shown)
    assert client.load("a") == 409
    assert client.ask("DELETE", "/models/a")[0] == 200
    assert client.ask("GET", "/models") == (200, {"models": []})


def test_what_finds_no_room_is_told_so_and_room_can_be_made(client: Client) -> None:
    assert client.load("large", "large") == 507
    assert [client.load(name) for name in ("a", "b", "c")] == [200, 200, 507]
    client.ask("DELETE", "/models/a")
    assert client.load("c") == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/models/x"), ("DELETE", "/models/x"), ("POST", "/models/x/invoke"), ("GET", "/x")]
)
def test_what_is_not_loaded_is_not_found(client: Client, method: str, path: str) -> None:
    assert client.ask(method, path)[0] == 404


def test_a_request_to_load_that_says_too_little_or_names_no_model_is_an_error(client: Client) -> None:
    assert client.ask("POST", "/models", b"{}")[0] == 400
    assert client.ask("POST", "/models", b'{"model_name": "a/b", "url": "/x"}')[0] == 400
    status, document = client.ask("POST", "/models", b'{"model_name": "a", "url": "/models/broken"}')
    assert (status, document["message"]) == (500, "/models/broken holds no MLflow model")
