"""InvokeEndpointAsync, and what an asynchronous endpoint's configuration may say."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from local.aws_server.operations import ACCOUNT_ID, Call, ServiceError, operation
from local.aws_server.sagemaker.async_record import DEFAULT_TIMEOUT_S, DEFAULT_TTL_S, AsyncRequest, places
from local.aws_server.sagemaker.endpoint_record import load
from local.aws_server.sagemaker.endpoints import endpoints_of
from local.aws_server.sagemaker.plane import now, s3_location

FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
}
MOST_INLINE_BYTES = 128_000


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(call: Call) -> dict[str, Any]:
    """Puts a request into the endpoint's queue, and says where its answer will be."""
    params, name = call.params, call.params["EndpointName"]
    endpoints = endpoints_of(call.server)
    record = load(endpoints.plane, call.region, name)
    if record is None or record.deployment is None:
        raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT_ID} not found.")
    config = record.deployment.config.get("AsyncInferenceConfig")
    if not config:
        raise ServiceError("ValidationError", f"Endpoint {name} has no AsyncInferenceConfig: use InvokeEndpoint.")
    body = params.get("Body") or b""
    source = params.get("InputLocation") or ""
    if bool(source) == bool(body):
        raise ServiceError("ValidationError", "Give either InputLocation or Body.")
    if len(body) > MOST_INLINE_BYTES:
        raise ServiceError("ValidationError", f"Body has {len(body)} bytes; the limit is {MOST_INLINE_BYTES}.")
    if source:
        s3_location(source)
    headers = {header: str(params[member]) for member, header in FORWARDED.items() if params.get(member)}
    if any(re.search(r"[\r\n]", value) for value in headers.values()):
        raise ServiceError("ValidationError", "ContentType, Accept and CustomAttributes must be one line each.")
    inference_id = params.get("InferenceId") or str(uuid.uuid4())
    output, failure = places(config["OutputConfig"], params.get("S3OutputPathExtension"), params.get("Filename"))
    request = AsyncRequest(
        id=str(uuid.uuid4()),
        inference_id=inference_id,
        region=call.region,
        endpoint=name,
        received=now(),
        source=source,
        body=body.encode() if isinstance(body, str) else body,
        output=output,
        failure=failure,
        headers=headers | {"X-Amzn-SageMaker-Inference-Id": inference_id},
        ttl_s=int(params.get("RequestTTLSeconds") or DEFAULT_TTL_S),
        timeout_s=int(params.get("InvocationTimeoutSeconds") or DEFAULT_TIMEOUT_S),
    )
    endpoints.queue.put(request)
    answer = {"InferenceId": inference_id, "OutputLocation": output}
    return answer | ({"FailureLocation": failure} if failure else {})


def refuse_synchronous(config: Mapping[str, Any], name: str) -> None:
    """Raises ValidationError for InvokeEndpoint of an asynchronous endpoint."""
    if config.get("AsyncInferenceConfig"):
        raise ServiceError("ValidationError", f"Endpoint {name} is asynchronous: use InvokeEndpointAsync.")
