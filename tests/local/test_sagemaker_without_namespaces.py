"""The data plane on a machine that allows no mount namespaces, and for a user who is not root."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws_server.sagemaker.processes import SHIM, read_exit, read_log
from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

pytestmark = pytest.mark.local

NOBODY = 65534


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("plain"), GROUNDWORK_MOUNT_NAMESPACE="none")
    server.start()
    server.prepare()
    yield server
    server.stop()


def test_it_is_said_at_start(server: SageMakerServer) -> None:
    assert "allows no mount namespaces" in (server.folder / "server.log").read_text()


def test_a_job_that_goes_by_the_variables_works(server: SageMakerServer) -> None:
    server.submit(
        "variables",
        'cp "$SM_CHANNEL_TRAIN/rows.csv" "$SM_MODEL_DIR"/m.csv; ls /opt/ml/model; echo "$SAGEMAKER_BASE_DIR"',
    )
    job = server.ended("variables")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert server.unpacked("out/variables/output/model.tar.gz") == {"m.csv": "1,2\n"}
    # The path in the job's own arguments is translated; one in a file of the job's would not be.
    listed, base = server.printed("variables")
    assert listed == "m.csv"
    assert Path(base).name == "ml"


def test_a_processing_job_whose_arguments_name_its_paths_works(server: SageMakerServer) -> None:
    rows = {"S3Uri": f"s3://{BUCKET}/data/train", "LocalPath": "/opt/ml/processing/rows", "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://{BUCKET}/plain", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    server.sagemaker.create_processing_job(
        ProcessingJobName="plain",
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": "project:1",
            "ContainerEntrypoint": ["cp", "/opt/ml/processing/rows/rows.csv", "/opt/ml/processing/out/rows.csv"],
        },
        ProcessingInputs=[{"InputName": "rows", "S3Input": {**rows, "S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    eventually(
        lambda: server.sagemaker.describe_processing_job(ProcessingJobName="plain"),
        lambda job: job["ProcessingJobStatus"] == "Completed",
    )
    assert server.keys("plain/") == ["plain/rows.csv"]


def test_an_endpoint_serves(server: SageMakerServer) -> None:
    server.config("c", {"VariantName": "All", "ModelName": server.model("m")})
    server.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert server.settled("e")["EndpointStatus"] == "InService"
    assert server.invoke("e")["model"] == "w1"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_gets_opt_ml_where_the_machine_has_user_namespaces() -> None:
    if subprocess.run(["unshare", "-Urm", "true"], user=NOBODY, check=False, capture_output=True).returncode:
        pytest.skip("this machine allows ordinary users no namespaces")
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copy(SHIM, folder)
        for name in ("ml", "run"):
            (folder / name).mkdir()
        specification = {
            "argv": ["/bin/sh", "-c", "echo here > /opt/ml/note; cat /opt/ml/note"],
            "env": {"PATH": os.defpath},
            "cwd": "/opt/ml",
            "run_dir": str(folder / "run"),
            "namespace": "user",
            "mounts": [[str(folder / "ml"), "/opt/ml"]],
            "max_runtime_s": 30,
            "grace_s": 1,
            "lifeline": False,
        }
        (folder / "spec.json").write_text(json.dumps(specification))
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)
        python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
        subprocess.run(
            [python, "-I", "-S", str(folder / SHIM.name), str(folder / "spec.json")],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            input=b"go",
            check=True,
        )
        assert read_exit(folder / "run").exit_code == 0, read_exit(folder / "run")
        assert (folder / "ml" / "note").read_text() == "here\n"
        assert [line.text for line in read_log(folder / "run", 0)[0]] == ["here"]
    finally:
        shutil.rmtree(folder)
