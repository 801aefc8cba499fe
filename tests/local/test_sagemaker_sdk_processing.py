"""The genuine SageMaker SDK's processors and model packages against the AWS server, in a process of a user's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.sagemaker_server import BUCKET, SageMakerServer
from tests.local.sdk_script import run

pytestmark = pytest.mark.local

SCRIPT = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--times", type=int)
times = parser.parse_args().times
rows = pathlib.Path("/opt/ml/processing/input/rows/rows.csv").read_text()
pathlib.Path("/opt/ml/processing/output/rows.csv").write_text(rows * times)
print("processed", times)
"""

CLIENT = """
import json, sys
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.model_registry import create_model_package_from_containers
from sagemaker.core.processing import FrameworkProcessor, Processor, ScriptProcessor, logs_for_processing_job
from sagemaker.core.resources import ModelPackage, ModelPackageGroup, ProcessingJob
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

settings = json.loads(sys.argv[1])
bucket, image = settings["bucket"], "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
session = Session(boto_session=boto3.Session(), default_bucket=bucket)
common = dict(
    role=settings["role"], image_uri=image, instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1,
    max_runtime_in_seconds=100, sagemaker_session=session,
)

def files(name):
    rows = ProcessingS3Input(
        s3_uri=f"s3://{bucket}/data/train", local_path="/opt/ml/processing/input/rows", s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    output = ProcessingS3Output(
        s3_uri=f"s3://{bucket}/sdk/{name}", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
    )
    return dict(
        inputs=[ProcessingInput(input_name="rows", s3_input=rows)],
        outputs=[ProcessingOutput(output_name="rows", s3_output=output)],
    )

found = {}

def ended(name, processor):
    job = processor.latest_job
    job.wait(poll=1)
    found[name] = [job.processing_job_status, job.processing_job_name, job.exit_message or ""]
    return job

plain = Processor(entrypoint=["/bin/sh", "-c"], **common)
command = "cat /opt/ml/processing/input/rows/rows.csv > /opt/ml/processing/output/rows.csv; "
plain.run(arguments=[command + "printf said > /opt/ml/output/message"], wait=False, logs=False, **files("plain"))
ended("plain", plain)

script = ScriptProcessor(command=["python3"], **common)
script.run(
    code=settings["code"] + "/process.py", arguments=["--times", "2"], wait=False, logs=False, **files("script")
)
job = ended("script", script)
print("LOGS")
logs_for_processing_job(session, job.processing_job_name)

framework = FrameworkProcessor(command=["python3"], **common)
framework.run(
    code="process.py", source_dir=settings["code"], arguments=["--times", "3"], requirements="requirements.txt",
    wait=False, logs=False, **files("framework"),
)
ended("framework", framework)
found["listed"] = sorted(each.processing_job_name for each in ProcessingJob.get_all())

for approval in ("Approved", "PendingManualApproval"):
    create_model_package_from_containers(
        session, containers=[{"Image": image, "ModelDataUrl": f"s3://{bucket}/models/model.tar.gz"}],
        content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"], model_package_group_name="sdk-models", approval_status=approval,
        customer_metadata_properties={"job": "a"},
    )
group = ModelPackageGroup.get("sdk-models")
found["group"] = [group.model_package_group_name, group.model_package_group_status]
versions = list(ModelPackage.get_all(model_package_group_name="sdk-models"))
found["versions"] = [[each.model_package_version, each.model_approval_status] for each in versions]
second = ModelPackage.get(versions[1].model_package_arn)
second.update(model_approval_status="Rejected", approval_description="worse")
second.refresh()
found["updated"] = [second.model_approval_status, second.approval_description, second.customer_metadata_properties]
session.sagemaker_client.delete_model_package(ModelPackageName=second.model_package_arn)
found["left"] = len(list(ModelPackage.get_all(model_package_group_name="sdk-models")))
print("FOUND", json.dumps(found))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("sdk-processing"))
    server.start()
    server.prepare()
    server.client("iam").attach_role_policy(
        RoleName="trainer", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def output(server: SageMakerServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the SDK's process printed."""
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "process.py").write_text(SCRIPT)
    (folder / "requirements.txt").write_text("boto3>=1\n")
    printed, _ = run(server, folder, CLIENT, code=str(folder))
    return printed


@pytest.fixture(scope="module")
def found(output: str) -> dict[str, Any]:
    """What it saw."""
    return json.loads(next(line for line in output.splitlines() if line.startswith("FOUND "))[6:])


@pytest.mark.parametrize(("kind", "times"), [("plain", 1), ("script", 2), ("framework", 3)])
def test_the_sdks_processors_run(server: SageMakerServer, found: dict[str, Any], kind: str, times: int) -> None:
    assert found[kind][0] == "Completed"
    rows = server.s3.get_object(Bucket=BUCKET, Key=f"sdk/{kind}/rows.csv")["Body"].read()
    assert rows == b"1,2\n" * times


def test_the_sdk_shows_a_jobs_log_and_its_message(output: str, found: dict[str, Any]) -> None:
    assert "processed 2" in output.partition("LOGS")[2]
    assert found["plain"][2] == "said"
    assert found["listed"] == sorted(found[kind][1] for kind in ("plain", "script", "framework"))


def test_the_sdk_registers_lists_and_rejects_versions_of_a_model(found: dict[str, Any]) -> None:
    assert found["group"] == ["sdk-models", "Completed"]
    assert found["versions"] == [[1, "Approved"], [2, "PendingManualApproval"]]
    assert found["updated"] == ["Rejected", "worse", {"job": "a"}]
    assert found["left"] == 1
