"""The genuine SageMaker SDK against the AWS server, in a process of its own as a user runs it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.local.sagemaker_server import SageMakerServer, eventually
from tests.local.sdk_script import run

pytestmark = pytest.mark.local

TRAIN = """
import argparse, json, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--fail", type=int, default=0)
parser.add_argument("--sleep", type=int, default=0)
options = parser.parse_args()
rows = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv")).read()
if options.fail:
    raise RuntimeError("the learning rate is negative")
with open("/opt/ml/model/model.json", "w") as file:
    json.dump({"epochs": options.epochs, "rows": rows}, file)
print("trained")
time.sleep(options.sleep)
"""

SUBMIT = """
import json, sys
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import OutputDataConfig, StoppingCondition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
settings = json.loads(sys.argv[1])
trainer = ModelTrainer(
    training_image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    role=settings["role"],
    sagemaker_session=Session(boto_session=boto3.Session(), default_bucket=settings["bucket"]),
    source_code=SourceCode(source_dir=settings["source"], entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters=settings["hyperparameters"],
    base_job_name=settings["name"],
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{settings['bucket']}/sdk"),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=settings["max_runtime_s"]),
)
try:
    trainer.train(
        input_data_config=[InputData(channel_name="train", data_source=f"s3://{settings['bucket']}/data/train/")]
    )
except Exception as error:
    print("ERROR", type(error).__name__, str(error).replace(chr(10), " "))
print("JOB", trainer._latest_training_job.training_job_name)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("sdk"))
    server.start()
    server.prepare()
    server.client("iam").attach_role_policy(
        RoleName="trainer", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    yield server
    server.stop()


def submit(
    server: SageMakerServer, folder: Path, name: str, max_runtime_s: int = 100, **hyperparameters: Any
) -> tuple[str, str]:
    """Trains with ModelTrainer; the SDK's output and the job's name."""
    (folder / "train.py").write_text(TRAIN)
    printed, errors = run(
        server,
        folder,
        SUBMIT,
        source=str(folder),
        name=name,
        max_runtime_s=max_runtime_s,
        hyperparameters=hyperparameters,
    )
    return printed + errors, next(line.split()[1] for line in printed.splitlines() if line.startswith("JOB "))


def test_a_model_trainer_job_runs_with_the_sdks_own_drivers(server: SageMakerServer, tmp_path: Path) -> None:
    output, job = submit(server, tmp_path, "trains", epochs=3)
    assert "ERROR" not in output
    assert server.ended(job)["TrainingJobStatus"] == "Completed"
    (archived,) = [key for key in server.keys("sdk/") if job in key and key.endswith("output/model.tar.gz")]
    (content,) = server.unpacked(archived).values()
    assert json.loads(content) == {"epochs": 3, "rows": "1,2\n"}


def test_a_model_trainer_job_that_raises_fails_with_its_error(server: SageMakerServer, tmp_path: Path) -> None:
    output, job = submit(server, tmp_path, "fails", epochs=3, fail=1)
    assert "ERROR" in output
    failed = server.ended(job)
    assert failed["TrainingJobStatus"] == "Failed"
    assert "the learning rate is negative" in "\n".join(server.printed(job))
    # What the SDK's driver writes to its failure file.
    assert failed["FailureReason"].startswith("AlgorithmError: Traceback (most recent call last):")
    assert failed["FailureReason"].endswith(", exit code: 1")


def test_a_model_trainer_job_that_is_stopped_ends_its_wait(server: SageMakerServer, tmp_path: Path) -> None:
    def running() -> list[str]:
        listed = server.sagemaker.list_training_jobs(NameContains="endless")["TrainingJobSummaries"]
        return [job["TrainingJobName"] for job in listed if job.get("SecondaryStatus") == "Training"]

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(submit, server, tmp_path, "endless", epochs=3, sleep=1000)
        (job,) = eventually(running, bool)
        server.sagemaker.stop_training_job(TrainingJobName=job)
        output, submitted = waiting.result()
    assert submitted == job
    assert "ERROR" not in output
    stopped = server.ended(job)
    assert (stopped["TrainingJobStatus"], stopped["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_a_model_trainer_job_that_runs_out_of_time_is_stopped(server: SageMakerServer, tmp_path: Path) -> None:
    _, job = submit(server, tmp_path, "slow", max_runtime_s=1, epochs=3, sleep=1000)
    stopped = server.ended(job)
    assert (stopped["TrainingJobStatus"], stopped["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
