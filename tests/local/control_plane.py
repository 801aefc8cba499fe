"""A Kubernetes control plane of a test's own, and a stand-in for the AWS server that its webhooks ask."""

import base64
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.acquire.acquire import find
from local.acquire.tools import ETCD, KUBERNETES
from local.kubernetes.api import ApiClient, Endpoint
from local.kubernetes.certificates import ControlPlaneFiles
from local.kubernetes.configuration import AUTHENTICATE_PATH, AUTHORIZE_PATH
from local.kubernetes.services import ControlPlaneBinaries, api_server_url, control_plane_services
from local.paths import Paths
from local.supervisor.ports import Ports
from local.supervisor.spec import ServiceSpec


@dataclass
class Webhooks:
    """What the stand-in answers, and what it was asked: users by token, and rights as (user, verb, resource)."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    allowed: set[tuple[str, str, str]] = field(default_factory=set)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, review: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(review)
        spec = review["spec"]
        if path == AUTHENTICATE_PATH:
            user = self.users.get(spec["token"])
            return {**review, "status": {"authenticated": True, "user": user} if user else {"authenticated": False}}
        assert path == AUTHORIZE_PATH
        wanted = spec.get("resourceAttributes") or {}
        return {
            **review,
            "status": {"allowed": (spec["user"], wanted.get("verb"), wanted.get("resource")) in self.allowed},
        }


@dataclass(frozen=True)
class ControlPlane:
    """A running one. admin: a client that may do everything; files: its certificates."""

    url: str
    files: ControlPlaneFiles
    admin: ApiClient
    webhooks: Webhooks
    etcd_port: int

    def client(self, token: str | None) -> ApiClient:
        """A client that shows a bearer token, or nothing at all."""
        endpoint = Endpoint(server=self.url, certificate_authority=self.files.authority.certificate)
        return ApiClient(endpoint, (lambda _: token) if token else None)

    def kubeconfig(self, user: Mapping[str, Any] | None = None, namespace: str | None = None) -> str:
        """A kubeconfig for the admin certificate, or for another user entry."""
        pair = self.files.admin
        admin = {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.files.authority.certificate)}
        context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": dict(user or admin)}],
                "contexts": [{"name": "x", "context": context}],
                "current-context": "x",
            }
        )


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def control_plane_binaries() -> ControlPlaneBinaries:
    """The acquired programs; fails with what to run where they are missing."""
    etcd, kubernetes = find(ETCD, ("path",)), find(KUBERNETES, ("path",))
    if etcd is None or kubernetes is None:
        raise AssertionError("etcd and kube-apiserver are not there yet: `make local` brings them")
    return ControlPlaneBinaries(
        etcd=etcd.program("etcd"),
        kube_apiserver=kubernetes.program("kube-apiserver"),
        kube_controller_manager=kubernetes.program("kube-controller-manager"),
    )


@contextmanager
def running_control_plane(folder: Path) -> Generator[ControlPlane]:
    """Starts the three processes under `folder`, and ends them."""
    paths, webhooks = Paths(folder), Webhooks()
    paths.logs.mkdir(parents=True)
    with ExitStack() as stack:
        server = _webhook_server(webhooks)
        stack.callback(server.shutdown)
        ports = _free_ports(aws=server.server_address[1])
        for service in control_plane_services(paths, ports, control_plane_binaries()):
            process = subprocess.Popen(
                service.command, stdout=service.log_file.open("ab"), stderr=subprocess.STDOUT, start_new_session=True
            )
            stack.callback(_end, process)
            _wait_until(lambda s=service, p=process: _is_healthy(s, p), service.start_timeout_s)
        files = ControlPlaneFiles(paths.kubernetes)
        admin = ApiClient(
            Endpoint(
                server=api_server_url(ports),
                certificate_authority=files.authority.certificate,
                client_certificate=(files.admin.certificate, files.admin.key),
            )
        )
        yield ControlPlane(api_server_url(ports), files, admin, webhooks, ports.etcd)


def _free_ports(aws: int) -> Ports:
    names = ("kubernetes", "etcd", "etcd_peer", "controller_manager", "mlflow")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(aws=aws, **{name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)})


def _webhook_server(webhooks: Webhooks) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(webhooks.answer(self.path.partition("?")[0], review)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _is_healthy(service: ServiceSpec, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"{service.name} ended:\n{service.log_file.read_text()[-3000:]}"
    try:
        if callable(service.health):
            return service.health()
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(service.health, context=context, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait(5)
