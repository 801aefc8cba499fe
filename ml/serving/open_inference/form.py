"""POST /v2/models/NAME/infer."""

from dataclasses import dataclass

from ml.serving.asgi import Headers, header
from ml.serving.errors import RequestError, bad_input
from ml.serving.forms import Reply
from ml.serving.media import JSON, TENSORS, ContentType
from ml.serving.model import Answer, ServedModel
from ml.serving.open_inference.metadata import output_name
from ml.serving.open_inference.outputs import encode_response, to_tensors
from ml.serving.open_inference.request import read_request

LENGTH_HEADER = b"inference-header-content-length"
OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Inference:
    """One inference. version: None where the model has none. request_id: for an answer to a request that has none."""

    observed: str
    content: ContentType
    model_name: str
    version: str | None
    request_id: str

    def answer(self, model: ServedModel, body: bytes) -> tuple[Answer, Reply]:
        """The predictions as output tensors."""
        request = read_request(body, self.content.json_length)
        answer = model.answer_tensors(request)
        tensors = to_tensors(answer.predictions, output_name(model.metadata.signature))
        output, length = encode_response(request, tensors, self.model_name, self.version, self.request_id)
        content = ContentType(TENSORS, json_length=length)
        if length is None:
            return answer, Reply(output, content, JSON, request_id=request.id or "")
        headers: Headers = ((LENGTH_HEADER, str(length).encode()),)
        return answer, Reply(output, content, OCTETS, headers, request.id or "")


def inference(headers: dict[bytes, bytes], name: str, version: str | None, request_id: str) -> Inference:
    """The form that the headers say. Raises RequestError 415 or 400.

    The Content-Type says nothing: clients of the protocol send any or none.
    """
    encoding = header(headers, b"content-encoding")
    if encoding not in ("", "identity"):
        raise RequestError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding {encoding!r} is not supported.")
    length = header(headers, LENGTH_HEADER)
    if length and not length.isdecimal():
        raise bad_input(f"Inference-Header-Content-Length is {length!r}; expected a number of bytes.")
    content = ContentType(TENSORS, json_length=int(length) if length else None)
    return Inference(
        header(headers, b"content-type") or (OCTETS if length else JSON), content, name, version, request_id
    )
