"""One captured exchange as a line of SageMaker's own form, with personal columns masked.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import json
import os
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import NamedTuple

from ml.serving.media import CSV, TENSORS, ContentType
from ml.serving.open_inference.request import shown
from ml.serving.personal import Masker

_content = lru_cache(ContentType)


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
    """The line, without its end.

    A line is put together from parts that stay the same: what a library makes of nested dictionaries costs twice as
    much, and this is done for every request.
    """
    request, answer = _content(*exchange.request), _content(*exchange.answer)
    asked = _side(exchange.request_type, "INPUT", request.media)
    answered = _side(exchange.answer_type, "OUTPUT", answer.media)
    inference = f', "inferenceId": {quoted(exchange.inference_id)}' if exchange.inference_id else ""
    return (
        f'{{"captureData": {{"endpointInput": {asked[0]}{quoted(masker.body(exchange.body, request))}{asked[1]}, '
        f'"endpointOutput": {answered[0]}{quoted(_answer(exchange.output, answer))}{answered[1]}}}, '
        f'"eventMetadata": {{"eventId": "{_event_id()}", "inferenceTime": "{_second(int(exchange.at))}"{inference}}}, '
        '"eventVersion": "0"}'
    )


@lru_cache
def _side(observed: str, mode: str, media: str) -> tuple[str, str]:
    """What stands before and behind a body."""
    encoding = "CSV" if media == CSV else "JSON"
    return (
        f'{{"observedContentType": {quoted(observed)}, "mode": "{mode}", "data": ',
        f', "encoding": "{encoding}"}}',
    )


@lru_cache
def _second(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _event_id() -> str:
    """A random UUID (version 4, RFC 9562) in text, at a third of what `uuid` takes."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _answer(output: bytes, content: ContentType) -> str:
    """An answer as text: of tensors their JSON, binary ones too."""
    if content.media == TENSORS:
        return json.dumps(shown(output, content.json_length))
    return output.decode("utf-8", "replace")
