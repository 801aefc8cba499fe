"""Batch transform jobs on the AWS server, asked for with boto3."""

import gzip
import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

pytestmark = pytest.mark.local

LOG_GROUP = "/aws/sagemaker/TransformJobs"
SUMS = """
import json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments): pass
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == "/ping": return self.answer(200, b"")
        wishes = os.environ.get("WISHES", "")
        self.answer(200 if wishes else 404, wishes.encode())
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print("asked", len(body.splitlines()), self.headers["Content-Type"], flush=True)
        if "wait" in body:
            while not os.path.exists(os.environ["GO"]): time.sleep(0.02)
            body = body.replace("wait", "0")
        if self.headers["Content-Type"] == "application/jsonlines":
            sums = [json.dumps({"sum": sum(json.loads(line)["x"])}) for line in body.splitlines()]
        else:
            try: sums = [str(sum(float(cell) for cell in line.split(","))) for line in body.splitlines()]
            except ValueError as error: return self.answer(400, str(error).encode())
        self.answer(200, "\\n".join(sums).encode())

print({name: value for name, value in sorted(os.environ.items()) if name.startswith("SAGEMAKER_BATCH")}, flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("transform"))
    (server.folder / "sums.py").write_text(SUMS)
    with (server.state / "environments.yaml").open("a") as file:
        file.write(f'  - images: ["sums:*"]\n    serve: ["{{python}}", "{server.folder / "sums.py"}"]\n')
    server.start()
    server.prepare()
    yield server
    server.stop()


def model(server: SageMakerServer, name: str, **environment: str) -> str:
    """A model that adds the numbers of a row."""
    container = {
        "Image": "sums:1",
        "ModelDataUrl": f"s3://{BUCKET}/models/model.tar.gz",
        "Environment": {"GO": str(server.folder / f"go-{name}"), **environment},
    }
    server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    return name


def transform(server: SageMakerServer, name: str, objects: dict[str, Any], **members: Any) -> str:
    """A transform job of a model of its name over these objects."""
    for key, body in objects.items():
        server.s3.put_object(Bucket=BUCKET, Key=f"rows/{name}/{key}", Body=body)
    source = {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows/{name}/"}},
        "ContentType": "text/csv",
        "SplitType": "Line",
    }
    request: dict[str, Any] = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {**source, **members.pop("TransformInput", {})},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/sums/{name}", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }
    server.sagemaker.create_transform_job(**request)
    return name


def ended(server: SageMakerServer, name: str) -> dict[str, Any]:
    """The job's description once it has ended."""
    return eventually(
        lambda: server.sagemaker.describe_transform_job(TransformJobName=name),
        lambda job: job["TransformJobStatus"] in ("Completed", "Failed", "Stopped"),
    )


def output(server: SageMakerServer, name: str) -> dict[str, str]:
    """The job's outputs by their names."""
    keys = server.keys(f"sums/{name}/")
    return {
        key.removeprefix(f"sums/{name}/"): server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        for key in keys
    }


def printed(server: SageMakerServer, name: str, suffix: str = "") -> list[str]:
    """What a job's containers printed, or its data log."""
    streams = server.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    names = [each["logStreamName"] for each in streams if each["logStreamName"].endswith("/data-log") == bool(suffix)]
    events = (server.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=each)["events"] for each in names)
    return [event["message"] for each in events for event in each]


def test_a_transform_answers_every_row_of_every_object_joined_to_it(server: SageMakerServer) -> None:
    model(server, "joined")
    transform(
        server,
        "joined",
        {"a.csv": "id-1,1,2\nid-2,3,4\n", "deep/b.csv": "id-3,5,6\n"},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=2,
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        Tags=[{"Key": "team", "Value": "sums"}],
    )
    job = ended(server, "joined")
    assert job["TransformJobStatus"] == "Completed", job
    assert output(server, "joined") == {"a.csv.out": "id-1,3.0\nid-2,7.0\n", "deep/b.csv.out": "id-3,11.0\n"}
    assert printed(server, "joined").count("asked 1 text/csv") == 3
    assert "'SAGEMAKER_BATCH': 'true', 'SAGEMAKER_BATCH_STRATEGY': 'SINGLE_RECORD'" in printed(server, "joined")[0]
    summary = server.sagemaker.list_transform_jobs(NameContains="join", StatusEquals="Completed")
    assert [each["TransformJobName"] for each in summary["TransformJobSummaries"]] == ["joined"]
    arn = job["TransformJobArn"]
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "sums"}]


