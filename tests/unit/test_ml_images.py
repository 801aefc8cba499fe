"""Images as `ml` sees them: what is built from, what a tag means, and what a deployment asks."""

import io
import json
import stat
import zipfile
from pathlib import Path

import pytest

from ml.errors import MlError, NotFoundError, SpecError
from ml.images import platform_image
from ml.images.context import BUILT_IN, check_bases, read_context
from ml.images.lock import locked_digest, locked_image, write_lock
from ml.images.registry import MissingImageError, released
from ml.targets.sagemaker.endpoint_log import keep_for_a_while
from tests.unit.memory_images import MemoryLogs, MemoryRegistry, digest_of
from tests.unit.memory_s3 import environment
from tests.unit.ml_contract import REGISTRY, contract

pytestmark = pytest.mark.unit
BASE = "docker.io/library/python:3.11@sha256:" + "a" * 64


def folder(at: Path, dockerfile: str = f"FROM {BASE}\n", **files: str) -> Path:
    at.mkdir(exist_ok=True)
    (at / "Dockerfile").write_text(dockerfile)
    for name, content in files.items():
        (at / name.replace("__", ".")).write_text(content)
    return at


def test_a_deployment_names_the_image_by_its_digest():
    uri = released(environment({"ecr": MemoryRegistry()}), contract(), "research", f"{REGISTRY}/serving:0.1.0")
    assert uri == f"{REGISTRY}/serving@{digest_of('0.1.0')}"


def test_a_missing_image_is_refused_with_the_command_that_builds_it():
    platform = contract(registry={"build_project": "groundwork-dev-images"})
    with pytest.raises(MissingImageError) as refusal:
        released(
            environment({"ecr": MemoryRegistry("serving:0.1.0")}), platform, "research", f"{REGISTRY}/serving:0.1.0"
        )
    assert str(refusal.value).endswith("Build it: ml images build serving --env dev --team research")
    with pytest.raises(NotFoundError, match=r"ml images build training --tag 2 --env dev --team research"):
        released(environment({"ecr": MemoryRegistry("training:2")}), platform, "research", f"{REGISTRY}/training:2")


def test_images_of_others_are_not_asked_about():
    uri = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.5"
    assert released(environment(), contract(), "research", uri) == uri


def test_an_image_that_is_another_than_the_lock_says_is_refused():
    locked = "sha256:" + "0" * 64
    with pytest.raises(MlError, match="deleted and built again"):
        released(environment({"ecr": MemoryRegistry()}), contract(), "research", f"{REGISTRY}/serving:0.1.0", locked)


def test_a_lock_has_a_digest_for_each_environment(tmp_path: Path):
    write_lock(tmp_path, "dev", "serving:1", "sha256:1")
    file = write_lock(tmp_path, "prod", "serving:1", "sha256:2")
    assert json.loads(file.read_text()) == {"dev": {"serving:1": "sha256:1"}, "prod": {"serving:1": "sha256:2"}}
    assert locked_digest(tmp_path, "dev", "serving:1") == "sha256:1"
    assert locked_digest(tmp_path, "local", "serving:1") is None


def test_a_job_trains_in_the_image_that_the_lock_says(tmp_path: Path):
    write_lock(tmp_path, "dev", "training:1", "sha256:ab")
    assert locked_image(tmp_path, "dev", contract(), f"{REGISTRY}/training:1") == f"{REGISTRY}/training@sha256:ab"
    for other in (f"{REGISTRY}/training:2", f"{REGISTRY}/training@sha256:cd", "somebody/else:1"):
        assert locked_image(tmp_path, "dev", contract(), other) == other


def test_a_lock_of_another_form_is_named(tmp_path: Path):
    (tmp_path / "images.lock").write_text('["serving"]')
    with pytest.raises(SpecError, match=r"images\.lock: is not what `ml images build` writes"):
        locked_digest(tmp_path, "dev", "serving:1")


