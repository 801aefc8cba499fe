"""Builds of container images on the local AWS server, by the image builder's own commands."""

import hashlib
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local import image_builds as builds
from tests.local.aws_server_process import AwsServerProcess

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
SERVING = f"{builds.NAMESPACE}/serving"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    running = AwsServerProcess(tmp_path_factory.mktemp("aws"))
    running.start()
    running.client("s3").create_bucket(Bucket=builds.BUCKET)
    builds.prepare(running.client)
    try:
        yield running
    finally:
        running.ensure_stopped()


@pytest.fixture(scope="module")
def built(server: AwsServerProcess) -> dict[str, Any]:
    return builds.ended(server.client, builds.start(server.client))


def test_a_build_releases_an_image_whose_digest_is_that_of_its_manifest(
    server: AwsServerProcess, built: dict[str, Any]
):
    assert built["buildStatus"] == "SUCCEEDED", builds.log_of(server.client, built)
    answer = server.client("ecr").batch_get_image(repositoryName=SERVING, imageIds=[{"imageTag": "1.0.0"}])
    (image,) = answer["images"]
    digest = "sha256:" + hashlib.sha256(image["imageManifest"].encode()).hexdigest()
    assert builds.exported(built)["IMAGE_DIGEST"] == image["imageId"]["imageDigest"] == digest


def test_a_build_tells_its_phases_and_its_log(server: AwsServerProcess, built: dict[str, Any]):
    phases = {phase["phaseType"]: phase.get("phaseStatus") for phase in built["phases"]}
    assert phases["DOWNLOAD_SOURCE"] == phases["PRE_BUILD"] == phases["BUILD"] == "SUCCEEDED"
    assert built["phases"][-1]["phaseType"] == "COMPLETED"
    log = builds.log_of(server.client, built)
    assert "Login Succeeded" in log
    assert "checked, not executed" in log
    assert server.client("codebuild").list_builds_for_project(projectName=builds.PROJECT)["ids"]


def test_the_layers_hold_the_files_that_the_dockerfile_copies(server: AwsServerProcess, built: dict[str, Any]):
    import io
    import tarfile

    ecr = server.client("ecr")
    manifest = json.loads(
        ecr.batch_get_image(repositoryName=SERVING, imageIds=[{"imageTag": "1.0.0"}])["images"][0]["imageManifest"]
    )
    names: dict[str, bytes] = {}
    for layer in manifest["layers"]:
        url = ecr.get_download_url_for_layer(repositoryName=SERVING, layerDigest=layer["digest"])["downloadUrl"]
        body = urllib.request.urlopen(url, timeout=10).read()
        assert "sha256:" + hashlib.sha256(body).hexdigest() == layer["digest"]
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            names |= {each.name: (tar.extractfile(each) or io.BytesIO()).read() for each in tar.getmembers()}
    assert names["opt/app/app.py"] == b"print('hello')\n"


def test_the_bill_of_materials_is_attached_to_the_image(server: AwsServerProcess, built: dict[str, Any]):
    ecr = server.client("ecr")
    digest = builds.exported(built)["IMAGE_DIGEST"]
    (attached,) = ecr.list_image_referrers(repositoryName=SERVING, subjectId={"imageDigest": digest})["referrers"]
    assert attached["artifactType"] == "application/vnd.cyclonedx+json"
    (image,) = ecr.batch_get_image(repositoryName=SERVING, imageIds=[{"imageDigest": attached["digest"]}])["images"]
    (blob,) = json.loads(image["imageManifest"])["layers"]
    url = ecr.get_download_url_for_layer(repositoryName=SERVING, layerDigest=blob["digest"])["downloadUrl"]
    document = json.loads(urllib.request.urlopen(url, timeout=10).read())
    assert {"mlflow", "numpy"} <= {each["name"] for each in document["components"]}


def test_an_image_with_a_critical_finding_is_not_released(server: AwsServerProcess):
    advisory = {"name": "CVE-2026-0001", "severity": "CRITICAL", "package": "evil", "versions": ["6.6.6"]}
    (server.folder / "state" / "advisories.json").write_text(json.dumps([advisory]))
    files = {**builds.FILES, "requirements.txt": "evil==6.6.6\n"}
    build = builds.ended(server.client, builds.start(server.client, files, tag="6.6.6"))
    assert build["buildStatus"] == "FAILED"
    assert "1 CRITICAL. It is not released." in builds.log_of(server.client, build)
    with pytest.raises(ClientError, match="ImageNotFound"):
        server.client("ecr").describe_images(repositoryName=SERVING, imageIds=[{"imageTag": "6.6.6"}])


