"""An image builder on a test's own AWS server: its project as the program makes it, its role and repositories."""

import io
import json
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from components.image_builder import BUILDSPEC, MACHINE, SBOM_IMAGE

ACCOUNT, REGION = "123456789012", "us-east-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
NAMESPACE = "groundwork/local"
PROJECT = "groundwork-local-images"
BUCKET = "groundwork-test-artifacts"
BASE = "docker.io/library/python:3.11-slim-bookworm@sha256:" + "a" * 64
PATIENCE_S = 180.0
DOCKERFILE = f"""\
ARG BASE_IMAGE={BASE}
FROM ${{BASE_IMAGE}} AS build
COPY requirements.txt /build/
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --require-hashes -r /build/requirements.txt

FROM ${{BASE_IMAGE}}
COPY --from=build /opt/venv /opt/venv
COPY requirements.txt app.py /opt/app/
CMD ["python", "/opt/app/app.py"]
"""
FILES = {"Dockerfile": DOCKERFILE, "requirements.txt": "mlflow==3.17.2\nnumpy==2.3.0\n", "app.py": "print('hello')\n"}


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def prepare(client: Any, *, buildspec: str = BUILDSPEC, **variables: str) -> None:
    """What the program makes. client: gives the boto3 client of a service."""
    iam, ecr = client("iam"), client("ecr")
    role = iam.create_role(
        RoleName="groundwork-local-images", AssumeRolePolicyDocument=trust("codebuild.amazonaws.com")
    )
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName="groundwork-local-images",
        PolicyName="builder",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    for purpose in ("candidates", "serving", "training"):
        ecr.create_repository(
            repositoryName=f"{NAMESPACE}/{purpose}",
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
    given = {"REGISTRY": REGISTRY, "NAMESPACE": NAMESPACE, "SBOM_IMAGE": SBOM_IMAGE}
    given |= {"FAIL_ON": "CRITICAL", "SCAN_MINUTES": "1", **variables}
    client("codebuild").create_project(
        name=PROJECT,
        serviceRole=role["Role"]["Arn"],
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": MACHINE,
            "computeType": "BUILD_GENERAL1_MEDIUM",
            "privilegedMode": True,
            "environmentVariables": [{"name": name, "value": value} for name, value in given.items()],
        },
        source={"type": "S3", "location": f"{BUCKET}/images/none.zip", "buildspec": buildspec},
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": "/groundwork/local/images"}},
    )


def context(files: Mapping[str, str] = FILES) -> bytes:
    """A zip of text files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def start(client: Any, files: Mapping[str, str] = FILES, repository: str = "serving", tag: str = "1.0.0") -> str:
    """Put a context into the bucket and start a build of it; returns the build's id."""
    key = f"teams/research/images/{time.monotonic_ns()}.zip"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=context(files))
    chosen = {"IMAGE_REPOSITORY": repository, "IMAGE_TAG": tag}
    answer = client("codebuild").start_build(
        projectName=PROJECT,
        sourceLocationOverride=f"{BUCKET}/{key}",
        environmentVariablesOverride=[{"name": name, "value": value} for name, value in chosen.items()],
    )
    return answer["build"]["id"]


def ended(client: Any, build: str) -> dict[str, Any]:
    """The build once it is over."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        (found,) = client("codebuild").batch_get_builds(ids=[build])["builds"]
        if found["buildComplete"]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the build does not end: {found['phases']}")


def log_of(client: Any, build: dict[str, Any]) -> str:
    """Its log, as CloudWatch Logs has it."""
    events = client("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
    )["events"]
    return "\n".join(event["message"] for event in events)


def exported(build: dict[str, Any]) -> dict[str, str]:
    """Variables that the build has told."""
    return {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
