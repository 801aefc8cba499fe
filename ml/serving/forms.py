"""A protocol's form of one request: what its body is, and how it is answered."""

from dataclasses import dataclass
from typing import Any, Protocol

from ml.serving.asgi import Headers, header
from ml.serving.encode import encode
from ml.serving.errors import RequestError
from ml.serving.media import ContentType, choose_accept, parse_content_type
from ml.serving.model import Answer, ServedModel


@dataclass(frozen=True)
class Reply:
    """An answer's body. content: what it is. content_type, headers: what the client is told of it.

    request_id: the client's own, where the body gave one.
    """

    body: bytes
    content: ContentType
    content_type: str
    headers: Headers = ()
    request_id: str = ""


class Form(Protocol):
    """One request's form. observed: the content type as the client wrote it. content: what the body is."""

    @property
    def observed(self) -> str: ...

    @property
    def content(self) -> ContentType: ...

    def answer(self, model: ServedModel, body: bytes) -> tuple[Answer, Reply]:
        """What the model says to the body. Raises RequestError, and whatever the model raises."""
        ...


@dataclass(frozen=True)
class Invocation:
    """POST /invocations: rows as CSV, JSON or JSON lines."""

    observed: str
    content: ContentType
    media: str

    def answer(self, model: ServedModel, body: bytes) -> tuple[Answer, Reply]:
        """The predictions in the form that the client accepts."""
        answer = model.answer(body, self.content)
        return answer, Reply(encode(answer.predictions, self.media), ContentType(self.media), self.media)


def invocation(headers: dict[bytes, bytes]) -> Invocation:
    """The form that the headers say. Raises RequestError 415 or 406."""
    observed = header(headers, b"content-type")
    return Invocation(observed, parse_content_type(observed), choose_accept(header(headers, b"accept")))


def mlflow_error(error: RequestError, request_id: str) -> dict[str, Any]:
    """An error's document as MLflow's clients know it."""
    return error.body(request_id)
