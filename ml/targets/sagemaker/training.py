"""A spec as a SageMaker training job."""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import MlError
from ml.identity import resource_tags
from ml.images import training_image
from ml.images.lock import locked_image
from ml.packaging.inputs import read_input
from ml.packaging.source import pack_source
from ml.plan.cost import LIMIT_TAG, MAX_COST, MAX_COST_TAG, Cost, job_cost
from ml.records import RecordedCode, RecordedInput, RunRecord, write_record
from ml.spec import Channel, JobSpec
from ml.spec.model import as_text
from ml.targets.sagemaker.recording import new_record, with_record_channel, with_versions
from ml.targets.sagemaker.storage import Uploads
from ml.targets.sagemaker.submission import facts_of, start
from platform_contract import PlatformContract, Team

JOB_NAME = re.compile(r"(?P<stem>.+)-\d{8}-\d{6}-[0-9a-f]{4}")
LOCAL_DISK_FAMILY = re.compile(r"^ml\.(\w+dn?|g[5-9]\w*|p[4-9]\w*|trn\d\w*)\.")
"""Instance types whose disk is their own. Its hardware encrypts it, and SageMaker refuses a key for it
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html, VolumeKmsKeyId, and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html, KmsKeyId)."""

CHECKPOINTS_VARIABLE = "GROUNDWORK_CHECKPOINTS_URI"
"""Tells the script where its checkpoints are copied to (`ml/checkpoints.py`)."""

# The channel's folder by the variable where the image sets one, else by the container contract.
_START = 'exec "$(command -v python3 || command -v python)" "${SM_CHANNEL_CODE:-/opt/ml/input/data/code}/driver.py"'


@dataclass(frozen=True, kw_only=True)
class SubmittedJob:
    """A job that SageMaker has accepted. model_data: where its model.tar.gz will be. cost: what it costs at most."""

    name: str
    arn: str
    model_data: str
    cost: Cost


def submit(spec: JobSpec, folder: Path, environment: Environment) -> SubmittedJob:
    """Pack, upload and start a job.

    folder: what the spec's paths are relative to. Raises SpecError, EnvironmentNotReadyError, or MlError where
    SageMaker refuses the job.
    """
    contract = environment.for_team(spec.team)
    team = contract.teams[spec.team]
    request = job_request(spec, contract, job_name(spec))
    algorithm: dict[str, Any] = request["AlgorithmSpecification"]
    algorithm["TrainingImage"] = locked_image(folder, environment.name, contract, algorithm["TrainingImage"])
    package = pack_source(folder / spec.source_dir, spec.exclude)
    with readable_errors(environment):
        uploads = Uploads(environment.clients.client("s3"), team.artifact_uri, environment.profile)
        code = RecordedCode(digest=package.digest, uri=uploads.source(package), files=package.files)
        inputs = {name: _input(channel, folder, team, uploads) for name, channel in spec.inputs.items()}
    request["InputDataConfig"] = [
        _channel("code", code.uri, Channel(source="code")),
        *(_channel(name, inputs[name].uri, channel) for name, channel in spec.inputs.items()),
    ]
    request["Environment"].update(_registration(spec, request, package.digest))
    if spec.validation:
        from ml.data.gate import check_inputs

        inputs = check_inputs(spec, folder, environment, contract, request, inputs, uploads.content)
    cost = job_cost(spec, contract)
    inputs = with_versions(environment, inputs)
    record = new_record(spec, folder, environment, contract, request, code, inputs, cost)
    return send(environment, contract, record, cost)


def send(environment: Environment, contract: PlatformContract, record: RunRecord, cost: Cost) -> SubmittedJob:
    """Write a job's record, then ask SageMaker for the job. Raises MlError where SageMaker refuses it."""
    write_record(environment, contract, record)
    with readable_errors(environment):
        try:
            request = with_record_channel(record, contract)
            arn = start(environment, contract, record.team, request, facts_of(record))
        except ClientError as error:
            if is_denied(error):
                raise
            raise MlError(f"SageMaker refused the job: {error_details(error).message}") from error
    return SubmittedJob(name=record.job, arn=arn, model_data=record.model_data, cost=cost)


