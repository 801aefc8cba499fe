"""One captured exchange as a line of SageMaker's own form, with personal columns masked.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ml.serving.media import CSV, TENSORS, ContentType
from ml.serving.open_inference.request import shown
from ml.serving.personal import Masker


class Exchange(NamedTuple):
    """One request and its answer, in plain values: they go from one process to another.

    request_type, answer_type: as the client wrote it and was told. request, answer: what the bodies are, as the members
    of a ContentType. inference_id: the client's own name of the request, empty where it gave none; what is learnt of
    the truth later is joined by it. at: seconds since the epoch.
    """

    request_type: str
    request: tuple[str, bool | None, int | None]
    body: bytes
    answer_type: str
    answer: tuple[str, bool | None, int | None]
    output: bytes
    inference_id: str
    at: float


def line_of(exchange: Exchange, masker: Masker) -> str:
    """The line, without its end."""
    metadata = {
        "eventId": str(uuid.uuid4()),
        "inferenceTime": f"{datetime.fromtimestamp(exchange.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if exchange.inference_id:
        metadata["inferenceId"] = exchange.inference_id
    request, answer = ContentType(*exchange.request), ContentType(*exchange.answer)
    document = {
        "captureData": {
            "endpointInput": _side(exchange.request_type, "INPUT", masker.body(exchange.body, request), request),
            "endpointOutput": _side(exchange.answer_type, "OUTPUT", _answer(exchange.output, answer), answer),
        },
        "eventMetadata": metadata,
        "eventVersion": "0",
    }
    return json.dumps(document, ensure_ascii=False)


def _side(observed: str, mode: str, data: str, content: ContentType) -> dict[str, Any]:
    encoding = "CSV" if content.media == CSV else "JSON"
    return {"observedContentType": observed, "mode": mode, "data": data, "encoding": encoding}


def _answer(output: bytes, content: ContentType) -> str:
    """An answer as text: of tensors their JSON, binary ones too."""
    if content.media == TENSORS:
        return json.dumps(shown(output, content.json_length))
    return output.decode("utf-8", "replace")
