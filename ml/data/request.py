"""The processing job that checks a training job's data: its request, and the code that runs in it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ml.data.expectations import Expectations
from ml.identity import resource_tags
from ml.images import platform_image, training_image
from ml.spec import JobSpec
from ml.targets.sagemaker.training import volume_key, vpc_config
from platform_contract import PlatformContract

SUFFIX = "-data"
"""After the training job's name: the name of the processing job that checked its data."""
FOLDER = "validations"
"""Under the team's artifact prefix: one folder a check, with result.json, report.html and the expectations."""
PASSED = f"{FOLDER}/passed"
"""Below it one note a content that passed: what was checked of it, and where the result lies."""
KEY_VARIABLE = "GROUNDWORK_CHECK"
_START = 'exec "$(command -v python3 || command -v python)" /opt/ml/processing/input/code/checks.zip "$@"'
MODULES = (
    "__init__.py",
    "durations.py",
    *(
        f"data/{name}.py"
        for name in (
            "__init__",
            "check",
            "checks",
            "content",
            "expectations",
            "findings",
            "job",
            "report",
            "statistics",
            "suite",
            "suite_rows",
            "tables",
        )
    ),
)


def processing_request(
    spec: JobSpec, contract: PlatformContract, job: str, channels: Mapping[str, str], code: str, key: str = ""
) -> dict[str, Any]:
    """CreateProcessingJob's members
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html).

    key: see `check_key`; the job leaves a note under it where the data pass.
    """
    assert spec.validation is not None
    # The job writes what it found, and nobody else: members may not write there.
    team, validation = contract.teams[spec.team], spec.validation
    name = f"{job}{SUFFIX}"
    cluster: dict[str, Any] = {
        "InstanceCount": 1,
        "InstanceType": validation.instance.type,
        "VolumeSizeInGB": validation.instance.volume_gb,
    }
    if encryption := volume_key(contract, validation.instance.type):
        cluster["VolumeKmsKeyId"] = encryption
    outputs = [_output("result", f"{team.artifact_uri}/{FOLDER}/{name}")]
    variables = {"AWS_DEFAULT_REGION": contract.platform.region, "PYTHONUNBUFFERED": "1"}
    if key:
        outputs.append(_output("passed", f"{team.artifact_uri}/{PASSED}"))
        variables[KEY_VARIABLE] = key
    request: dict[str, Any] = {
        "ProcessingJobName": name,
        "RoleArn": team.execution_role_arn,
        "AppSpecification": {
            "ImageUri": platform_image(validation.image, contract)
            if validation.image
            else training_image(spec, contract),
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            # The channels' names are arguments: the shell sees them as "$@" alone.
            "ContainerArguments": [_START, "checks", *channels],
        },
        "ProcessingInputs": [
            _input("code", code),
            *(_input(channel, uri) for channel, uri in channels.items()),
        ],
        "ProcessingOutputConfig": {
            "Outputs": outputs,
            "KmsKeyId": contract.storage.kms_key_arn,
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": validation.max_runtime},
        "Environment": variables,
        "Tags": [*resource_tags(contract, spec.team), {"Key": "groundwork:training-job", "Value": job}],
    }
    if contract.training.use_vpc:
        request["NetworkConfig"] = {"VpcConfig": vpc_config(contract)}
    return request


@cache
def checks_archive() -> bytes:
    """The modules that check, as an archive that Python runs: the same bytes for the same modules."""
    root = Path(__file__).parents[1]
    files = {f"ml/{name}": (root / name).read_bytes() for name in MODULES}
    files["__main__.py"] = b"import sys\n\nfrom ml.data.job import run\n\nsys.exit(run())\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def expectations_document(expectations: Expectations) -> bytes:
    """The expectations as the job reads them: JSON, so that its image needs no YAML."""
    return expectations.model_dump_json(indent=1).encode()


def check_key(expectations: Expectations, code: str, versions: Mapping[str, str | None]) -> str:
    """What tells one check from another: the data, by their versions, what is expected of them, and the code.

    Nothing where a version is not known, or where what is expected depends on when it is asked.
    """
    if expectations.freshness or not all(versions.values()):
        return ""
    return hashlib.sha256(json.dumps([code, versions], sort_keys=True).encode()).hexdigest()


def _output(name: str, uri: str) -> dict[str, Any]:
    folder = "/opt/ml/processing/output" if name == "result" else f"/opt/ml/processing/{name}"
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": folder, "S3UploadMode": "EndOfJob"}}


def _input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"/opt/ml/processing/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }
