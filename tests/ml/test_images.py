"""`ml images` against the AWS server: a build by the platform's own commands, and a deployment that asks for it."""

import json
import shutil
from pathlib import Path

import pytest

from platform_contract import section_document, section_path
from tests.local import image_builds as builds
from tests.ml.conftest import ENVIRONMENT, TEAM, JobFolder, Platform

pytestmark = [pytest.mark.ml, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(platform: Platform) -> Platform:
    """The platform with an image builder, as the contract says it."""
    ecr, ssm = platform.client("ecr"), platform.client("ssm")
    before = ssm.get_parameter(Name=section_path(ENVIRONMENT, "registry"))["Parameter"]["Value"]
    ecr.delete_repository(repositoryName=f"{builds.NAMESPACE}/serving", force=True)
    builds.prepare(platform.client)
    section = json.loads(before) | {"build_project": builds.PROJECT}
    ssm.put_parameter(
        Name=section_path(ENVIRONMENT, "registry"), Value=section_document("registry", section), Overwrite=True
    )
    # The builder stays: what other tests deploy with is what it has built.
    return platform


def test_a_deployment_without_its_image_is_refused_and_the_command_that_it_names_mends_it(
    built: Platform, job: JobFolder, tmp_path: Path
):
    spec = job("import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w')", name="imaged", deploy={"endpoint": "imaged"})
    trained = built.ml_json("train", spec, "--env", ENVIRONMENT, "-y")
    refused = built.ml("deploy", spec, "--env", ENVIRONMENT, "--no-wait")
    assert refused.returncode == 6, refused.stderr
    command = f"ml images build serving --env {ENVIRONMENT} --team {TEAM}"
    assert f"Build it: {command}" in refused.stderr
    run = built.ml(*command.split()[1:], "--spec", spec)
    assert run.returncode == 0, run.stderr
    assert "Login Succeeded" in run.stderr
    lock = json.loads((tmp_path / "images.lock").read_text())
    digest = lock[ENVIRONMENT]["serving:0.1.0"]
    assert f"serving:0.1.0 is {digest}" in run.stdout
    deployed = built.ml_json("deploy", spec, "--env", ENVIRONMENT, "--no-wait")
    config = built.client("sagemaker").describe_endpoint_config(EndpointConfigName=deployed["config"])
    model = built.client("sagemaker").describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert model["PrimaryContainer"]["Image"].endswith(f"/serving@{digest}")
    group = f"/aws/sagemaker/Endpoints/{TEAM}-imaged"
    (found,) = built.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 30
    tags = built.client("logs").list_tags_for_resource(resourceArn=found["logGroupArn"])["tags"]
    assert (tags["groundwork:team"], tags["groundwork:environment"]) == (TEAM, ENVIRONMENT)
    built.ml("stop", "--endpoint", f"{TEAM}-imaged", "--env", ENVIRONMENT)
    assert trained["status"] == "Completed"


def test_an_image_is_listed_and_shown_with_its_materials_and_is_not_built_again(built: Platform):
    (image,) = built.ml_json("images", "list", "serving", "--env", ENVIRONMENT)
    assert image["tags"] == ["0.1.0"]
    assert image["findings"] == {}
    shown = built.ml_json("images", "show", "serving:0.1.0", "--env", ENVIRONMENT)
    assert shown["digest"] == image["digest"]
    assert shown["sbom"].startswith("sha256:")
    again = built.ml("images", "build", "serving", "--env", ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    assert "is there already: tags never move" in again.stderr


def test_a_projects_own_image_has_a_tag_that_its_files_give_it(built: Platform, tmp_path: Path):
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {builds.BASE}\nCOPY tool.py /opt/tool.py\n")
    (folder / "tool.py").write_text("print(1)\n")
    image = built.ml_json("images", "build", "training", "--folder", folder, "--env", ENVIRONMENT)
    (tag,) = image["tags"]
    assert len(tag) == 12
    assert image["build"]["status"] == "SUCCEEDED"


def test_a_build_that_fails_says_where_and_ends_so(built: Platform, tmp_path: Path):
    folder = tmp_path / "docker"
    shutil.copytree(ROOT / "images" / "training", folder)
    (folder / "Dockerfile").write_text(f"FROM {builds.BASE}\nCOPY nothing /x\n")
    run = built.ml("images", "build", "training", "--tag", "2", "--folder", folder, "--env", ENVIRONMENT)
    assert run.returncode == 1
    assert "COPY nothing: not found in the build context" in run.stderr
    assert "training:2 was not released: the build FAILED" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("build", "servin"), 2, "did you mean serving?"),
        (("show", "serving:9.9"), 6, "is not in the registry"),
        (("show", "serving"), 2, "names no tag"),
    ],
)
def test_what_is_not_there_is_named(built: Platform, arguments: tuple[str, ...], code: int, said: str):
    run = built.ml("images", *arguments, "--env", ENVIRONMENT)
    assert run.returncode == code
    assert said in run.stderr
