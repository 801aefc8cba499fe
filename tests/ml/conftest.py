"""A platform as the `ml` command sees it: the real AWS server with a contract, buckets and a team's role."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.supervisor.ports import free_port
from platform_contract import (
    SCHEMA_VERSION,
    section_document,
    section_path,
    team_index_documents,
    team_index_path,
    team_path,
)
from tests.ml.registry_images import push

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
REGION = "us-east-1"
ENVIRONMENT = "local"
TEAM = "research"


@dataclass(frozen=True)
class Platform:
    """The running server, and how to call it."""

    url: str
    folder: Path
    mlflow_port: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.credentials()[0],
            aws_secret_access_key=self.credentials()[1],
        )

    def credentials(self) -> tuple[str, str]:
        import configparser

        parser = configparser.ConfigParser()
        parser.read(self.folder / "credentials")
        section = parser["groundwork-local"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def ml(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the `ml` command as a user does."""
        return subprocess.run(
            [sys.executable, "-m", "ml", *map(str, arguments)],
            env={**os.environ, **self.variables},
            cwd=options.pop("cwd", ROOT),
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 120),
            **options,
        )

    def ml_json(self, *arguments: object, **options: Any) -> Any:
        """The JSON document that an `ml` command prints; it must succeed."""
        result = self.ml(*arguments, "-o", "json", **options)
        assert result.returncode == 0, result.stderr + result.stdout
        return json.loads(result.stdout)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended: {log.read_text()[-3000:]}"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer: {log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    port, mlflow_port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    command = [sys.executable, "-m", "local.aws_server", "--state-dir", str(folder / "state"), "--port", str(port)]
    command += ["--run-dir", str(folder / "run"), "--mlflow-url", f"http://127.0.0.1:{mlflow_port}"]
    command += ["--aws-config", str(folder / "config"), "--aws-credentials", str(folder / "credentials")]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"{url}/_groundwork/health", process, log)
        variables = {
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_PROFILE": "groundwork-local",
            "GROUNDWORK_OWNER": "tester",
            "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": f"http://127.0.0.1:{mlflow_port}",
        }
        running = Platform(url, folder, mlflow_port, variables)
        publish(running)
        yield running
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def ml(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Callable[..., str]]:
    """Runs the `ml` command, which must end with `code`; what it says. The endpoint of the module's NAME goes after."""

    def run(*words: object, code: int = 0) -> str:
        result = platform.ml(*words, "--env", "local", timeout=400)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    yield run
    platform.ml("stop", "--endpoint", request.module.NAME, "--env", "local", timeout=300)


@pytest.fixture(scope="session")
def tracking(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, where the contract's tracking ARN leads on this machine. Its address."""
    folder = tmp_path_factory.mktemp("mlflow")
    log = folder / "server.log"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(platform.mlflow_port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--no-serve-artifacts", "--workers", "1"]
    command += ["--default-artifact-root", "s3://groundwork-test-artifacts/mlflow"]
    variables = {**os.environ, **platform.variables, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{platform.mlflow_port}/health", process, log, timeout_s=180)
        yield f"http://127.0.0.1:{platform.mlflow_port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def publish(platform: Platform) -> None:
    """Make what infra/ would: buckets, a role and the contract."""
    s3, iam, ssm = platform.client("s3"), platform.client("iam"), platform.client("ssm")
    for bucket in ("data", "artifacts", "logs"):
        s3.create_bucket(Bucket=f"groundwork-test-{bucket}")
    push(platform.client("ecr"), f"groundwork/{ENVIRONMENT}/serving", "0.1.0")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = iam.create_role(RoleName=f"{TEAM}-execution", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName=f"{TEAM}-execution",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    for name, value in contract_parameters(role).items():
        ssm.put_parameter(Name=name, Value=value, Type="String")


def contract_parameters(role: str, environment: str = ENVIRONMENT, account: str = ACCOUNT) -> dict[str, str]:
    """A contract's parameters, name to value."""
    key = f"arn:aws:kms:{REGION}:{account}:key/00000000-0000-0000-0000-000000000000"
    registry = f"{account}.dkr.ecr.{REGION}.amazonaws.com/groundwork/{environment}"
    sections: dict[str, dict[str, Any]] = {
        "platform": {
            "schema_version": SCHEMA_VERSION,
            "environment": environment,
            "account_id": account,
            "region": REGION,
            "partition": "aws",
            "alert_topic_arn": f"arn:aws:sns:{REGION}:{account}:groundwork-{environment}-alerts",
        },
        "network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"], "job_security_group_id": "sg-1"},
        "storage": {
            "data_bucket": "groundwork-test-data",
            "artifact_bucket": "groundwork-test-artifacts",
            "log_bucket": "groundwork-test-logs",
            "kms_key_arn": key,
        },
        "registry": {
            "repositories": {"training": f"{registry}/training", "serving": f"{registry}/serving"},
            "serving_image": f"{registry}/serving:0.1.0",
        },
        "cluster": {
            "name": "groundwork-local",
            "arn": f"arn:aws:eks:{REGION}:{account}:cluster/groundwork-local",
            "node_pools": {},
        },
        "tracking": {
            "uri": f"arn:aws:sagemaker:{REGION}:{account}:mlflow-tracking-server/groundwork-local",
            "artifact_uri": "s3://groundwork-test-artifacts/mlflow",
        },
        "training": {"max_runtime_seconds": 86400, "use_vpc": False},
    }
    parameters = {section_path(environment, name): section_document(name, values) for name, values in sections.items()}
    team = {
        "name": TEAM,
        "namespace": TEAM,
        "execution_role_arn": role,
        "submit_role_arn": f"arn:aws:iam::{account}:role/{TEAM}-submit",
        "data_uri": f"s3://groundwork-test-data/teams/{TEAM}",
        "artifact_uri": f"s3://groundwork-test-artifacts/teams/{TEAM}",
    }
    index = {f"{team_index_path(environment)}/0": team_index_documents([TEAM])[0]}
    return {**parameters, **index, team_path(environment, TEAM): section_document("team", team)}


JobFolder = Callable[..., Path]


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """Writes a spec and its script; returns the spec's path. Keyword arguments are fields of the spec."""

    def write(script: str, **fields: Any) -> Path:
        import yaml

        (tmp_path / "train.py").write_text(script)
        spec = {"name": "trial", "team": TEAM, "entry_point": "train.py", "image": "training:0.1.0", **fields}
        (tmp_path / "job.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
        return tmp_path / "job.yaml"

    return write
