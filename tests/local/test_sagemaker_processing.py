"""Processing jobs on the AWS server, asked for with boto3."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, alive, eventually

pytestmark = pytest.mark.local

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("processing"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def given(name: str, uri: str, path: str, **members: Any) -> dict[str, Any]:
    """An input of an S3 prefix."""
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **members}
    return {"InputName": name, "S3Input": source}


def left(name: str, uri: str, path: str, mode: str = "EndOfJob") -> dict[str, Any]:
    """An output."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}}


def process(server: SageMakerServer, name: str, script: str, **members: Any) -> str:
    """A processing job that runs a shell script."""
    request: dict[str, Any] = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": "project:1",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [script],
        },
        "ProcessingInputs": [given("rows", f"s3://{BUCKET}/data/train", "/opt/ml/processing/input/rows")],
        "ProcessingOutputConfig": {
            "Outputs": [left("result", f"s3://{BUCKET}/processed/{name}", "/opt/ml/processing/output")]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }
    server.sagemaker.create_processing_job(**request)
    return name


def described(server: SageMakerServer, name: str) -> dict[str, Any]:
    return server.sagemaker.describe_processing_job(ProcessingJobName=name)


def ended(server: SageMakerServer, name: str) -> dict[str, Any]:
    """The job's description once it has ended."""
    return eventually(
        lambda: described(server, name), lambda job: job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped")
    )


def printed(server: SageMakerServer, name: str) -> list[str]:
    """What a job has printed so far, host by host."""
    try:
        streams = server.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    except server.logs.exceptions.ResourceNotFoundException:
        return []
    events = (
        server.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"])["events"]
        for stream in streams
    )
    return [event["message"] for each in events for event in each]


