"""Asynchronous endpoints: their configuration, asking them, and waiting for what they write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml.aws import error_details, no_such_object
from ml.environment import is_denied
from ml.errors import MlError
from ml.targets.sagemaker.invoke import InvocationRequest
from ml.targets.sagemaker.jobs import Pause
from platform_contract import PlatformContract

if TYPE_CHECKING:
    from ml.targets.sagemaker.deployment import Target

ANSWERS, FAILURES, REQUESTS = "answers", "failures", "requests"


def async_config(contract: PlatformContract, target: "Target") -> dict[str, Any]:
    """The member of CreateEndpointConfig that makes an endpoint asynchronous; nothing for one that answers at once
    (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceConfig.html)."""
    wanted = target.asynchronous
    if wanted is None:
        return {}
    root = f"{contract.teams[target.team].artifact_uri}/{wanted.output}/{target.endpoint}"
    config: dict[str, Any] = {
        "OutputConfig": {
            "S3OutputPath": f"{root}/{ANSWERS}",
            "S3FailurePath": f"{root}/{FAILURES}",
            "KmsKeyId": contract.storage.kms_key_arn,
        }
    }
    if wanted.concurrent is not None:
        config["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": wanted.concurrent}
    return {"AsyncInferenceConfig": config}


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A request in an endpoint's queue. output, failure: S3 URIs, one of which will be there."""

    inference_id: str
    output: str
    failure: str | None


def requests_uri(endpoint: str, described: Mapping[str, Any]) -> str:
    """Where the requests of an asynchronous endpoint go, beside its answers. described: DescribeEndpoint's answer.

    Raises MlError for an endpoint that answers at once.
    """
    config = described.get("AsyncInferenceConfig")
    if not config:
        raise MlError(f"{endpoint} answers at once: leave out --async.")
    return f"{config['OutputConfig']['S3OutputPath'].removesuffix(f'/{ANSWERS}')}/{REQUESTS}"


def enqueue(clients: Any, endpoint: str, uri: str, part: InvocationRequest, accept: str, known_as: str) -> Queued:
    """Write a request to S3 and put it into the queue. uri: the folder of requests. Raises MlError."""
    bucket, _, key = f"{uri}/{known_as}".removeprefix("s3://").partition("/")
    clients.client("s3").put_object(Bucket=bucket, Key=key, Body=part.body)
    try:
        answer = clients.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=endpoint,
            InputLocation=f"s3://{bucket}/{key}",
            ContentType=part.content_type,
            Accept=accept,
            InferenceId=known_as,
        )
    except ClientError as error:
        if is_denied(error):
            raise
        raise MlError(f"{endpoint} did not take the request: {error_details(error).message}") from error
    return Queued(inference_id=known_as, output=answer["OutputLocation"], failure=answer.get("FailureLocation"))


def answer_of(clients: Any, queued: Queued) -> bytes:
    """Wait for an answer. Raises MlError with what the model said where there is a failure instead."""
    s3, pause = clients.client("s3"), Pause()
    while True:
        answer = _object(s3, queued.output)
        if answer is not None:
            return answer
        failure = _object(s3, queued.failure) if queued.failure else None
        if failure is not None:
            raise MlError(f"Request {queued.inference_id} failed: {failure.decode(errors='replace')[:1000]}")
        pause.sleep()


def _object(s3: Any, uri: str) -> bytes | None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if no_such_object(error):
            return None
        raise