@pytest.mark.parametrize(
    ("files", "tag", "said"),
    [
        (builds.FILES, "1.0.0", "is there already, and tags never move"),
        (builds.FILES, "latest", "IMAGE_TAG is not a version's tag"),
        (builds.FILES, "1; touch /tmp/owned", "IMAGE_TAG is not a version's tag"),
        ({"app.py": ""}, "2.0.0", "There is no Dockerfile"),
        ({"Dockerfile": f"FROM {builds.BASE}\nCOPY nothing /x\n"}, "2.0.0", "COPY nothing: not found in the build"),
        ({"Dockerfile": f"FROM {builds.BASE}\nRUN if then\n"}, "2.0.0", "Dockerfile:2: RUN:"),
    ],
)
def test_a_build_that_cannot_be_is_refused_in_words(
    server: AwsServerProcess, built: dict[str, Any], files: dict[str, str], tag: str, said: str
):
    build = builds.ended(server.client, builds.start(server.client, files, tag=tag))
    assert build["buildStatus"] == "FAILED"
    assert said in builds.log_of(server.client, build)


def test_a_source_that_is_not_there_fails_its_phase(server: AwsServerProcess):
    client = server.client("codebuild")
    build = client.start_build(projectName=builds.PROJECT)["build"]
    assert build["buildStatus"] == "IN_PROGRESS"
    over = builds.ended(server.client, build["id"])
    (phase,) = [each for each in over["phases"] if each["phaseType"] == "DOWNLOAD_SOURCE"]
    assert phase["phaseStatus"] == "FAILED"
    assert "NoSuchKey" in phase["contexts"][0]["message"]


def test_a_manifest_without_its_layers_is_refused(server: AwsServerProcess):
    digest = "sha256:" + "0" * 64
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": digest, "size": 2}, "layers": []}
    with pytest.raises(ClientError, match="LayersNotFoundException"):
        server.client("ecr").put_image(repositoryName=SERVING, imageManifest=json.dumps(manifest), imageTag="9")


SLOW = """\
version: 0.2
phases:
  install: {commands: ['export WHO=build', 'echo begun']}
  build: {commands: ['echo "$WHO goes on"', 'sleep 120']}
  post_build: {commands: ['echo after all']}
"""


def slow(server: AwsServerProcess) -> str:
    """A build that has begun and lasts."""
    if not server.client("codebuild").batch_get_projects(names=["slow"])["projects"]:
        project = server.client("codebuild").batch_get_projects(names=[builds.PROJECT])["projects"][0]
        server.client("codebuild").create_project(
            name="slow",
            serviceRole=project["serviceRole"],
            artifacts={"type": "NO_ARTIFACTS"},
            environment=project["environment"],
            source={"type": "NO_SOURCE", "buildspec": SLOW},
        )
    build = server.client("codebuild").start_build(projectName="slow")["build"]["id"]
    until = time.monotonic() + builds.PATIENCE_S
    while time.monotonic() < until:
        (found,) = server.client("codebuild").batch_get_builds(ids=[build])["builds"]
        if found["currentPhase"] == "BUILD" and "build goes on" in builds.log_of(server.client, found):
            return build
        time.sleep(0.1)
    raise AssertionError(found["phases"])


def test_a_build_is_stopped_and_its_commands_with_it(server: AwsServerProcess):
    build = slow(server)
    server.client("codebuild").stop_build(id=build)
    over = builds.ended(server.client, build)
    assert over["buildStatus"] == "STOPPED"
    assert "after all" not in builds.log_of(server.client, over)


def test_a_build_ends_with_its_server_and_says_so_and_images_stay(server: AwsServerProcess, built: dict[str, Any]):
    build = slow(server)
    server.kill()
    server.start()
    (found,) = server.client("codebuild").batch_get_builds(ids=[build])["builds"]
    assert found["buildStatus"] == "FAULT"
    assert found["buildComplete"]
    digests = server.client("ecr").describe_images(repositoryName=SERVING)["imageDetails"]
    assert {"1.0.0"} <= {tag for detail in digests for tag in detail.get("imageTags", [])}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"type": "NO_SOURCE", "buildspec": "buildspec.yml"}, "holds the buildspec itself"),
        ({"type": "NO_SOURCE", "buildspec": "version: 0.1\nphases: {}"}, "version 0.2"),
        ({"type": "NO_SOURCE", "buildspec": "version: 0.2\nbatch: {}\n"}, "does not do batch"),
        ({"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {finally: []}}\n"}, "does not do finally"),
    ],
)
def test_a_buildspec_that_nothing_here_would_run_is_refused(
    server: AwsServerProcess, source: dict[str, str], said: str
):
    codebuild = server.client("codebuild")
    project = codebuild.batch_get_projects(names=[builds.PROJECT])["projects"][0]
    name = f"refused-{abs(hash(said)) % 10**6}"
    codebuild.create_project(
        name=name,
        serviceRole=project["serviceRole"],
        artifacts={"type": "NO_ARTIFACTS"},
        environment=project["environment"],
        source=source,
    )
    with pytest.raises(ClientError, match=said):
        codebuild.start_build(projectName=name)
