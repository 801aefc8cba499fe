"""One line of a capture file: a request, its answer, and when, by which variant and under which id."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from ml.captures.rows import Rows, UnreadableBodyError, decode, decode_answer


@dataclass(frozen=True, kw_only=True)
class Body:
    """A captured body as the line has it.

    content_type: as the client or the container wrote it. encoding: CSV, JSON or BASE64, the last for content types
    that the endpoint's configuration does not name. data: the text.
    """

    content_type: str
    encoding: str
    data: str

    def text(self) -> str:
        """The body's text. Raises UnreadableBodyError where it is no UTF-8."""
        if self.encoding != "BASE64":
            return self.data
        try:
            return base64.b64decode(self.data, validate=True).decode("utf-8-sig")
        except (binascii.Error, ValueError) as error:
            raise UnreadableBodyError(f"a body of {self.content_type or 'no type'} is no text") from error

    def rows(self, columns: Sequence[str] = ()) -> Rows:
        """The body's rows as columns. columns: the model's, in their order, for rows that come without names.

        Raises UnreadableBodyError for a body that is neither CSV nor one of the JSON forms of the inference server.
        """
        return decode(self.text(), self.content_type, self.encoding, columns)

    def predictions(self) -> Rows:
        """The rows of an answer: the column `prediction`, or what the model calls them. Raises UnreadableBodyError."""
        return decode_answer(self.text(), self.content_type, self.encoding)


@dataclass(frozen=True, kw_only=True)
class CapturedRequest:
    """One request and its answer.

    event_id: SageMaker's own, of this request alone. inference_id: the caller's, empty where none was given.
    time: when it was answered, UTC, to the second. variant: which answered. input, output: None where the endpoint does
    not capture them.
    """

    event_id: str
    inference_id: str
    time: datetime
    variant: str
    input: Body | None
    output: Body | None
    custom_attributes: str = ""

    @property
    def id(self) -> str:
        """What truth is joined by: the inference id, and without one the event id, as in SageMaker Model Monitor
        (https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html)."""
        return self.inference_id or self.event_id


def parse_line(line: bytes, variant: str) -> CapturedRequest:
    """A line of a variant's capture file. Raises ValueError where it is none."""
    document: Any = json.loads(line)
    try:
        metadata: dict[str, Any] = document["eventMetadata"]
        captured: dict[str, Any] = document["captureData"]
        return CapturedRequest(
            event_id=str(metadata["eventId"]),
            inference_id=str(metadata.get("inferenceId") or ""),
            time=_moment(str(metadata["inferenceTime"])),
            variant=variant,
            input=_body(captured.get("endpointInput")),
            output=_body(captured.get("endpointOutput")),
            custom_attributes=",".join(cast("list[str]", metadata.get("customAttributes") or [])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a captured line lacks {error}") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _body(side: Any) -> Body | None:
    if side is None:
        return None
    return Body(
        content_type=str(side.get("observedContentType") or ""),
        encoding=str(side.get("encoding") or "BASE64"),
        data=str(side["data"]),
    )
