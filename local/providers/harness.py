"""A spawned provider plugin, driven as the engine drives it."""

import configparser
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from local.providers.stubs import provider_pb2, provider_pb2_grpc
from local.providers.values import from_struct, to_struct
from local.supervisor.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class ProviderError(Exception):
    """A request failed; `init_failed` tells of the resource that exists nevertheless."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.details())
        self.init_failed: Any = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                from local.providers.stubs import status_pb2

                status = status_pb2.Status.FromString(value)
                self.init_failed = provider_pb2.ErrorResourceInitFailed()
                status.details[0].Unpack(self.init_failed)


@dataclass
class Live:
    """A resource as the engine's state file holds it."""

    type: str
    name: str
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return f"urn:pulumi:test::groundwork::groundwork:test:Parent${self.type}::{self.name}"


class Plugin:
    """One plugin process. Each method is one request of the engine's."""

    module = "local.providers.aws"

    def __init__(self, environment: Mapping[str, str], configuration: Mapping[str, Any] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, "127.0.0.1:1"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.created: list[Live] = []
        self.configure(configuration or {})

    def close(self) -> None:
        self.channel.close()
        self.process.terminate()
        self.process.wait(10)

    def _ask(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=120)
        except grpc.RpcError as error:
            raise ProviderError(error) from None

    def configure(self, configuration: Mapping[str, Any]) -> None:
        self._ask("Configure", provider_pb2.ConfigureRequest(args=to_struct(configuration)))

    def check(self, resource: Live, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answer = self._ask(
            "Check",
            provider_pb2.CheckRequest(
                urn=resource.urn, olds=to_struct(resource.inputs), news=to_struct(inputs), randomSeed=os.urandom(32)
            ),
        )
        return from_struct(answer.inputs), [(each.property, each.reason) for each in answer.failures]

    def checked(self, resource: Live, inputs: Mapping[str, Any]) -> dict[str, Any]:
        result, failures = self.check(resource, inputs)
        assert not failures, failures
        return result

    def diff(self, resource: Live, news: Mapping[str, Any]) -> Any:
        return self._ask(
            "Diff",
            provider_pb2.DiffRequest(
                id=resource.id,
                urn=resource.urn,
                olds=to_struct(resource.state),
                old_inputs=to_struct(resource.inputs),
                news=to_struct(news),
            ),
        )

    def create(self, type_: str, name: str, inputs: Mapping[str, Any]) -> Live:
        resource = Live(type_, name)
        news = self.checked(resource, inputs)
        answer = self._ask("Create", provider_pb2.CreateRequest(urn=resource.urn, properties=to_struct(news)))
        resource.id, resource.inputs, resource.state = answer.id, news, from_struct(answer.properties)
        self.created.append(resource)
        return resource

    def forget(self, name: str) -> list[Live]:
        """The resources of this name that were created here, newest first; asked for once."""
        found = [live for live in reversed(self.created) if live.name == name]
        self.created = [live for live in self.created if live.name != name]
        return found

    def preview_create(self, type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        resource = Live(type_, name)
        news = self.checked(resource, inputs)
        request = provider_pb2.CreateRequest(urn=resource.urn, properties=to_struct(news), preview=True)
        return from_struct(self._ask("Create", request).properties)

    def update(self, resource: Live, inputs: Mapping[str, Any]) -> None:
        news = self.checked(resource, inputs)
        answer = self._ask(
            "Update",
            provider_pb2.UpdateRequest(
                id=resource.id,
                urn=resource.urn,
                olds=to_struct(resource.state),
                old_inputs=to_struct(resource.inputs),
                news=to_struct(news),
            ),
        )
        resource.inputs, resource.state = news, from_struct(answer.properties)

    def read(self, resource: Live) -> Live | None:
        answer = self._ask(
            "Read",
            provider_pb2.ReadRequest(
                id=resource.id,
                urn=resource.urn,
                properties=to_struct(resource.state),
                inputs=to_struct(resource.inputs),
            ),
        )
        if not answer.id:
            return None
        return Live(resource.type, resource.name, answer.id, from_struct(answer.inputs), from_struct(answer.properties))

    def delete(self, resource: Live) -> None:
        self._ask(
            "Delete",
            provider_pb2.DeleteRequest(id=resource.id, urn=resource.urn, properties=to_struct(resource.state)),
        )

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._ask("Invoke", provider_pb2.InvokeRequest(tok=token, args=to_struct(arguments)))
        return from_struct(getattr(answer, "return"))


class AwsServer:
    """The local stack's AWS server with a state of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_PROFILE": "groundwork-local",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "AwsServer":
        log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "local.aws_server", "--port", str(self.port)),
                *("--state-dir", str(self.folder / "state"), "--run-dir", str(self.folder)),
                *("--aws-config", self.environment["AWS_CONFIG_FILE"]),
                *("--aws-credentials", self.environment["AWS_SHARED_CREDENTIALS_FILE"]),
            ],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_groundwork/health", timeout=5):  # noqa: S310  (our own)
                    return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    text = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"The AWS server did not start:\n{text[-3000:]}") from None
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """One call of somebody else's: boto3's client method `operation` of `service`."""
        import boto3

        keys = configparser.ConfigParser()
        keys.read(self.environment["AWS_SHARED_CREDENTIALS_FILE"])
        section = keys["groundwork-local"]
        client = boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=section["aws_access_key_id"],
            aws_secret_access_key=section["aws_secret_access_key"],
        )
        return getattr(client, operation)(**params)
