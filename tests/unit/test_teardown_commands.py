"""`groundwork leftovers` and `groundwork teardown` before they reach anything, and what a stack keeps."""

from typing import Any

import pytest
from typer.testing import CliRunner

from operations.cli import app
from operations.teardown import protected

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("arguments", [["leftovers", "dev", "--remove"], ["teardown", "dev"]])
def test_without_a_terminal_and_without_consent_nothing_happens(arguments: list[str]):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert f"groundwork {' '.join(arguments)} -y" in done.output


@pytest.mark.parametrize("command", ["leftovers", "teardown"])
def test_help_has_an_example_and_the_exit_codes(command: str):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"groundwork {command} dev" in done.output
    assert "Exit codes: 0" in done.output


@pytest.mark.parametrize("command", ["leftovers", "teardown"])
def test_an_environment_without_settings_is_refused_in_words(command: str):
    done = CliRunner().invoke(app, [command, "nowhere", "-y"])
    assert done.exit_code == 1
    assert "There is no Pulumi.nowhere.yaml." in done.output
    assert "Traceback" not in done.output


def resource(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "urn": f"urn:pulumi:dev::groundwork::{type_}::{name}", "id": name, **more}


class Holding:
    """S3 and ECR with these buckets and repositories, each of which holds something."""

    def __init__(self, *names: str):
        self._names = names

    def list_object_versions(self, Bucket: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803
        return {"DeleteMarkers": [{"Key": "k"}]} if Bucket in self._names else {}

    def list_images(self, repositoryName: str, maxResults: int) -> dict[str, Any]:  # noqa: N803
        return {"imageIds": [{"imageTag": "1"}] if repositoryName in self._names else []}


def test_only_what_holds_something_and_may_not_be_emptied_is_kept():
    bucket, repository = "aws:s3/bucket:Bucket", "aws:ecr/repository:Repository"
    state = [
        resource(bucket, "full", inputs={"forceDestroy": False}),
        resource(bucket, "empty", inputs={}),
        resource(bucket, "may-go", inputs={"forceDestroy": True}),
        resource(bucket, "guarded", inputs={}, protect=True),
        resource(repository, "images", inputs={"forceDelete": False}),
    ]
    holding = Holding("full", "may-go", "guarded", "images")
    found = protected.not_empty(state, lambda service: holding)
    assert [each["id"] for each in found] == ["full", "images"]
    assert [each["id"] for each in protected.protected(state)] == ["guarded"]


def test_a_cluster_that_eks_protects_is_told():
    cluster = "aws:eks/cluster:Cluster"
    assert protected.guarded_cluster([resource(cluster, "main", outputs={"deletionProtection": True})]) == "main"
    assert protected.guarded_cluster([resource(cluster, "main", outputs={"deletionProtection": False})]) == ""
