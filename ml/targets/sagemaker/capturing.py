"""What an endpoint is asked and answers, kept: by SageMaker itself, or by the container where columns are personal."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml.captures.reading import FOLDER, captures_uri
from ml.environment import Environment, is_denied
from ml.errors import MlError
from ml.names import namespace_of
from platform_contract import PlatformContract

if TYPE_CHECKING:
    from ml.targets.sagemaker.deployment import Target


def capture_config(contract: PlatformContract, target: "Target") -> dict[str, Any]:
    """The member of CreateEndpointConfig that has SageMaker capture; nothing where the container does, or nobody
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html)."""
    if target.capture_percent is None or target.masked:
        return {}
    return {
        "DataCaptureConfig": {
            "EnableCapture": True,
            # Whole percents are what the API knows.
            "InitialSamplingPercentage": max(1, round(target.capture_percent)),
            "DestinationS3Uri": f"{contract.teams[target.team].artifact_uri}/{FOLDER}",
            "KmsKeyId": contract.storage.kms_key_arn,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json", "application/jsonlines"],
            },
        }
    }


def capturing_variables(contract: PlatformContract, target: "Target") -> dict[str, str]:
    """What has the inference server capture (ml/serving/cli.py); nothing where SageMaker does, or nobody."""
    if target.capture_percent is None or not target.masked:
        return {}
    return {
        "SERVING_CAPTURE_URI": f"{captures_uri(contract, target.team, target.endpoint)}/{target.variant}",
        "SERVING_CAPTURE_PERCENT": f"{target.capture_percent:g}",
        "SERVING_CAPTURE_METRICS": namespace_of(target.team),
    }


def may_hold_personal_columns(environment: Environment, job: str) -> bool:
    """Whether a job's model may have been trained on personal columns: its data validation says so, or nothing does."""
    from ml.data.gate import validation_uri

    try:
        described = environment.clients.client("sagemaker").describe_training_job(TrainingJobName=job)
        uri = validation_uri(described)
        if uri is None:
            return False
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        body: Any = environment.clients.client("s3").get_object(Bucket=bucket, Key=f"{prefix}result.json")["Body"]
        return bool(json.loads(body.read()).get("personal", True))
    except ClientError as error:
        if is_denied(error):
            raise
        # A model of another account, whose job is not here.
        return True


def refuse_what_cannot_be_masked(target: "Target") -> None:
    """Raises MlError for a capture that would keep personal columns as they are."""
    if target.capture_percent is None or not target.masked or (target.image is None and target.package is None):
        return
    why = "an approved package says what its container does" if target.package else "deploy.image is another server"
    raise MlError(
        "deploy.capture: the model may have personal columns, and the platform's inference server alone leaves them "
        f"out of what is captured; {why}. Deploy without deploy.capture."
    )
