"""An AWS server of a test's own, with a role, a bucket and clients for SageMaker tests."""

import configparser
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.supervisor.ports import free_port

BUCKET = "sagemaker-tests"
ROLE = "arn:aws:iam::123456789012:role/trainer"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
EACH_10_S = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
"""An endpoint configuration's MetricsConfig with which metrics come soonest."""
PATIENCE_S = 180.0
LOG_GROUP = "/aws/sagemaker/TrainingJobs"

MODEL_SERVER = """
import itertools, json, os, resource, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

numbers = itertools.count(1)
leaked = []

def or_die(handle):
    def handling(self):
        try: handle(self)
        except MemoryError: os._exit(137)
    return handling

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments): pass
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, {})
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body == "die" or body == "die-in-" + os.environ.get("TAG", ""): os._exit(9)
        leaked.append(b"x" * (int(os.environ.get("LEAK_MB", "0")) << 20))
        if body == "bad": return self.answer(400, {"error": "bad input"})
        if body.startswith("sleep"): time.sleep(float(body[5:]))
        if body.startswith("hold "):
            open(body[5:] + "." + os.environ["TAG"], "w").close()
            while os.path.exists(body[5:]): time.sleep(0.02)
        time.sleep(float(os.environ.get("SLOW", "0")))
        if next(numbers) % int(os.environ.get("FAIL_EVERY", "1000000000")) == 0:
            return self.answer(500, {"error": "a bad model"})
        model = open(os.path.join(os.environ["SM_MODEL_DIR"], "weights.txt")).read()
        self.answer(200, {"pid": os.getpid(), "model": model, "tag": os.environ.get("TAG", ""), "body": body,
                          "type": self.headers["Content-Type"],
                          "custom": self.headers.get("X-Amzn-SageMaker-Custom-Attributes")})

if "MEMORY_MB" in os.environ:
    # No memory left ends a real server, too: the first thread that gets none takes the process with it.
    resource.setrlimit(resource.RLIMIT_DATA, (int(os.environ["MEMORY_MB"]) << 20,) * 2)
    Handler.handle_one_request = or_die(Handler.handle_one_request)
if os.environ.get("CRASH") or os.path.exists(os.environ.get("CRASH_IF", "")):
    raise SystemExit("the model cannot be loaded")
time.sleep(float(os.environ.get("DELAY", "0")))
print("serving", sorted(os.listdir(os.environ["SM_MODEL_DIR"])), flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


class SageMakerServer:
    """The process, to be started, killed and started again on the same port and state."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.arguments: tuple[str, ...] = ()
        self.state = folder / "state"
        self.state.mkdir(parents=True)
        (folder / "model_server.py").write_text(MODEL_SERVER)
        (self.state / "environments.yaml").write_text(
            "environments:\n"
            '  - images: ["model-server:*"]\n'
            f'    serve: ["{{python}}", "{folder / "model_server.py"}"]\n'
            '  - images: ["project:*"]\n'
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def serve_with(self, images: str, command: list[str]) -> None:
        """Adds images whose `serve` is a command. Before the start."""
        with (self.state / "environments.yaml").open("a") as file:
            file.write(f"  - images: {json.dumps([images])}\n    serve: {json.dumps(command)}\n")

    def start(self) -> None:
        """Returns once it answers."""
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "local.aws_server", "--state-dir", str(self.state), "--port", str(self.port)),
                *("--aws-config", str(self.folder / "config"), "--aws-credentials", str(self.folder / "credentials")),
                *self.arguments,
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, **self.environment},
        )
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.url}/_groundwork/health", timeout=5)
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process and waits for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)

    def prepare(self) -> None:
        """A bucket with a channel and a model in it, and a role that SageMaker may assume."""
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="data/train/rows.csv", Body=b"1,2\n")
        self.s3.put_object(Bucket=BUCKET, Key="models/model.tar.gz", Body=archive({"weights.txt": "w1"}))
        self.client("iam").create_role(RoleName="trainer", AssumeRolePolicyDocument=json.dumps(TRUST))

    def issued_keys(self) -> tuple[str, str]:
        """The access key and its secret that the server has issued to the platform's admin."""
        profile = configparser.RawConfigParser()
        profile.read(self.folder / "credentials")
        section = profile["groundwork-local"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client that never repeats a call by itself."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.issued_keys()[0],
            aws_secret_access_key=self.issued_keys()[1],
            config=Config(retries={"max_attempts": 0}, **options),
        )

    @cached_property
    def sagemaker(self) -> Any:
        """Client of the control plane."""
        return self.client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        """Client for invocations."""
        return self.client("sagemaker-runtime", max_pool_connections=20)

    @cached_property
    def s3(self) -> Any:
        """Client of S3."""
        return self.client("s3")

    @cached_property
    def logs(self) -> Any:
        """Client of CloudWatch Logs."""
        return self.client("logs")

    def submit(self, name: str, script: str = "true", **members: Any) -> str:
        """A training job that runs a shell script."""
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": "project:1",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/sh", "-c"],
                "ContainerArguments": [script],
            },
            "InputDataConfig": [channel("train", f"s3://{BUCKET}/data/train/")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }
        self.sagemaker.create_training_job(**request)
        return name

    def ended(self, name: str) -> dict[str, Any]:
        """The job's description once it has ended."""
        return self.job_when(name, lambda job: job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"))

    def job_when(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job's description once it fulfils a condition."""
        return eventually(lambda: self.sagemaker.describe_training_job(TrainingJobName=name), condition)

    def printed(self, name: str) -> list[str]:
        """What a job's containers printed, host by host."""
        streams = self.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in self.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"])[
                "events"
            ]
        ]

    def keys(self, prefix: str) -> list[str]:
        """Keys of the test's bucket."""
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]

    def unpacked(self, key: str) -> dict[str, str]:
        """The text files of a tar.gz in the test's bucket."""
        body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {member.name: text(tar, member) for member in tar.getmembers() if member.isfile()}

    def model(self, name: str, **environment: str) -> str:
        """A model that the test's own server serves."""
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={
                "Image": "model-server:1",
                "ModelDataUrl": f"s3://{BUCKET}/models/model.tar.gz",
                "Environment": environment,
            },
            ExecutionRoleArn=ROLE,
        )
        return name

    def config(self, name: str, *variants: Mapping[str, Any], **members: Any) -> str:
        """An endpoint configuration; a variant needs VariantName and ModelName."""
        defaults = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1}
        for kind, value in members.items():
            if kind == "ShadowProductionVariants":
                members[kind] = [{**defaults, **variant} for variant in value]
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**defaults, **variant} for variant in variants], **members
        )
        return name

    def settled(self, name: str) -> dict[str, Any]:
        """The endpoint's description once no change is under way."""
        return eventually(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name),
            lambda endpoint: endpoint["EndpointStatus"] in ("InService", "Failed", "UpdateRollbackFailed"),
        )

    def invoke(self, name: str, body: str = "1,2", **members: Any) -> dict[str, Any]:
        """The model server's answer."""
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv", **members)
        return json.loads(answer["Body"].read()) | {"variant": answer["InvokedProductionVariant"]}


def metric_total(
    server: SageMakerServer, metric: str, endpoint: str, variant: str, namespace: str = "AWS/SageMaker"
) -> float:
    """The sum of an endpoint's metric in the last minutes."""
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def eventually(ask: Callable[[], Any], condition: Callable[[Any], bool], patience_s: float = PATIENCE_S) -> Any:
    """The first answer that fulfils a condition."""
    until = time.monotonic() + patience_s
    while not condition(answer := ask()):
        assert time.monotonic() < until, f"still {answer}"
        time.sleep(0.02)
    return answer


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    """A channel of an S3 prefix."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, **members}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def archive(files: Mapping[str, str]) -> bytes:
    """A tar.gz of text files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(content.encode()))
    return target.getvalue()


def text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """A member's content."""
    file = tar.extractfile(member)
    assert file is not None
    return file.read().decode()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
