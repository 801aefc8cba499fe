"""What every part of the data plane shares: the server's settings, its own AWS API, and the account's names."""

import functools
import logging
import os
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.aws_server.operations import ACCOUNT_ID, Server, ServiceError
from local.aws_server.sagemaker.environments import DEFAULT_FILE, Environment, Environments
from local.paths import this_checkout

logger = logging.getLogger(__name__)

COMMANDS = Path(__file__).with_name("container") / "commands"
PIP_STAND_IN = Path(__file__).with_name("container") / "modules"
"""On PYTHONPATH of a job whose environment has no pip."""
PASSED = frozenset(
    name
    for each in ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle")
    for name in (each, each.upper())
)
PASSED_PREFIXES = ("PIP_", "UV_")
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

    def job_packages(self, python: str, folder: Path, root: str) -> dict[str, str]:
        """Variables that let a job install packages into a folder of its own.

        root: what the job sees as /opt/ml; its `code` folder comes first on PYTHONPATH.
        """
        path = [f"{root}/code", str(folder), *([str(PIP_STAND_IN)] if _lacks_pip(python) else [])]
        return {"PIP_TARGET": str(folder), "PYTHONPATH": ":".join(path)}

    def environment_of(self, image: str) -> Environment:
        """The declared environment of an image; raises EnvironmentsError."""
        return self.environments.of(image)

    def base_variables(self, python: str, region: str, credentials: Credentials | None, home: Path) -> dict[str, str]:
        """Variables of every container. Of this process's own only what reaches package indexes gets in (PASSED).

        python: the environment's interpreter, first on PATH. home: a folder of the container's own, so that no
            configuration of the user's (~/.aws, ~/.config) is read.
        """
        for folder in (home, home / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        variables = {
            "PATH": f"{COMMANDS}:{Path(python).parent}:{CONTAINER_PATH}",
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
        variables |= _packaging_variables(python)
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


def _packaging_variables(python: str) -> dict[str, str]:
    """For `pip install` in a container: uv where the environment has no pip, and the user's own index and proxies."""
    variables = {
        name: value for name, value in os.environ.items() if name in PASSED or name.startswith(PASSED_PREFIXES)
    }
    # Without a uv on PATH, `make` has put one into the checkout (local/install.sh).
    candidates = (Path(python).parent / "uv", this_checkout().checkout / ".groundwork" / "bootstrap" / "bin" / "uv")
    if found := next((str(uv) for uv in candidates if uv.exists()), None) or shutil.which("uv"):
        variables["GROUNDWORK_UV"] = found
        variables.setdefault("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    for name, file in (("PIP_CONFIG_FILE", "pip/pip.conf"), ("UV_CONFIG_FILE", "uv/uv.toml")):
        if (path := Path.home() / ".config" / file).exists():
            variables.setdefault(name, str(path))
    return variables


@functools.cache
def _lacks_pip(python: str) -> bool:
    return not any((Path(python).parent.parent / "lib").glob("python*/site-packages/pip"))


RECORD_KINDS = {
    "training-job": "sagemaker:training-job",
    "processing-job": "sagemaker:processing-job",
    "transform-job": "sagemaker:transform-job",
    "model": "sagemaker:model",
    "model-package": "sagemaker:model-package",
    "model-package-group": "sagemaker:model-package-group",
    "artifact": "sagemaker:artifact",
    "context": "sagemaker:context",
    "action": "sagemaker:action",
    "endpoint-config": "sagemaker:endpoint-config",
    "endpoint": "sagemaker:endpoint",
    "inference-component": "sagemaker:inference-component",
    "inference-experiment": "sagemaker:inference-experiment",
    "monitoring-schedule": "sagemaker:monitoring-schedule",
    "data-quality-job-definition": "sagemaker:data-quality-job-definition",
    "model-quality-job-definition": "sagemaker:model-quality-job-definition",
    "model-bias-job-definition": "sagemaker:model-bias-job-definition",
    "model-explainability-job-definition": "sagemaker:model-explainability-job-definition",
    "mlflow-tracking-server": "sagemaker:mlflow-tracking-server",
    "mlflow-app": "sagemaker:mlflow-app",
}
"""Record kind of each resource type, whose keys are `<region>/<what the ARN ends with>`."""


def require_arn(server: Server, arn: str) -> None:
    """Raises ValidationException unless the data plane has the resource of this ARN."""
    parts = arn.split(":", 5)
    resource_type, _, name = parts[-1].partition("/")
    if server.records.get(RECORD_KINDS.get(resource_type, ""), f"{parts[3]}/{name}") is None:
        raise ServiceError("ValidationException", f"Could not find resource {arn}.")
