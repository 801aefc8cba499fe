"""The trimmed service models: the same calls as botocore's own, and botocore's own where they cannot be kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest

from ml.aws import OPERATIONS, Clients, trim, trimmed_models

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROUNDWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


def whole_model(service: str) -> dict[str, Any]:
    (path,) = (Path(botocore.__file__).parent / "data" / service).glob("*/service-2.json.gz")
    return json.loads(gzip.decompress(path.read_bytes()))


def test_an_operation_keeps_its_members_and_loses_its_prose() -> None:
    whole = whole_model("sagemaker")
    small = trim(whole, ("CreateTrainingJob",))
    assert set(small["operations"]) == {"CreateTrainingJob"}
    assert small["metadata"] == whole["metadata"]
    request, original = small["shapes"]["CreateTrainingJobRequest"], whole["shapes"]["CreateTrainingJobRequest"]
    assert set(request["members"]) == set(original["members"])
    assert request["required"] == original["required"]
    assert '"documentation":' not in json.dumps(small)


def test_every_shape_that_an_operation_reaches_is_kept() -> None:
    for service, operations in OPERATIONS.items():
        small = trim(whole_model(service), operations)
        text = json.dumps(small)
        for part in text.split('"shape": "')[1:]:
            assert part.split('"')[0] in small["shapes"], service


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_client_has_the_operations_and_the_address_of_its_service(service: str) -> None:
    clients = Clients(None)
    client = clients.client(service)
    assert set(client.meta.method_to_api_mapping.values()) == set(OPERATIONS[service])
    # IAM lives in no region.
    assert ("iam" if service == "iam" else "eu-central-1") + ".amazonaws.com" in client.meta.endpoint_url


def test_the_models_are_written_once(tmp_path: Path) -> None:
    first = trimmed_models()
    assert first is not None
    marker = first / "marker"
    marker.touch()
    assert trimmed_models() == first
    assert marker.exists()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.name]


def test_without_a_folder_to_keep_them_botocores_own_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GROUNDWORK_CACHE", str(tmp_path / "file" / "below"))
    assert trimmed_models() is None
    assert "ListBuckets" in Clients(None).client("s3").meta.method_to_api_mapping.values()
