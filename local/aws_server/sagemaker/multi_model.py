"""Multi-model endpoints: a model is fetched from S3 at its first call, and loaded into the process that has the call.

The container's contract: https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html. What finds no room
(507) makes the process unload what it has not been asked for longest:
https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

import hashlib
import json
import shutil
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.files import DataError
from local.aws_server.sagemaker.fleet import Fleet, Variant
from local.aws_server.sagemaker.instance import Instance, Reply
from local.aws_server.sagemaker.model_server import MODELS, fetch_archive, models_root
from local.aws_server.sagemaker.plane import Plane

MODE = "MultiModel"
LOAD_TIMEOUT_S = 60.0
NOT_FOUND, CONFLICT, NO_ROOM = 404, 409, 507
Metric = Callable[[str, float], None]


def is_multi_model(fleet: Fleet, variant: Variant) -> bool:
    """Whether a variant's container serves the models below a prefix."""
    return fleet.deployment.containers.get(variant.name, {}).get("Mode") == MODE


class MultiModel:
    """What is fetched for each variant, and what each process of it has loaded, least recently asked first."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._loaded: WeakKeyDictionary[Instance, tuple[int, OrderedDict[str, None]]] = WeakKeyDictionary()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def ask(
        self,
        region: str,
        target: str,
        request: Callable[[str], bytes],
        metric: Metric,
    ) -> Callable[[Fleet, Variant, Instance, float], Reply]:
        """What sends a request for a model to an instance, loading the model first where it is not.

        target: the model's key below the prefix. request: makes the HTTP request for a path. metric: is told
        ModelCacheHit, and of what was not loaded ModelLoadingWaitTime in microseconds. The function raises ServiceError
        where there is no such model, and what Instance.exchange raises.
        """
        name = hashlib.sha256(target.encode()).hexdigest()[:32]

        def send(fleet: Fleet, variant: Variant, instance: Instance, timeout_s: float) -> Reply:
            hit = True
            began = time.monotonic()
            for _ in range(2):
                if not self._has(instance, name):
                    hit = False
                    if (refusal := self._load(region, fleet, variant, instance, target, name)) is not None:
                        return refusal
                waited = time.monotonic() - began
                reply = instance.exchange(request(f"/models/{name}/invoke"), timeout_s)
                if reply.status != NOT_FOUND:
                    break
                # The process unloaded it by itself, or is a new one.
                self._forget(instance, name)
            metric("ModelCacheHit", float(hit))
            if not hit:
                metric("ModelLoadingWaitTime", waited * 1_000_000)
            return reply

        return send

    def _models_of(self, instance: Instance) -> OrderedDict[str, None]:
        """What an instance has; a process that was started again, on another port, has nothing."""
        port, models = self._loaded.get(instance, (0, OrderedDict[str, None]()))
        if port != instance.port:
            models = OrderedDict[str, None]()
            self._loaded[instance] = (instance.port, models)
        return models

    def _has(self, instance: Instance, name: str) -> bool:
        with self._lock:
            models = self._models_of(instance)
            if name in models:
                models.move_to_end(name)
            return name in models

    def _forget(self, instance: Instance, name: str) -> None:
        with self._lock:
            self._models_of(instance).pop(name, None)

    def _load(
        self, region: str, fleet: Fleet, variant: Variant, instance: Instance, target: str, name: str
    ) -> Reply | None:
        """Load a model; the container's refusal where it does not."""
        folder = Path(fleet.deployment.folder) / variant.name
        with self._locks[f"{folder}/{name}"]:
            self._fetch(region, fleet, variant, folder, target, name)
        url = f"{models_root(folder / MODELS)}/{name}/model"
        body = json.dumps({"model_name": name, "url": url}).encode()
        with self._locks[instance.identity]:
            if self._has(instance, name):
                return None
            while True:
                reply = instance.exchange(_request("POST", "/models", body), LOAD_TIMEOUT_S)
                if reply.status // 100 == 2 or reply.status == CONFLICT:
                    with self._lock:
                        self._models_of(instance)[name] = None
                    return None
                with self._lock:
                    models = self._models_of(instance)
                    oldest = next(iter(models), None)
                    if reply.status != NO_ROOM or oldest is None:
                        return reply
                    del models[oldest]
                instance.exchange(_request("DELETE", f"/models/{oldest}"), LOAD_TIMEOUT_S)

    def _fetch(self, region: str, fleet: Fleet, variant: Variant, folder: Path, target: str, name: str) -> None:
        place = folder / MODELS / name
        if (place / "model").is_dir():
            return
        container: dict[str, Any] = fleet.deployment.containers[variant.name]
        uri = f"{container['ModelDataUrl'].rstrip('/')}/{target.lstrip('/')}"
        shutil.rmtree(place, ignore_errors=True)
        fetched = place / "fetched"
        try:
            fetch_archive(self._plane, region, container, uri, fetched)
        except DataError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise ServiceError("ValidationError", f"Failed to download the model {target}: {error}") from error
        fetched.rename(place / "model")


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
