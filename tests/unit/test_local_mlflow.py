"""When an MLflow server runs, and when its data ends."""

import json
from pathlib import Path

import pytest

from local.mlflow import MlflowOnRequest, mlflow_service
from local.paths import Paths
from local.supervisor.ports import Ports

pytestmark = pytest.mark.unit

PORTS = Ports(aws=1, kubernetes=2, etcd=3, etcd_peer=4, controller_manager=5, mlflow=6)


def asked(folder: Path) -> Paths:
    paths = Paths(folder)
    paths.run.mkdir(parents=True)
    paths.mlflow_request.write_text(json.dumps({"name": "t", "artifact_store_uri": "s3://bucket/mlflow"}))
    return paths


def test_a_tracking_server_runs_only_when_one_was_created(tmp_path: Path) -> None:
    assert mlflow_service(Paths(tmp_path), PORTS) is None
    service = mlflow_service(asked(tmp_path), PORTS)
    assert service is not None
    assert "--default-artifact-root s3://bucket/mlflow" in " ".join(service.command)
    assert "--no-serve-artifacts" in service.command


def test_the_data_of_a_deleted_tracking_server_ends_once_its_process_has_been_stopped(tmp_path: Path) -> None:
    paths = asked(tmp_path)
    on_request = MlflowOnRequest(paths, PORTS, aws_answers=lambda: True)
    assert len(on_request()) == 1
    paths.mlflow_request.unlink()
    assert on_request() == []
    assert paths.mlflow_data.exists(), "the supervisor has yet to stop the process"
    on_request()
    assert not paths.mlflow_data.exists()


def test_the_data_stays_while_the_aws_server_cannot_say_whether_there_is_a_tracking_server(tmp_path: Path) -> None:
    paths = asked(tmp_path)
    mlflow_service(paths, PORTS)
    paths.mlflow_request.unlink()
    on_request = MlflowOnRequest(paths, PORTS, aws_answers=lambda: False)
    for _ in range(5):
        on_request()
    assert paths.mlflow_data.exists()
