"""Asking SageMaker for a training job, so that nothing of it is lost: ledger entry before, audit line after."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ml.audit import append
from ml.environment import Environment
from ml.ledger import creating
from ml.records import RunRecord
from platform_contract import PlatformContract

MARGIN = timedelta(hours=1)
"""How long after the end of its time a job may still be there: instances are found, data is copied, models uploaded."""


def start(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    request: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> str:
    """Create the training job of a request; returns its ARN.

    facts: what the audit log is to say of it besides what the request says: code, git commit, data versions, record.
    Raises botocore's ClientError where SageMaker refuses.
    """
    name, stopping = request["TrainingJobName"], request["StoppingCondition"]
    seconds = stopping.get("MaxWaitTimeInSeconds") or stopping["MaxRuntimeInSeconds"]
    with creating(
        environment,
        contract,
        team,
        "training-job",
        name,
        expires=timedelta(seconds=seconds) + MARGIN,
        details={**_made_of(request, contract.teams[team].artifact_uri), "facts": _told(request, facts)},
    ) as creation:
        tags = [*request["Tags"], creation.head.tag()]
        answer = environment.clients.client("sagemaker").create_training_job(**{**request, "Tags": tags})
        creation.arn = str(answer["TrainingJobArn"])
        # The entry has the facts too: whoever finds it without this line can write the line.
        told = {**_told(request, facts), "entry": creation.digest}
        creation.told_by(append(environment, contract, team, "submit", name, told, after=creation.head))
    return creation.arn


def facts_of(record: RunRecord) -> dict[str, Any]:
    """What the audit log says of a run besides its request. record: digest of the run's whole record."""
    git = record.git
    return {
        "code": record.code.digest,
        "commit": git.commit if git else None,
        "dirty": git.dirty if git else None,
        "data_versions": {name: one.version for name, one in record.inputs.items() if one.version},
        "record": record.digest,
    }


def _made_of(request: Mapping[str, Any], artifact_uri: str) -> dict[str, Any]:
    """What `ml gc` goes by: the machines, and the uploads that the job reads."""
    uris = [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request.get("InputDataConfig", [])]
    resources = request["ResourceConfig"]
    return {
        "instance_type": resources.get("InstanceType"),
        "instance_count": resources.get("InstanceCount"),
        "uploads": [uri for uri in uris if uri.startswith((f"{artifact_uri}/code/", f"{artifact_uri}/inputs/"))],
    }


def _told(request: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    data = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request.get("InputDataConfig", [])
    }
    return {"image": request["AlgorithmSpecification"].get("TrainingImage"), "data": data, **facts}
