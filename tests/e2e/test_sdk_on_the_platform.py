"""Code written for the SageMaker SDK and for boto3, run through `ml.session` on a platform that `make local` made."""

import json
from pathlib import Path

import pytest

from tests.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

TRAIN = """
import json, os
from pathlib import Path
epochs = json.loads(os.environ["SM_HPS"])["epochs"]
Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps({"epochs": epochs}))
print(f"trained for {epochs} epochs")
"""

SUBMIT = """
import io, json, sys, tarfile
import ml
session = ml.session("local")
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
trainer = ModelTrainer(
    training_image=session.contract.registry.repositories["training"] + ":0.1.0",
    role=session.role,
    sagemaker_session=session.sagemaker,
    source_code=SourceCode(source_dir=sys.argv[1], entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 3},
    base_job_name=f"{session.team.name}-sdk",
)
trainer.train()
job = session.boto.client("sagemaker").describe_training_job(
    TrainingJobName=trainer._latest_training_job.training_job_name
)
bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
archive = session.boto.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
with tarfile.open(fileobj=io.BytesIO(archive)) as files:
    model = json.load(files.extractfile("model.json"))
facts = {
    "job": job,
    "model": model,
    "caller": session.boto.client("sts").get_caller_identity()["Arn"],
    "role": session.role,
    "prefix": f"s3://{session.bucket}/{session.prefix}/",
    "subnets": session.contract.network.private_subnet_ids,
}
print("FACTS", json.dumps(facts, default=str))
"""


def test_a_model_trainer_trains_with_the_platforms_role_bucket_and_network(platform: Platform, tmp_path: Path):
    (tmp_path / "train.py").write_text(TRAIN)
    printed = platform.checkout.must(
        ".venv/bin/python",
        *("-W", "ignore", "-c", SUBMIT, str(tmp_path)),
        environment=platform.checkout.local_environment(),
    )
    [line] = [line for line in printed.splitlines() if line.startswith("FACTS ")]
    facts = json.loads(line.removeprefix("FACTS "))
    job = facts["job"]
    assert job["TrainingJobStatus"] == "Completed"
    assert job["RoleArn"] == facts["role"]
    assert sorted(job["VpcConfig"]["Subnets"]) == sorted(facts["subnets"])
    written = [
        job["OutputDataConfig"]["S3OutputPath"] + "/",
        *(channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in job["InputDataConfig"]),
    ]
    assert all(uri.startswith(facts["prefix"]) for uri in written)
    assert facts["model"] == {"epochs": 3}
    assert facts["caller"].endswith(":user/platform-admin")
    seen = platform.checkout.must(
        ".venv/bin/ml",
        *("logs", job["TrainingJobName"], "--env", "local"),
        environment=platform.checkout.local_environment(),
    )
    assert "trained for 3 epochs" in seen
