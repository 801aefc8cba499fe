"""Training jobs on the AWS server, asked for with boto3."""

import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, alive, archive, channel, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("training"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def transitions(job: dict[str, Any]) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_a_job_goes_from_its_channel_to_a_model_in_s3(server: SageMakerServer) -> None:
    server.submit(
        "succeeds",
        AlgorithmSpecification={
            "TrainingImage": "project:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [
                'cp /opt/ml/input/data/train/rows.csv "$SM_MODEL_DIR"/copied.csv; '
                "echo note > /opt/ml/output/data/note.txt; echo loss=0.5; echo loss=0.25"
            ],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
    )
    job = server.ended("succeeds")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert transitions(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(each["EndTime"] >= each["StartTime"] for each in job["SecondaryStatusTransitions"])
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/succeeds/output/model.tar.gz"
    assert server.unpacked("out/succeeds/output/model.tar.gz") == {"copied.csv": "1,2\n"}
    assert server.unpacked("out/succeeds/output/output.tar.gz") == {"note.txt": "note\n"}
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [("loss", 0.25)]
    assert job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    assert server.printed("succeeds") == ["loss=0.5", "loss=0.25"]
    statistics = server.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": "succeeds"}],
        StartTime=job["CreationTime"].timestamp() - 60,
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=["Minimum", "SampleCount"],
    )["Datapoints"]
    assert sum(each["SampleCount"] for each in statistics) == 2
    assert min(each["Minimum"] for each in statistics) == 0.25


def test_a_job_finds_the_documented_files_and_variables_and_nothing_of_the_users_own(
    server: SageMakerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.submit(
        "contract",
        "env; echo; cat /opt/ml/input/config/hyperparameters.json; echo; cat /opt/ml/input/config/resourceconfig.json; "
        "echo; cat /opt/ml/input/config/inputdataconfig.json; echo; getent hosts algo-1",
        HyperParameters={"epochs": "3", "name": '"quoted"'},
        Environment={"TEAM": "flights"},
    )
    assert server.ended("contract")["TrainingJobStatus"] == "Completed"
    printed = server.printed("contract")
    variables = dict(line.split("=", 1) for line in printed if "=" in line)
    expected = {
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_CHANNEL_TRAIN": "/opt/ml/input/data/train",
        "SM_CHANNELS": '["train"]',
        "SM_HP_EPOCHS": "3",
        "SM_HP_NAME": "quoted",
        "SM_HPS": '{"epochs": 3, "name": "quoted"}',
        "SM_USER_ARGS": '["--epochs", "3", "--name", "quoted"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_NUM_GPUS": variables["SM_NUM_GPUS"],
        "SM_MASTER_PORT": "7777",
        "TRAINING_JOB_NAME": "contract",
        "TEAM": "flights",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert '{"epochs": "3", "name": "\\"quoted\\""}' in printed
    assert any(line.startswith('{"current_host": "algo-1"') for line in printed)
    assert any(line.startswith("127.") and line.endswith(" algo-1") for line in printed)
    assert "PYTEST_CURRENT_TEST" not in variables
    assert "AWS_PROFILE" not in variables


def test_a_job_acts_as_its_role(server: SageMakerServer) -> None:
    server.submit(
        "identity", "python -c \"import boto3; print('arn', boto3.client('sts').get_caller_identity()['Arn'])\""
    )
    assert server.ended("identity")["TrainingJobStatus"] == "Completed"
    assert server.printed("identity") == ["arn arn:aws:sts::123456789012:assumed-role/trainer/SageMaker"]


def test_a_failing_script_gives_its_tracebacks_last_lines(server: SageMakerServer) -> None:
    server.submit("raises", "python -c \"raise ValueError('no such column: fare')\"")
    job = server.ended("raises")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert job["FailureReason"].endswith("ValueError: no such column: fare, exit code: 1")
    assert server.keys("out/raises/") == []


def test_a_failure_file_is_the_reason(server: SageMakerServer) -> None:
    server.submit("failure-file", "head -c 3000 /dev/zero | tr '\\0' x > /opt/ml/output/failure; exit 3")
    reason = server.ended("failure-file")["FailureReason"]
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: xxx")
    assert reason.endswith(", exit code: 3")


@pytest.mark.parametrize(
    ("name", "members", "reason"),
    [
        (
            "no-data",
            {"InputDataConfig": [channel("train", f"s3://{BUCKET}/nothing/")]},
            f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/"',
        ),
        ("no-bucket", {"InputDataConfig": [channel("train", "s3://not-a-bucket/x/")]}, "NoSuchBucket"),
        ("no-output", {"OutputDataConfig": {"S3OutputPath": "s3://not-a-bucket/out"}}, "Failed to upload model"),
        (
            "no-command",
            {"AlgorithmSpecification": {"TrainingImage": "project:1", "TrainingInputMode": "File"}},
            "has no training command",
        ),
    ],
)
def test_what_the_service_cannot_do_is_a_client_error(
    server: SageMakerServer, name: str, members: dict[str, Any], reason: str
) -> None:
    server.submit(name, "echo m > /opt/ml/model/m", **members)
    job = server.ended(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]


def test_a_stopped_job_may_save_its_model(server: SageMakerServer) -> None:
    server.submit(
        "stopped",
        "sleep 1000 & echo child $!; trap 'echo saved > /opt/ml/model/m; exit 0' TERM; echo up; "
        "while :; do sleep 0.05; done",
    )
    eventually(lambda: _printed(server, "stopped"), lambda lines: "up" in lines)
    server.sagemaker.stop_training_job(TrainingJobName="stopped")
    job = server.ended("stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert transitions(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    assert server.unpacked("out/stopped/output/model.tar.gz") == {"m": "saved\n"}
    child = int(next(line for line in server.printed("stopped") if line.startswith("child")).split()[1])
    assert not alive(child)
    with pytest.raises(ClientError, match="The request was rejected because the training job is in status Stopped"):
        server.sagemaker.stop_training_job(TrainingJobName="stopped")


def _printed(server: SageMakerServer, name: str) -> list[str]:
    """What a job has printed so far; nothing while its log group is not there yet."""
    try:
        return server.printed(name)
    except server.logs.exceptions.ResourceNotFoundException:
        return []


def test_a_job_that_runs_out_of_time_is_stopped_with_its_whole_process_group(server: SageMakerServer) -> None:
    server.submit(
        "timeout",
        "setsid sleep 1000 & echo child $!; echo half > /opt/ml/model/m; sleep 1000",
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    job = server.ended("timeout")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert server.unpacked("out/timeout/output/model.tar.gz") == {"m": "half\n"}
    assert not alive(int(server.printed("timeout")[0].split()[1]))


def test_script_mode_runs_the_program_of_an_archive_with_hyperparameters_as_arguments(server: SageMakerServer) -> None:
    script = (
        "import os, sys, helper\nprint(sys.argv[1:], helper.VALUE, os.environ['SM_USER_ENTRY_POINT'], os.getcwd())\n"
    )
    body = archive({"train.py": script, "helper.py": "VALUE = 7\n"})
    server.s3.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=body)
    server.submit(
        "script-mode",
        AlgorithmSpecification={"TrainingImage": "project:1", "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/code/sourcedir.tar.gz"',
            "epochs": "3",
            "kind": '"linear"',
        },
    )
    job = server.ended("script-mode")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert server.printed("script-mode") == ["['--epochs', '3', '--kind', 'linear'] 7 train.py /opt/ml/code"]


def test_a_job_of_two_hosts_has_two_containers_that_find_each_other(server: SageMakerServer) -> None:
    for number in (1, 2):
        server.s3.put_object(Bucket=BUCKET, Key=f"shards/part-{number}", Body=b"x")
    server.submit(
        "two-hosts",
        'echo "$SM_CURRENT_HOST of $SM_HOST_COUNT"; getent hosts algo-2 | cut -d" " -f1; ls /opt/ml/input/data/train',
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/shards/", S3DataDistributionType="ShardedByS3Key")],
    )
    assert server.ended("two-hosts")["TrainingJobStatus"] == "Completed"
    printed = server.printed("two-hosts")
    assert "algo-1 of 2" in printed
    assert "algo-2 of 2" in printed
    assert sorted(line for line in printed if line.startswith("part-")) == ["part-1", "part-2"]


def test_checkpoints_go_to_s3_and_come_back_to_the_next_job(server: SageMakerServer) -> None:
    checkpoints = {"S3Uri": f"s3://{BUCKET}/checkpoints/a"}
    server.submit("first", "echo 1 > /opt/ml/checkpoints/step; exit 1", CheckpointConfig=checkpoints)
    assert server.ended("first")["TrainingJobStatus"] == "Failed"
    server.submit("second", "cat /opt/ml/checkpoints/step", CheckpointConfig=checkpoints)
    assert server.ended("second")["TrainingJobStatus"] == "Completed"
    assert server.printed("second") == ["1"]


def test_an_interrupted_spot_job_goes_on_from_its_checkpoints(server: SageMakerServer) -> None:
    server.submit(
        "spot-interrupted",
        "cd /opt/ml/checkpoints; if [ -e step ]; then echo resumed at $(cat step); exit 0; fi; "
        "echo 7 > step; echo first; sleep 1000",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/spot"},
    )
    eventually(lambda: _printed(server, "spot-interrupted"), lambda lines: "first" in lines)
    request = urllib.request.Request(
        f"{server.url}/_groundwork/sagemaker/interrupt", b'{"TrainingJobName": "spot-interrupted"}'
    )
    assert urllib.request.urlopen(request, timeout=10).status == 200
    job = server.ended("spot-interrupted")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert transitions(job) == [
        *("Starting", "Downloading", "Training", "Interrupted"),
        *("Starting", "Downloading", "Training", "Uploading", "Completed"),
    ]
    assert server.printed("spot-interrupted")[-1] == "resumed at 7"


def test_a_spot_job_that_is_interrupted_without_warning_has_what_had_reached_s3(server: SageMakerServer) -> None:
    server.submit(
        "spot-killed",
        "trap 'echo told > told; exit 0' TERM; cd /opt/ml/checkpoints; "
        "if [ -e step ]; then ls; exit 0; fi; echo 1 > step; "
        "sleep 1000 & wait",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/killed"},
    )
    eventually(lambda: server.keys("checkpoints/killed/"), lambda keys: keys == ["checkpoints/killed/step"])
    request = urllib.request.Request(
        f"{server.url}/_groundwork/sagemaker/interrupt", b'{"TrainingJobName": "spot-killed", "Warning": false}'
    )
    assert urllib.request.urlopen(request, timeout=10).status == 200
    job = server.ended("spot-killed")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert transitions(job).count("Interrupted") == 1
    # The first attempt was not told: it left nothing but its checkpoint.
    assert server.printed("spot-killed") == ["step"]


def test_a_checkpoint_that_the_job_deletes_goes_from_s3_too(server: SageMakerServer) -> None:
    server.submit(
        "checkpoints-deleted",
        "cd /opt/ml/checkpoints; touch old; sleep 2.5; rm old; touch new",
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/deleted"},
    )
    eventually(lambda: server.keys("checkpoints/deleted/"), lambda keys: keys == ["checkpoints/deleted/old"])
    assert server.ended("checkpoints-deleted")["TrainingJobStatus"] == "Completed"
    assert server.keys("checkpoints/deleted/") == ["checkpoints/deleted/new"]


def test_a_job_whose_requirements_are_met_installs_nothing(server: SageMakerServer) -> None:
    server.submit(
        "requirements", "echo 'boto3>=1' > r.txt; python -m pip install -r r.txt && pip install boto3; ls $PIP_TARGET"
    )
    server.ended("requirements")
    satisfied = [
        line for line in server.printed("requirements") if line.startswith("Requirement already satisfied: boto3")
    ]
    assert len(satisfied) == 2


def test_output_without_compression_is_uploaded_file_by_file(server: SageMakerServer) -> None:
    server.submit(
        "plain",
        "mkdir -p /opt/ml/model/a; echo x > /opt/ml/model/a/b",
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out", "CompressionType": "NONE"},
    )
    job = server.ended("plain")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/plain/output/model/"
    assert server.keys("out/plain/") == ["out/plain/output/model/a/b"]


def test_an_image_that_no_pattern_knows_runs_with_a_warning_in_its_log(server: SageMakerServer) -> None:
    server.submit(
        "unknown-image",
        AlgorithmSpecification={
            "TrainingImage": "somewhere/else:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
        },
    )
    assert server.ended("unknown-image")["TrainingJobStatus"] == "Completed"
    assert "knows the image somewhere/else:1" in server.printed("unknown-image")[0]


def test_jobs_are_listed_tagged_and_deleted(server: SageMakerServer) -> None:
    server.submit("listed-1", Tags=[{"Key": "team", "Value": "a"}])
    server.submit("listed-2", "exit 1")
    arn = server.ended("listed-1")["TrainingJobArn"]
    server.ended("listed-2")
    sagemaker = server.sagemaker
    listed = sagemaker.list_training_jobs(NameContains="listed", SortBy="Name", SortOrder="Ascending")
    assert [(each["TrainingJobName"], each["TrainingJobStatus"]) for each in listed["TrainingJobSummaries"]] == [
        ("listed-1", "Completed"),
        ("listed-2", "Failed"),
    ]
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains="listed", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [1, 1]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    sagemaker.delete_training_job(TrainingJobName="listed-1")
    with pytest.raises(ClientError, match="Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName="listed-1")


def test_requests_are_refused_as_the_service_refuses_them(server: SageMakerServer) -> None:
    server.submit("unique")
    with pytest.raises(ClientError, match=r"ResourceInUse.*Training job names must be unique"):
        server.submit("unique")
    with pytest.raises(ClientError, match=r"ValidationException.*at 'trainingJobName' failed to satisfy constraint"):
        server.submit("not_a_name")
    with pytest.raises(ClientError, match="Could not assume role"):
        server.submit("no-role", RoleArn=ROLE + "-of-nobody")
    with pytest.raises(ClientError, match=r"ResourceLimitExceeded.*training job usage"):
        server.submit("many", ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 99, "VolumeSizeInGB": 1})
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        server.submit("spot", EnableManagedSpotTraining=True)
    with pytest.raises(ClientError, match="is not valid"):
        server.submit(
            "regex",
            AlgorithmSpecification={
                "TrainingImage": "project:1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "x", "Regex": "("}],
            },
        )