def test_a_bad_object_fails_the_job_and_leaves_the_outputs_of_the_others(server: SageMakerServer) -> None:
    model(server, "bad")
    transform(server, "bad", {"a.csv": "1,x\n", "b.csv": "1,2\n3,4\n"})
    job = ended(server, "bad")
    assert job["TransformJobStatus"] == "Failed"
    assert f"{BUCKET}/rows/bad/a.csv: Bad HTTP status received from algorithm: 400" in job["FailureReason"]
    assert output(server, "bad") == {"b.csv.out": "3.0\n7.0\n"}
    assert any("could not convert string" in line for line in printed(server, "bad", "/data-log"))


@pytest.mark.full
def test_what_the_container_wishes_holds_unless_the_job_says_otherwise(server: SageMakerServer) -> None:
    wishes = {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1}
    model(server, "wishes", WISHES=json.dumps(wishes))
    zipped = gzip.compress(b'{"x": [1, 2]}\n{"x": [3]}\n')
    given = {"CompressionType": "Gzip", "ContentType": "application/jsonlines"}
    transform(server, "wishes", {"a.gz": zipped}, TransformInput=given, DataProcessing={"JoinSource": "Input"})
    assert ended(server, "wishes")["TransformJobStatus"] == "Completed"
    lines = [json.loads(line) for line in output(server, "wishes")["a.gz.out"].splitlines()]
    assert lines == [{"x": [1, 2], "SageMakerOutput": {"sum": 3}}, {"x": [3], "SageMakerOutput": {"sum": 3}}]
    assert printed(server, "wishes").count("asked 1 application/jsonlines") == 2
    wanted = "MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=SINGLE_RECORD"
    assert any(wanted in line for line in printed(server, "wishes", "/data-log"))


@pytest.mark.full
def test_a_stopped_transform_leaves_no_output(server: SageMakerServer) -> None:
    model(server, "stopped")
    transform(server, "stopped", {"a.csv": "1,2\n", "b.csv": "wait\n"})
    eventually(lambda: asked(server, "stopped"), lambda count: count == 2)
    server.sagemaker.stop_transform_job(TransformJobName="stopped")
    assert ended(server, "stopped")["TransformJobStatus"] == "Stopped"
    assert output(server, "stopped") == {}
    with pytest.raises(ClientError, match="in status Stopped"):
        server.sagemaker.stop_transform_job(TransformJobName="stopped")


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_transform_goes_on_after_a_restart_of_the_server(server: SageMakerServer, number: signal.Signals) -> None:
    name = f"restarted-{int(number)}"
    model(server, name)
    transform(server, name, {"a.csv": "1,2\n", "b.csv": "wait\n"})
    eventually(lambda: asked(server, name), lambda count: count == 2)
    server.stop(number)
    (server.folder / f"go-{name}").touch()
    server.start()
    assert ended(server, name)["TransformJobStatus"] == "Completed"
    assert output(server, name) == {"a.csv.out": "3.0\n", "b.csv.out": "0.0\n"}
    # The first object was not asked for again.
    assert asked(server, name) == 3


@pytest.mark.full
def test_what_cannot_run_is_refused_by_name(server: SageMakerServer) -> None:
    model(server, "refused")
    for members, words in (
        ({"TransformInput": {"SplitType": "RecordIO"}}, "splits by None or Line, not RecordIO"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "at most 100"),
        ({"DataProcessing": {"InputFilter": "$..deep"}}, "is no filter"),
        ({"ModelName": "nobody"}, "Could not find model"),
    ):
        with pytest.raises(ClientError, match=words):
            transform(server, "refused", {}, **members)


def asked(server: SageMakerServer, name: str) -> int:
    """Requests that the job's containers have had."""
    try:
        return sum(line.startswith("asked") for line in printed(server, name))
    except server.logs.exceptions.ResourceNotFoundException:
        return 0


@pytest.mark.full
def test_the_model_may_be_deleted_while_the_job_runs(server: SageMakerServer) -> None:
    model(server, "deleted")
    transform(server, "deleted", {"a.csv": "1,wait\n"})
    server.sagemaker.delete_model(ModelName="deleted")
    (server.folder / "go-deleted").touch()
    assert ended(server, "deleted")["TransformJobStatus"] == "Completed"