def test_a_spec_may_name_an_image_of_the_platform_by_its_digest():
    assert platform_image("serving@sha256:ab", contract()) == f"{REGISTRY}/serving@sha256:ab"


@pytest.mark.parametrize(
    "text",
    [f"FROM {BASE}", f"ARG B={BASE}\nFROM ${{B}} AS one\nFROM one", "ARG BASE_IMAGE\nFROM $BASE_IMAGE", "FROM scratch"],
)
def test_a_base_with_a_digest_an_earlier_stage_or_the_platforms_own_is_taken(text: str):
    check_bases(text)


@pytest.mark.parametrize("text", ["FROM python:3.11", "ARG B=python:3.11\nFROM ${B}", "FROM one\nFROM two AS one"])
def test_a_base_that_may_be_another_tomorrow_is_refused(text: str):
    with pytest.raises(SpecError, match="name its digest"):
        check_bases(text)


def test_the_same_files_are_the_same_context(tmp_path: Path):
    first = read_context(folder(tmp_path / "a", app__py="1"))
    second = read_context(folder(tmp_path / "b", app__py="1"))
    third = read_context(folder(tmp_path / "c", app__py="2"))
    assert first.digest == second.digest != third.digest
    assert first.archive == second.archive
    assert first.files == ("Dockerfile", "app.py")


def test_a_context_keeps_what_is_executable_and_leaves_secrets_at_home(tmp_path: Path):
    at = folder(tmp_path / "a", start="#!/bin/sh")
    (at / ".env").write_text("SECRET=1")
    (at / "start").chmod(0o755)
    archive = zipfile.ZipFile(io.BytesIO(read_context(at).archive))
    assert archive.namelist() == ["Dockerfile", "start"]
    assert archive.getinfo("start").external_attr >> 16 & stat.S_IXUSR


def test_a_context_takes_nothing_from_outside_its_root(tmp_path: Path):
    at = folder(tmp_path / "a", context__yaml="root: .\ninclude: [../secret]\n")
    (tmp_path / "secret").write_text("x")
    with pytest.raises(SpecError, match="is not below"):
        read_context(at)


@pytest.mark.parametrize("purpose", ["serving", "training"])
def test_the_platforms_own_images_have_a_whole_context_and_locked_packages(purpose: str):
    context = read_context(BUILT_IN / purpose)
    assert {"Dockerfile", "requirements.txt"} <= set(context.files)
    text = (BUILT_IN / purpose / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert text.count("\nFROM ") == 2
    if purpose == "serving":
        assert {"ml/serving/__main__.py", "serve"} <= set(context.files)
        assert not [name for name in context.files if "__pycache__" in name]


def test_the_images_packages_have_the_versions_of_the_whole_project():
    def versions(file: Path) -> set[str]:
        return {line.split(" ")[0] for line in file.read_text().splitlines() if "==" in line and line[0].isalnum()}

    whole = versions(BUILT_IN.parent / "requirements.txt")
    for purpose in ("serving", "training"):
        assert versions(BUILT_IN / purpose / "requirements.txt") <= whole, "run `make lock`"


def test_the_log_of_an_endpoint_has_tags_and_an_end_and_a_role_that_may_not_say_so_deploys_all_the_same(
    capsys: pytest.CaptureFixture[str],
):
    logs = MemoryLogs()
    keep_for_a_while(environment({"logs": logs}), contract(), "research-trial", "research")
    keep_for_a_while(environment({"logs": logs}), contract(), "research-trial", "research")
    assert logs.groups == {"/aws/sagemaker/Endpoints/research-trial": 30}
    [tags] = logs.tags.values()
    assert tags["groundwork:team"] == "research"
    assert tags["groundwork:environment"] == contract().platform.environment
    logs.refuses = "AccessDeniedException"
    keep_for_a_while(environment({"logs": logs}), contract(), "research-other", "research")
    assert "keeps every line for ever" in capsys.readouterr().err
