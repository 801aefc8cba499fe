"""Scripts with the genuine SageMaker SDK against a test's AWS server, each in a process of its own as users run it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer


def run(server: SageMakerServer, folder: Path, script: str, timeout_s: int = 300, **settings: Any) -> tuple[str, str]:
    """What a script prints, and its errors. It finds its settings, with bucket and role, as JSON in its argument."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.issued_keys()[0],
        "AWS_SECRET_ACCESS_KEY": server.issued_keys()[1],
    }
    result = subprocess.run(
        [sys.executable, "-c", script, json.dumps({"role": ROLE, "bucket": BUCKET, **settings})],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout, result.stderr


BEGIN = """
import json, sys, time
import boto3
from botocore.exceptions import ClientError
from sagemaker.core.shapes import *  # it has a Model and a datetime of its own, too
from datetime import datetime, timedelta, timezone
from sagemaker.core.resources import (
    DataQualityJobDefinition, Endpoint, EndpointConfig, InferenceComponent, InferenceExperiment, Model,
    MonitoringExecution, MonitoringSchedule, ProcessingJob, TransformJob,
)
settings = json.loads(sys.argv[1])

def model(name, **environment):
    return Model.create(
        model_name=name,
        primary_container=ContainerDefinition(
            image="model-server:1", model_data_url=f"s3://{settings['bucket']}/models/model.tar.gz",
            environment={"TAG": name, **environment},
        ),
        execution_role_arn=settings["role"],
    )

def variant(name, model=None, count=1, **members):
    if model is not None:
        members["model_name"] = model
    return ProductionVariant(
        variant_name=name, initial_instance_count=count, instance_type="ml.m5.large", initial_variant_weight=1.0,
        **members,
    )

def config(name, *variants, **members):
    return EndpointConfig.create(endpoint_config_name=name, production_variants=list(variants), **members)

def capture(folder):
    return DataCaptureConfig(
        enable_capture=True, initial_sampling_percentage=100, destination_s3_uri=f"s3://{settings['bucket']}/{folder}",
        capture_options=[CaptureOption(capture_mode="Input"), CaptureOption(capture_mode="Output")],
        capture_content_type_header=CaptureContentTypeHeader(csv_content_types=["text/csv"]),
    )

def ask(endpoint, **members):
    answer = endpoint.invoke(body="1,2", content_type="text/csv", **members)
    return json.loads(answer.body.read())["tag"], answer.invoked_production_variant

def refused(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Message"]

said = {}
"""
"""Names for scripts that make resources of serving, and `said`, which `said` below answers."""
END = """
with open(settings["said"], "w") as file:
    json.dump(said, file)
"""


def said(server: SageMakerServer, folder: Path, script: str) -> dict[str, Any]:
    """What a script with the names of BEGIN notes down of what it is answered."""
    notes = folder / "said.json"
    run(server, folder, BEGIN + script + END, timeout_s=500, said=str(notes))
    return json.loads(notes.read_text())
