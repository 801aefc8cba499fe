"""Grafana's objects against the genuine API server, with strict field validation."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.kubernetes.api import ApiClient
from tests.local.control_plane import running_control_plane
from tests.unit.recording import Recording
from tests.unit.test_grafana import on_the_cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    with running_control_plane(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running.admin


def objects(recording: Recording) -> list[dict[str, Any]]:
    """In the order in which they were registered."""
    return [
        item.inputs
        for item in recording.registrations
        if item.type.startswith("kubernetes:") and item.custom and "kind" in item.inputs
    ]


@pytest.mark.parametrize("admin_secret", ["", "grafana-admin"])
def test_the_api_server_accepts_every_object(api: ApiClient, admin_secret: str):
    made = objects(on_the_cluster(admin_secret))
    assert {item["kind"] for item in made} == {
        *("Namespace", "ServiceAccount", "ConfigMap", "Deployment", "Service", "NetworkPolicy")
    }
    for item in made:
        resource = api.resource(item["apiVersion"], item["kind"])
        metadata = item["metadata"]
        answer = api.request(
            "PATCH",
            resource.path(metadata.get("namespace"), metadata["name"]),
            {"fieldManager": "test", "fieldValidation": "Strict", "force": "true"},
            item,
            "application/apply-patch+yaml",
        )
        assert answer["metadata"]["name"] == metadata["name"]
