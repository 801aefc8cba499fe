"""InvokeEndpoint: a proxy that passes the body on as it came."""

import json
import re
import time
import uuid
from typing import Any

from local.aws_server.operations import ACCOUNT_ID, Call, RawResponse, ServiceError, operation
from local.aws_server.sagemaker.async_operations import refuse_synchronous
from local.aws_server.sagemaker.component_invoke import component_traffic
from local.aws_server.sagemaker.data_capture import OCTETS
from local.aws_server.sagemaker.endpoint_metrics import Source
from local.aws_server.sagemaker.endpoints import Endpoints, endpoints_of
from local.aws_server.sagemaker.exchange import Answered, Choice, Sending, exchange
from local.aws_server.sagemaker.files import console_link
from local.aws_server.sagemaker.fleet import Variant
from local.aws_server.sagemaker.instance import Reply
from local.aws_server.sagemaker.logs import log_group
from local.aws_server.sagemaker.multi_model import is_multi_model
from local.aws_server.sagemaker.shadow import Copy

MOST_BYTES = 6 << 20
MESSAGE_LENGTH = 4096
MODEL_ERROR_STATUS = 424
FORWARDED = {
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
}
RETURNED = (
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)
HEADER_VALUE = re.compile(r"[^\r\n]*")


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(call: Call) -> RawResponse:
    """Sends the request to an instance of the chosen variant, and its answer back."""
    began = time.monotonic()
    name = call.params["EndpointName"]
    endpoints = endpoints_of(call.server)
    traffic = endpoints.traffic(f"{call.region}/{name}")
    if traffic is None:
        raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT_ID} not found.")
    refuse_synchronous(traffic.main.deployment.config, name)
    traffic = component_traffic(call, endpoints.components, traffic)
    body = call.params.get("Body", b"")
    body = body.encode() if isinstance(body, str) else body
    if len(body) > MOST_BYTES:
        raise ServiceError("ValidationError", f"The payload has {len(body)} bytes; the limit is {MOST_BYTES}.", 413)
    target = call.params.get("TargetVariant")
    choice = traffic.choose(target)
    if choice is None:
        raise ServiceError("ValidationError", f"Variant {target} of endpoint {name} not found.")
    copy = Copy(
        request=_request(call, body),
        body=body,
        content_type=call.params.get("ContentType") or OCTETS,
        inference_id=call.params.get("InferenceId") or "",
        custom_attributes=call.params.get("CustomAttributes") or "",
    )
    sending = _to_its_model(call, endpoints, choice, body) or copy.request
    answered = exchange(choice, sending, lambda: traffic.choose(target))
    endpoints.invocations.note(call.region, name, copy, answered, total_s=time.monotonic() - began)
    endpoints.invocations.copy_to_shadows(call.region, name, copy, answered.fleet)
    if answered.reply is not None and answered.reply.status // 100 == 2:
        return _success(answered.variant, answered.reply)
    return _model_error(call, answered)


def _to_its_model(call: Call, endpoints: Endpoints, choice: Choice, body: bytes) -> Sending | None:
    """What sends a request to one model of a multi-model endpoint; None where the endpoint has one model."""
    fleet, variant = choice
    model, name = call.params.get("TargetModel"), call.params["EndpointName"]
    if not is_multi_model(fleet, variant):
        if model:
            # https://github.com/aws/amazon-sagemaker-examples/issues/1026
            message = f"Endpoint {name} is not a multi-model endpoint and does not support target model header."
            raise ServiceError("ValidationError", message)
        return None
    if not model:
        # How AWS's message begins: https://github.com/aws/sagemaker-tensorflow-serving-container/issues/166
        raise ServiceError("ValidationError", f"Request {uuid.uuid4()} is missing a target model header.")
    source = Source(region=call.region, endpoint=name, variant=variant.name)
    return endpoints.multi_model.ask(
        call.region,
        model,
        lambda path: _request(call, body, path),
        lambda metric, value: endpoints.invocations.metrics.observe(source, metric, value),
    )


def _request(call: Call, body: bytes, path: str = "/invocations") -> bytes:
    """The whole HTTP request for the container."""
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": call.params.get("ContentType") or OCTETS,
        "Content-Length": str(len(body)),
    }
    headers |= {header: call.params[member] for member, header in FORWARDED.items() if call.params.get(member)}
    for header, value in headers.items():
        if not HEADER_VALUE.fullmatch(value):
            raise ServiceError("ValidationError", f"The value of {header} must be one line.")
    lines = "".join(f"{header}: {value}\r\n" for header, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body


def _success(variant: Variant, reply: Reply) -> RawResponse:
    received = {name.lower(): value for name, value in reply.headers.items()}
    headers = {
        "Content-Type": received.get("content-type", OCTETS),
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }
    headers |= {name: received[name.lower()] for name in RETURNED if name.lower() in received}
    return RawResponse(200, headers, reply.body)


def _model_error(call: Call, answered: Answered) -> RawResponse:
    """ModelError, with what the container said."""
    reply = answered.reply
    group = log_group(call.params["EndpointName"], answered.fleet.deployment.component)
    status = reply.status if reply is not None else 0
    original = reply.body.decode("utf-8", "replace")[:MESSAGE_LENGTH] if reply is not None else answered.problem
    kind = "client" if 400 <= status < 500 else "server"
    document: dict[str, Any] = {
        "Message": f'Received {kind} error ({status}) from primary with message "{original}". See '
        f"{console_link(call.region, group)} in account {ACCOUNT_ID} for more information.",
        "OriginalStatusCode": status,
        "OriginalMessage": original,
        "LogStreamArn": f"arn:aws:logs:{call.region}:{ACCOUNT_ID}:log-group:{group}",
    }
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": "ModelError",
        "x-Amzn-Invoked-Production-Variant": answered.variant.name,
    }
    return RawResponse(MODEL_ERROR_STATUS, headers, json.dumps(document).encode())