def job_name(spec: JobSpec) -> str:
    """A new name: team, name, UTC time, and a random part so that two submissions in a second differ."""
    return f"{spec.team}-{spec.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def job_request(spec: JobSpec, contract: PlatformContract, name: str) -> dict[str, Any]:
    """CreateTrainingJob's members but for what has to be uploaded first."""
    team = contract.teams[spec.team]
    cost = job_cost(spec, contract)
    resources: dict[str, Any] = {
        "InstanceType": spec.instance.type,
        "InstanceCount": spec.instance.count,
        "VolumeSizeInGB": spec.instance.volume_gb,
    }
    if key := volume_key(contract, spec.instance.type):
        resources["VolumeKmsKeyId"] = key
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": team.execution_role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": training_image(spec, contract),
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [_START],
            "MetricDefinitions": [{"Name": metric, "Regex": regex} for metric, regex in spec.metrics.items()],
        },
        "HyperParameters": {key: as_text(value) for key, value in spec.hyperparameters.items()},
        "OutputDataConfig": {"S3OutputPath": f"{team.artifact_uri}/jobs", "KmsKeyId": contract.storage.kms_key_arn},
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": cost.max_runtime_s},
        "Environment": _variables(spec, contract),
        "Tags": resource_tags(contract, spec.team),
    }
    if cost.max_cost_usd is not None:
        request["Tags"].append({"Key": MAX_COST_TAG, "Value": f"{cost.max_cost_usd:f}"})
        if cost.bounded_by == MAX_COST:
            request["Tags"].append({"Key": LIMIT_TAG, "Value": MAX_COST})
    if spec.spot:
        request["EnableManagedSpotTraining"] = True
        request["StoppingCondition"]["MaxWaitTimeInSeconds"] = spec.spot.max_wait
        if spec.spot.checkpoint:
            request["CheckpointConfig"] = {"S3Uri": f"{team.artifact_uri}/checkpoints/{name}"}
            request["Environment"][CHECKPOINTS_VARIABLE] = request["CheckpointConfig"]["S3Uri"]
    if contract.training.use_vpc:
        request["VpcConfig"] = vpc_config(contract)
    return request


def volume_key(contract: PlatformContract, instance_type: str) -> str | None:
    """The key that encrypts the volume of a job's or endpoint's machine; None where the machine has its own disk."""
    return None if LOCAL_DISK_FAMILY.match(instance_type) else contract.storage.kms_key_arn


def vpc_config(contract: PlatformContract) -> dict[str, Any]:
    """The platform's subnets and security group, as jobs and models take them."""
    network = contract.network
    return {"Subnets": list(network.private_subnet_ids), "SecurityGroupIds": [network.job_security_group_id]}


def _variables(spec: JobSpec, contract: PlatformContract) -> dict[str, str]:
    variables = {
        "MLFLOW_TRACKING_URI": contract.tracking.uri,
        "MLFLOW_EXPERIMENT_NAME": f"{spec.team}/{spec.name}",
        "AWS_DEFAULT_REGION": contract.platform.region,
        # Lines reach the log, and metrics their place, when they are printed.
        "PYTHONUNBUFFERED": "1",
        "GROUNDWORK_ENTRY_POINT": spec.entry_point,
        **{name: as_text(value) for name, value in spec.environment.items()},
    }
    if spec.requirements:
        variables["GROUNDWORK_REQUIREMENTS"] = spec.requirements
    return variables


def _registration(spec: JobSpec, request: dict[str, Any], code: str) -> dict[str, str]:
    """What the driver needs to register the model: its name, and where code, data and model.tar.gz are."""
    if spec.register_as is None:
        return {}
    data = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request["InputDataConfig"][1:]
    }
    tags = {"groundwork.team": spec.team, "groundwork.model_data": _model_data(request), "groundwork.code": code}
    # A variable holds 512 characters: where the inputs do not fit, the job's own description has them.
    if data and len(json.dumps({**tags, "groundwork.data": json.dumps(data)})) <= 512:
        tags["groundwork.data"] = json.dumps(data)
    return {"GROUNDWORK_REGISTER_MODEL": spec.register_as, "GROUNDWORK_REGISTER_TAGS": json.dumps(tags)}


def _model_data(request: dict[str, Any]) -> str:
    return f"{request['OutputDataConfig']['S3OutputPath']}/{request['TrainingJobName']}/output/model.tar.gz"


def _input(channel: Channel, folder: Path, team: Team, uploads: Uploads) -> RecordedInput:
    if channel.is_local:
        local = read_input(folder / channel.source)
        return RecordedInput(
            source=channel.source, uri=uploads.local_input(local), version=local.digest, files=len(local.files)
        )
    whole = channel.source.startswith("s3://")
    uri = channel.source if whole else f"{team.data_uri}/{channel.source.lstrip('/')}"
    return RecordedInput(source=channel.source, uri=uri)


def _channel(name: str, uri: str, channel: Channel) -> dict[str, Any]:
    description: dict[str, Any] = {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": channel.distribution,
            }
        },
        "InputMode": channel.mode,
    }
    if channel.content_type:
        description["ContentType"] = channel.content_type
    return description
