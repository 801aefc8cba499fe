"""What the genuine engine says of a change is understood: what it loses, and what only has another name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.providers.harness import AwsServer
from tests.local.engine_project import Project, must, new_project
from tests.upgrades import losses, missing, moves, unannounced

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
PROGRAM = """
import pulumi
import pulumi_aws as aws

settings = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")


def options(*aliases):
    return pulumi.ResourceOptions(provider=provider, aliases=[pulumi.Alias(name=alias) for alias in aliases])


if settings.get("release") != "2":
    aws.s3.Bucket("kept", bucket="upgrade-kept", opts=options())
    aws.s3.Bucket("aliased", bucket="upgrade-aliased", opts=options())
    aws.s3.Bucket("renamed", bucket="upgrade-renamed", opts=options())
    aws.s3.Bucket("longer", bucket="upgrade-short", opts=options())
    aws.s3.Bucket("dropped", bucket="upgrade-dropped", opts=options())
    aws.iam.Role("role", name="upgrade-role", assume_role_policy=settings.require("trust"), opts=options())
else:
    aws.s3.Bucket("kept", bucket="upgrade-kept", force_destroy=True, opts=options())
    aws.s3.Bucket("with-alias", bucket="upgrade-aliased", opts=options("aliased"))
    aws.s3.Bucket("without-alias", bucket="upgrade-renamed", opts=options())
    aws.s3.Bucket("longer", bucket="upgrade-no-longer-short", opts=options())
"""
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        project = new_project(tmp_path_factory.mktemp("project"), server.environment)
        project.write(PROGRAM)
        project.config({"trust": TRUST})
        must(project, "up", "--yes", "--skip-preview")
        yield project


def resources(project: Project) -> list[dict[str, Any]]:
    return json.loads(must(project, "stack", "export"))["deployment"]["resources"]


def test_a_renamed_a_replaced_and_a_dropped_bucket_are_told_apart_and_one_with_an_alias_is_kept(project: Project):
    before = resources(project)
    project.config({"release": "2"})
    steps = json.loads(must(project, "preview", "--json"))["steps"]
    lost = losses(steps)
    assert {(loss.verb, loss.name) for loss in unannounced(lost, ())} == {
        ("Deletes", "renamed"),
        ("Deletes", "dropped"),
        ("Replaces", "longer"),
    }
    assert {loss.name for loss in lost} == {"renamed", "dropped", "longer", "role"}
    assert [loss.because for loss in lost if loss.name == "longer"] == [("bucket",)]
    assert [(move.before.rsplit("::", 1)[1], move.after.rsplit("::", 1)[1]) for move in moves(steps)] == [
        ("renamed", "without-alias")
    ]

    # The engine makes new things first, so the renamed bucket's name is taken: the rest of it goes through.
    project.write(
        PROGRAM.replace('"without-alias", bucket="upgrade-renamed"', '"without-alias", bucket="upgrade-other"')
    )
    must(project, "up", "--yes", "--skip-preview")
    gone = {urn.rsplit("::", 1)[1] for urn in missing(before, resources(project))}
    assert gone == {"renamed", "dropped", "longer"}
