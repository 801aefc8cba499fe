"""The image builder: its project, the order of its commands, and what a base image or a setting may be."""

import json
from typing import Any

import pytest

from components.image_builder import BUILDSPEC, SBOM_IMAGE, ImageBuilder, ImageBuilderArgs
from infra.settings import SettingsError, parse
from infra.stack import deploy
from local.aws_server.codebuild.buildspec import parse as parse_buildspec
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/groundwork/dev/serving"


def builder(**more: Any) -> Recording:
    args = ImageBuilderArgs(
        placement=PLACEMENT,
        registry_host="123456789012.dkr.ecr.us-east-1.amazonaws.com",
        repository_arns=[REPOSITORY],
        artifact_bucket="artifacts",
        artifact_bucket_arn="arn:aws:s3:::artifacts",
        context_prefixes=["teams/*/images"],
        kms_key_arn=KEY,
        logs_key_arn=KEY,
        **more,
    )
    return record(lambda: ImageBuilder("images", args, with_aws()))


def project(recording: Recording) -> dict[str, Any]:
    (found,) = recording.of("aws:codebuild/project:Project").values()
    return found.inputs


def test_a_build_has_the_commands_of_the_project_and_not_of_its_context():
    source = project(builder())["source"]
    assert source["type"] == "S3"
    assert source["buildspec"] == BUILDSPEC


def test_the_project_gives_every_variable_that_its_commands_use():
    given = {
        each["name"] for each in project(builder(base_image="r/b@sha256:0"))["environment"]["environmentVariables"]
    }
    assert given == {"REGISTRY", "NAMESPACE", "BASE_IMAGE", "SBOM_IMAGE", "FAIL_ON", "SCAN_MINUTES"}
    assert all(f"${name}" in BUILDSPEC for name in given)


def test_an_image_is_scanned_before_it_is_released_and_described_after():
    (build,) = [phase for phase in parse_buildspec(BUILDSPEC).phases if phase.name == "build"]
    text = "\n".join(build.commands)
    order = [
        'docker push "$CANDIDATE"',
        "describe-image-scan-findings",
        '"$FAIL_ON"',
        'docker push "$TARGET"',
        "put-image",
    ]
    assert sorted(order, key=text.index) == order
    assert build.abort


def test_the_image_has_dockers_own_manifest_which_is_all_that_sagemaker_takes():
    assert "--provenance=false --sbom=false --output type=docker" in BUILDSPEC
    assert "application/vnd.docker.distribution.manifest.v2+json" in BUILDSPEC


def test_a_base_image_of_the_accounts_own_registry_may_be_read_and_nothing_else_of_it():
    own = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/mirror/python@sha256:{'0' * 64}"
    statements = builder(base_image=own).policy("aws:iam/rolePolicy:RolePolicy", "images-role-policy")
    (found,) = [statement for statement in statements if statement["Sid"] == "BaseImages"]
    assert found["Resource"] == ["arn:aws:ecr:eu-west-1:123456789012:repository/mirror/python"]
    assert "ecr:PutImage" not in found["Action"]


def test_tools_of_a_build_are_pinned_by_digest():
    assert "@sha256:" in SBOM_IMAGE
    assert ":latest" not in BUILDSPEC


def test_candidates_never_move_and_go_by_themselves():
    recording = builder()
    (repository,) = recording.of("aws:ecr/repository:Repository").values()
    assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
    assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    (policy,) = recording.of("aws:ecr/lifecyclePolicy:LifecyclePolicy").values()
    assert [rule["selection"]["countNumber"] for rule in json.loads(policy.inputs["policy"])["rules"]] == [7, 30]


def test_the_contract_names_the_builder():
    recording = record(deploy, stack="dev", config=settings_of("dev"))
    section = recording.one("aws:ssm/parameter:Parameter", "contract-registry").inputs["insecureValue"]
    assert json.loads(section)["build_project"] == "groundwork-dev-images"


def test_an_environment_without_a_builder_has_no_project_and_says_so():
    settings = settings_of("dev") | {"registry": {"build": {"enabled": False}}}
    recording = record(deploy, stack="dev", config=settings)
    assert not recording.of("aws:codebuild/project:Project")
    assert (
        json.loads(recording.one("aws:ssm/parameter:Parameter", "contract-registry").inputs["insecureValue"])[
            "build_project"
        ]
        == ""
    )


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        ({"build": {"baseImage": "docker.io/library/python:3.11"}}, "with its registry and its digest"),
        ({"build": {"failOn": "SEVERE"}}, "failOn"),
        ({"build": {"teamRepositories": ["gpu"]}}, "allowed are the repositories training, serving"),
        ({"repositories": ["candidates"]}, "the image builder has a repository of this name"),
    ],
)
def test_settings_that_would_not_build_are_refused(registry: dict[str, Any], said: str):
    with pytest.raises(SettingsError, match=said):
        parse("dev", settings_of("dev") | {"registry": registry})
