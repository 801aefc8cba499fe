"""An environment to look at, whose AWS answers as a test says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from infra.settings import parse
from operations.doctor.finding import Finding
from operations.doctor.subject import Identity, Subject
from operations.environments import OperatedEnvironment
from tests.unit.shipped import ACCOUNT, settings_of

DEPLOYER = f"arn:aws:sts::{ACCOUNT}:assumed-role/groundwork-deployer/me"


def refused(code: str, operation: str = "Operation", headers: Mapping[str, str] | None = None) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "No."},
        "ResponseMetadata": {"HTTPHeaders": dict(headers or {})},
    }
    return ClientError(response, operation)


class FakeClient:
    """Answers each operation with a document, with what a function makes of the request, or with an error."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            answer = self.answers[name]
            answer = answer(**request) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, name: str) -> Any:
        class Paginator:
            @staticmethod
            def paginate(**request: Any) -> list[Any]:
                return [getattr(self, name)(**request)]

        return Paginator


class FakeSession:
    region_name = "us-east-1"

    def __init__(self, **services: Mapping[str, Any]) -> None:
        self.services = {name.replace("_", "-"): FakeClient(answers) for name, answers in services.items()}

    def client(self, service: str, **_: Any) -> FakeClient:
        return self.services[service]


def environment(folder: Path = Path("/nowhere"), **given: Any) -> OperatedEnvironment:
    values: dict[str, Any] = {
        "name": "dev",
        "profile": "groundwork-dev",
        "account_id": ACCOUNT,
        "region": "us-east-1",
        "backend": None,
        "secrets_provider": None,
        "checkout": folder,
    }
    return OperatedEnvironment(**values | given)


def subject(
    *,
    like: str = "dev",
    change: Mapping[str, Any] | None = None,
    instead: Mapping[str, Any] | None = None,
    arn: str = DEPLOYER,
    env: OperatedEnvironment | None = None,
    **services: Mapping[str, Any],
) -> Subject:
    """An environment with the settings that ship: `change` changes sections, `instead` replaces them."""
    raw = settings_of(like)
    for key, value in (change or {}).items():
        raw[key] = {**raw.get(key, {}), **value} if isinstance(value, dict) else value
    raw |= instead or {}
    if "nodePools" in (change or {}):
        # Quotas that fit pools of any size.
        raw["teams"] = [{"name": team["name"]} for team in raw["teams"]]
    return Subject(
        env=env or environment(),
        settings=parse("dev", raw),
        session=FakeSession(**services),
        identity=Identity(account=ACCOUNT, arn=arn),
    )


def write_settings(folder: Path, change: Mapping[str, Any] | None = None) -> None:
    config = {f"groundwork:{key}": value for key, value in {**settings_of("dev"), **(change or {})}.items()}
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))


def one(findings: Any) -> Finding:
    """The only finding."""
    found = list(findings)
    assert len(found) == 1, found
    return found[0]
