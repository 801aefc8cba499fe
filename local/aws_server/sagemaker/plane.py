"""What every part of the data plane shares: the server's settings, its own AWS API, and the account's names."""

import logging
import re
import shutil
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.aws_server.operations import ACCOUNT_ID, Server, ServiceError
from local.aws_server.sagemaker.environments import DEFAULT_FILE, Environment, Environments, EnvironmentsError

logger = logging.getLogger(__name__)

CONTAINER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SESSION_SECONDS = 43200
"""Longest session that AssumeRole gives (12 hours)."""


@dataclass(frozen=True)
class Credentials:
    """Of an assumed role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


@dataclass
class Plane:
    """The data plane of one server."""

    server: Server
    environments: Environments
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def folder(self) -> Path:
        """Where containers have their files."""
        return self.server.settings.state_dir / "sagemaker"

    def arn(self, region: str, resource: str) -> str:
        """ARN of a SageMaker resource such as `training-job/x`."""
        return f"arn:aws:sagemaker:{region}:{ACCOUNT_ID}:{resource}"

    def call(self, service: str, operation: str, params: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """An operation of this server; raises ServiceError."""
        return self.server.call(service, operation, params, **options)

    def assume(self, role_arn: str, region: str) -> Credentials:
        """Credentials as SageMaker gets them for a job or model. Raises ServiceError for a role that is not there."""
        require_role(self.server, role_arn)
        answer = self.call(
            "sts",
            "AssumeRole",
            {"RoleArn": role_arn, "RoleSessionName": "SageMaker", "DurationSeconds": SESSION_SECONDS},
            region=region,
        )["Credentials"]
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def environment_of(self, image: str) -> Environment:
        """The declared environment of an image; raises EnvironmentsError."""
        return self.environments.of(image)

    def base_variables(self, python: str, region: str, credentials: Credentials | None, home: Path) -> dict[str, str]:
        """Variables of every container: nothing of this process's own environment gets in.

        python: the environment's interpreter, first on PATH. home: a folder of the container's own, so that no
            configuration of the user's (~/.aws, ~/.config) is read.
        """
        for folder in (home, home / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        variables = {
            "PATH": f"{_commands_folder(self.folder, python)}:{Path(python).parent}:{CONTAINER_PATH}",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "UTF-8",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.server.settings.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        if self.server.settings.mlflow_url:
            variables["SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"] = self.server.settings.mlflow_url
        if (Path(python).parent.parent / "pyvenv.cfg").exists():
            variables["VIRTUAL_ENV"] = str(Path(python).parent.parent)
        if credentials:
            variables |= {
                "AWS_ACCESS_KEY_ID": credentials.access_key_id,
                "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
                "AWS_SESSION_TOKEN": credentials.session_token,
            }
        return variables


_planes: dict[int, Plane] = {}


def plane_of(server: Server) -> Plane:
    """The data plane of a server; a file `environments.yaml` in its state folder replaces the project's."""
    if id(server) not in _planes:
        own = server.settings.state_dir / "environments.yaml"
        plane = Plane(server, Environments(own if own.exists() else DEFAULT_FILE))
        plane.folder.mkdir(parents=True, exist_ok=True)
        _planes[id(server)] = plane
    return _planes[id(server)]


def forget_plane(server: Server) -> None:
    """For a server that has stopped."""
    _planes.pop(id(server), None)


def require_role(server: Server, role_arn: str) -> None:
    """Raises ValidationException unless the role exists and SageMaker may assume it."""
    name = role_arn.rpartition("/")[2]
    try:
        role = server.call("iam", "GetRole", {"RoleName": name})["Role"]
        document = role["AssumeRolePolicyDocument"]
        # Text, parsed or URL-encoded, by where it comes from: the principal's name looks the same in all three.
        if "sagemaker.amazonaws.com" in str(document):
            return
    except ServiceError as error:
        if error.code != "NoSuchEntity":
            raise
    raise ServiceError(
        "ValidationException",
        f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
        f"'sagemaker.amazonaws.com' to assume the role.",
    )


def now() -> datetime:
    """The time, as the API gives times: UTC, milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def s3_location(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an S3 URI. Raises ServiceError for another one."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if match is None:
        raise ServiceError("ValidationException", f"{uri} is not an S3 URI (s3://bucket/prefix).")
    return match[1], match[2]


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _commands_folder(folder: Path, python: str) -> Path:
    """A folder with `pip` and `pip3` for environments that were made without pip, as uv makes them.

    What a job installs goes into a folder of its own (PIP_TARGET, on PYTHONPATH) and never into the environment.
    """
    commands = folder / "commands"
    uv = Path(python).parent / "uv"
    found = str(uv) if uv.exists() else shutil.which("uv")
    for name in ("pip", "pip3"):
        script = commands / name
        if not script.exists():
            commands.mkdir(parents=True, exist_ok=True)
            body = f'exec "{found}" pip "$@"' if found else f'exec "{python}" -m pip "$@"'
            script.write_text(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
    return commands


__all__ = ["Credentials", "EnvironmentsError", "Plane", "free_port", "now", "plane_of", "require_role", "s3_location"]


RECORD_KINDS = {
    "training-job": "sagemaker:training-job",
    "model": "sagemaker:model",
    "endpoint-config": "sagemaker:endpoint-config",
    "endpoint": "sagemaker:endpoint",
    "mlflow-tracking-server": "sagemaker:mlflow-tracking-server",
}
"""Record kind of each resource type, whose keys are `<region>/<name>`."""


def require_arn(server: Server, arn: str) -> None:
    """Raises ValidationException unless the data plane has the resource of this ARN."""
    parts = arn.split(":", 5)
    resource_type, _, name = parts[-1].partition("/")
    if server.records.get(RECORD_KINDS.get(resource_type, ""), f"{parts[3]}/{name}") is None:
        raise ServiceError("ValidationException", f"Could not find resource {arn}.")