def content(server: SageMakerServer, key: str) -> str:
    return server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def test_a_job_goes_from_its_inputs_to_its_outputs_in_s3(server: SageMakerServer) -> None:
    process(
        server,
        "succeeds",
        "cd /opt/ml/processing; sort input/rows/rows.csv > output/sorted.csv; mkdir output/deep; "
        'echo x > output/deep/x; ln -s x output/deep/link; echo "kind=$KIND"; printf "3 rows" > /opt/ml/output/message',
        Environment={"KIND": "sorted"},
    )
    job = ended(server, "succeeds")
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ExitMessage"] == "3 rows"
    assert "FailureReason" not in job
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert job["ProcessingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:processing-job/succeeds"
    assert content(server, "processed/succeeds/sorted.csv") == "1,2\n"
    # Links are not followed.
    assert server.keys("processed/succeeds/") == ["processed/succeeds/deep/x", "processed/succeeds/sorted.csv"]
    assert printed(server, "succeeds") == ["kind=sorted"]


def test_a_container_finds_its_configuration(server: SageMakerServer) -> None:
    process(
        server,
        "configured",
        "cp /opt/ml/config/*.json /opt/ml/processing/output",
        Environment={"A": "b"},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert ended(server, "configured")["ProcessingJobStatus"] == "Completed"
    resources = json.loads(content(server, "processed/configured/resourceconfig.json"))
    assert resources == {"current_host": "algo-1", "hosts": ["algo-1"]}
    job = json.loads(content(server, "processed/configured/processingjobconfig.json"))
    assert job["ProcessingJobArn"].endswith("processing-job/configured")
    assert job["Environment"] == {"A": "b"}
    assert job["ProcessingInputs"][0]["S3Input"]["LocalPath"] == "/opt/ml/processing/input/rows"
    assert job["AppSpecification"]["ImageUri"] == "project:1"


def test_a_job_reads_and_writes_aws_with_the_credentials_of_its_role(server: SageMakerServer) -> None:
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    process(
        server,
        "role",
        "",
        AppSpecification={"ImageUri": "project:1", "ContainerEntrypoint": ["python3", "-c", script]},
    )
    assert ended(server, "role")["ProcessingJobStatus"] == "Completed"
    assert printed(server, "role") == ["arn:aws:sts::123456789012:assumed-role/trainer/SageMaker"]


def test_a_job_that_fails_says_so_and_keeps_what_was_continuous(server: SageMakerServer) -> None:
    outputs = [
        left("report", f"s3://{BUCKET}/failed/report", "/opt/ml/processing/report", "Continuous"),
        left("result", f"s3://{BUCKET}/failed/result", "/opt/ml/processing/result"),
    ]
    process(
        server,
        "fails",
        "echo why > /opt/ml/processing/report/why; echo no > /opt/ml/processing/result/no; "
        "printf 'no rows' > /opt/ml/output/message; echo broken >&2; exit 3",
        ProcessingOutputConfig={"Outputs": outputs},
    )
    job = ended(server, "fails")
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Failed", "no rows")
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert printed(server, "fails") == ["broken"]
    assert server.keys("failed/") == ["failed/report/why"]


def test_continuous_output_is_in_s3_while_the_job_runs(server: SageMakerServer) -> None:
    output = left("rows", f"s3://{BUCKET}/continuous", "/opt/ml/processing/rows", "Continuous")
    process(
        server,
        "continuous",
        "echo first > /opt/ml/processing/rows/a; sleep 1000",
        ProcessingOutputConfig={"Outputs": [output]},
    )
    eventually(lambda: server.keys("continuous/"), lambda keys: keys == ["continuous/a"])
    assert described(server, "continuous")["ProcessingJobStatus"] == "InProgress"
    server.sagemaker.stop_processing_job(ProcessingJobName="continuous")
    assert ended(server, "continuous")["ProcessingJobStatus"] == "Stopped"


def test_a_message_that_is_no_text_fails_the_job(server: SageMakerServer) -> None:
    process(server, "binary", r"printf '\377' > /opt/ml/output/message")
    job = ended(server, "binary")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: /opt/ml/output/message is not UTF-8")


def test_a_stopped_job_ends_with_all_that_it_started(server: SageMakerServer) -> None:
    process(server, "stopped", "trap 'echo told; exit 0' TERM; setsid sleep 1000 & echo child $!; wait")
    child = int(eventually(lambda: printed(server, "stopped"), bool)[0].split()[1])
    server.sagemaker.stop_processing_job(ProcessingJobName="stopped")
    job = ended(server, "stopped")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert printed(server, "stopped")[-1] == "told"
    assert not alive(child)
    with pytest.raises(ClientError, match="rejected because the processing job is in status Stopped"):
        server.sagemaker.stop_processing_job(ProcessingJobName="stopped")


def test_a_job_that_runs_out_of_time_is_stopped(server: SageMakerServer) -> None:
    process(server, "timeout", "sleep 1000", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = ended(server, "timeout")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job


def test_input_that_is_not_there_fails_the_job(server: SageMakerServer) -> None:
    process(
        server,
        "no-input",
        "true",
        ProcessingInputs=[given("rows", f"s3://{BUCKET}/nothing", "/opt/ml/processing/input")],
    )
    job = ended(server, "no-input")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/nothing"')


def test_a_job_of_two_hosts_shares_its_input_by_key(server: SageMakerServer) -> None:
    for number in (1, 2):
        server.s3.put_object(Bucket=BUCKET, Key=f"parts/{number}", Body=b"x")
    process(
        server,
        "two-hosts",
        "ls /opt/ml/processing/parts; getent hosts algo-2 > /dev/null && echo found",
        ProcessingInputs=[
            given("parts", f"s3://{BUCKET}/parts/", "/opt/ml/processing/parts", S3DataDistributionType="ShardedByS3Key")
        ],
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
    )
    assert ended(server, "two-hosts")["ProcessingJobStatus"] == "Completed"
    assert sorted(printed(server, "two-hosts")) == ["1", "2", "found", "found"]


def test_jobs_are_listed_tagged_and_deleted(server: SageMakerServer) -> None:
    process(server, "listed-1", "true", Tags=[{"Key": "team", "Value": "a"}])
    process(server, "listed-2", "exit 1")
    arn = ended(server, "listed-1")["ProcessingJobArn"]
    ended(server, "listed-2")
    found = server.sagemaker.list_processing_jobs(NameContains="listed", SortBy="Name", SortOrder="Ascending")
    assert [(each["ProcessingJobName"], each["ProcessingJobStatus"]) for each in found["ProcessingJobSummaries"]] == [
        ("listed-1", "Completed"),
        ("listed-2", "Failed"),
    ]
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    server.sagemaker.delete_processing_job(ProcessingJobName="listed-1")
    with pytest.raises(ClientError, match="Could not find requested job with name: listed-1"):
        described(server, "listed-1")


def test_requests_are_refused_as_the_service_refuses_them(server: SageMakerServer) -> None:
    process(server, "unique", "true")
    with pytest.raises(ClientError, match=r"ResourceInUse.*Processing job names must be unique"):
        process(server, "unique", "true")
    with pytest.raises(ClientError, match=r"ValidationException.*processingJobName.*failed to satisfy constraint"):
        process(server, "not_a_name", "true")
    with pytest.raises(ClientError, match="Could not assume role"):
        process(server, "no-role", "true", RoleArn=ROLE + "-of-nobody")
    for path in ("/tmp/x", "/opt/ml/processing/../x"):
        with pytest.raises(ClientError, match="LocalPath must begin with /opt/ml/processing/"):
            process(server, "path", "true", ProcessingInputs=[given("rows", f"s3://{BUCKET}/data", path)])
    twice = [given(name, f"s3://{BUCKET}/data", "/opt/ml/processing/in") for name in ("a", "b")]
    with pytest.raises(ClientError, match="LocalPath of every input and output must be unique"):
        process(server, "twice", "true", ProcessingInputs=twice)


def test_a_job_outlives_a_killed_server(server: SageMakerServer, tmp_path: Path) -> None:
    go = tmp_path / "go"
    process(
        server, "outlives", f"echo up; while [ ! -e {go} ]; do sleep 0.05; done; echo x > /opt/ml/processing/output/x"
    )
    eventually(lambda: printed(server, "outlives"), bool)
    server.stop(signal.SIGKILL)
    server.start()
    assert described(server, "outlives")["ProcessingJobStatus"] == "InProgress"
    go.touch()
    assert ended(server, "outlives")["ProcessingJobStatus"] == "Completed"
    assert printed(server, "outlives") == ["up"]
    assert server.keys("processed/outlives/") == ["processed/outlives/x"]


def test_a_job_that_was_lost_with_its_server_says_so(server: SageMakerServer) -> None:
    process(server, "lost", "echo $PPID; sleep 1000")
    shim = int(eventually(lambda: printed(server, "lost"), bool)[0])
    server.stop(signal.SIGKILL)
    os.kill(shim, signal.SIGKILL)
    server.start()
    job = ended(server, "lost")
    assert job["FailureReason"].startswith("InternalServerError: The local AWS server died while the job ran")
