"""InvokeEndpoint: a proxy that passes the body on as it came."""

import json
import re
import time
from typing import Any

from local.aws_server.operations import ACCOUNT_ID, Call, RawResponse, ServiceError, operation
from local.aws_server.sagemaker.data_capture import Exchange
from local.aws_server.sagemaker.endpoints import endpoints_of
from local.aws_server.sagemaker.files import console_link
from local.aws_server.sagemaker.fleet import Fleet, Variant
from local.aws_server.sagemaker.instance import BrokenAnswerError, NoAnswerError, Reply

INVOCATION_TIMEOUT_S = 60.0
"""A container must answer within this time."""
MOST_BYTES = 6 << 20
OCTETS = "application/octet-stream"
"""Content type of what says none."""
MESSAGE_LENGTH = 4096
MODEL_ERROR_STATUS = 424
FORWARDED = {
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
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
    fleet = endpoints.fleet(f"{call.region}/{name}")
    if fleet is None:
        raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT_ID} not found.")
    body = call.params.get("Body", b"")
    body = body.encode() if isinstance(body, str) else body
    if len(body) > MOST_BYTES:
        raise ServiceError("ValidationError", f"The payload has {len(body)} bytes; the limit is {MOST_BYTES}.", 413)
    target = call.params.get("TargetVariant")
    variant = fleet.variant(target)
    if variant is None:
        raise ServiceError("ValidationError", f"Variant {target} of endpoint {name} not found.")
    request = _request(call, body)
    reply, problem, model_s = _exchange(fleet, variant, request)
    if reply is not None and reply.status // 100 == 2:
        response = _success(variant, reply)
        exchange = Exchange(
            request_type=call.params.get("ContentType") or OCTETS,
            request=body,
            answer_type=str(response.headers["Content-Type"]),
            answer=reply.body,
            inference_id=call.params.get("InferenceId") or "",
            custom_attributes=call.params.get("CustomAttributes") or "",
        )
        endpoints.capture.take(call.region, name, variant.name, fleet, exchange)
    else:
        response = _model_error(call, variant, reply, problem)
    status = reply.status if reply is not None else 500
    total = time.monotonic() - began
    endpoints.metrics.count(
        call.region, name, variant.name, status=status, model_s=model_s, overhead_s=max(0.0, total - model_s)
    )
    return response


def _request(call: Call, body: bytes) -> bytes:
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
    return f"POST /invocations HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body


def _exchange(fleet: Fleet, variant: Variant, request: bytes) -> tuple[Reply | None, str, float]:
    """The reply, or None and why there is none; and the seconds in the container."""
    until = time.monotonic() + INVOCATION_TIMEOUT_S
    while True:
        with fleet.instance_of(variant, until - time.monotonic()) as instance:
            if instance is None:
                return None, "No instance of the variant is healthy.", 0.0
            began = time.monotonic()
            try:
                reply = instance.exchange(request, INVOCATION_TIMEOUT_S)
            except NoAnswerError:
                # It has just died: its own thread will notice; another one, or its successor, takes the request.
                instance.suspect()
                continue
            except BrokenAnswerError as error:
                return None, str(error), time.monotonic() - began
            return reply, "", time.monotonic() - began


def _success(variant: Variant, reply: Reply) -> RawResponse:
    received = {name.lower(): value for name, value in reply.headers.items()}
    headers = {
        "Content-Type": received.get("content-type", OCTETS),
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }
    headers |= {name: received[name.lower()] for name in RETURNED if name.lower() in received}
    return RawResponse(200, headers, reply.body)


def _model_error(call: Call, variant: Variant, reply: Reply | None, problem: str) -> RawResponse:
    """ModelError, with what the container said."""
    group = f"/aws/sagemaker/Endpoints/{call.params['EndpointName']}"
    status = reply.status if reply is not None else 0
    original = reply.body.decode("utf-8", "replace")[:MESSAGE_LENGTH] if reply is not None else problem
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
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }
    return RawResponse(MODEL_ERROR_STATUS, headers, json.dumps(document).encode())
