"""What a transform job sends to its model and what it makes of the answers: records, mini-batches, joins.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from local.aws_server.sagemaker.json_path import FilterError, JsonPath

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


class ObjectFailedError(Exception):
    """An input object cannot be transformed; the message says why."""


def batches(path: Path, request: Mapping[str, Any], *, single: bool, most_bytes: int | None) -> Iterator[list[bytes]]:
    """The mini-batches of a file: one a request, each a list of records with their line ends.

    single: whether a request has one record. most_bytes: of a request (None: no limit).
    Raises ObjectFailedError for a record that is larger than that.
    """
    source = request["TransformInput"]
    with _opened(path, zipped=source.get("CompressionType") == "Gzip") as file:
        if source.get("SplitType", "None") == "None":
            yield [_fitting(file.read(), most_bytes, "The object")]
            return
        batch: list[bytes] = []
        size = 0
        for line in file:
            if not line.strip():
                continue
            record = _fitting(line, most_bytes, "A record")
            if batch and (single or (most_bytes is not None and size + len(record) > most_bytes)):
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += len(record)
        if batch:
            yield batch


def _opened(path: Path, *, zipped: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def _fitting(data: bytes, most_bytes: int | None, what: str) -> bytes:
    if most_bytes is not None and len(data) > most_bytes:
        raise ObjectFailedError(
            f"{what} has {len(data)} bytes, more than MaxPayloadInMB allows ({most_bytes}): split the data (SplitType "
            f"Line) or raise MaxPayloadInMB."
        )
    return data


class DataProcessing:
    """The filters and the join of a job; without any, payloads and answers go through as they are.

    Raises FilterError for filters that cannot be applied.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        given = request.get("DataProcessing") or {}
        self._input = JsonPath(given.get("InputFilter") or "$")
        self._output = JsonPath(given.get("OutputFilter") or "$")
        self._join = given.get("JoinSource") == "Input"
        self._kind = str(request["TransformInput"].get("ContentType") or "").partition(";")[0].strip()
        self._split = request["TransformInput"].get("SplitType", "None") != "None"
        active = self._join or not self._input.whole or not self._output.whole
        if active and self._kind not in (CSV, JSON, JSON_LINES):
            raise FilterError(f"DataProcessing needs the ContentType {CSV}, {JSON} or {JSON_LINES}.")

    def payload(self, batch: Sequence[bytes]) -> bytes:
        """What the model gets."""
        if self._input.whole:
            return b"".join(batch)
        return self._written([self._input.select(each) for each in self._records(b"".join(batch))])

    def answer(self, batch: Sequence[bytes], body: bytes) -> bytes:
        """What goes to the output. Raises ObjectFailedError where answer and records do not fit each other."""
        if self._output.whole and not self._join:
            return body
        answers = self._records(body, "answer")
        if self._join:
            records = self._records(b"".join(batch))
            if len(records) != len(answers):
                raise ObjectFailedError(
                    f"The model answered {len(answers)} records to {len(records)}: they cannot be joined."
                )
            answers = [self._joined(*each) for each in zip(records, answers, strict=True)]
        return self._written([self._output.select(each) for each in answers])

    def _joined(self, record: Any, answer: Any) -> Any:
        if self._kind == CSV:
            return [*record, *answer]
        if isinstance(record, dict):
            return {**cast("dict[str, Any]", record), "SageMakerOutput": answer}
        return {"SageMakerInput": record, "SageMakerOutput": answer}

    def _records(self, data: bytes, what: str = "input") -> list[Any]:
        """Rows of CSV as lists of text, lines of JSON, or one JSON document."""
        try:
            text = data.decode()
            if self._kind == CSV:
                return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
            if self._kind == JSON and not self._split:
                return [json.loads(text)]
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, csv.Error) as error:
            raise ObjectFailedError(f"The {what} is not {self._kind}: {error}") from error

    def _written(self, values: Sequence[Any]) -> bytes:
        if self._kind != CSV:
            return "\n".join(json.dumps(value) for value in values).encode() + b"\n"
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows(cast("list[Any]", value) if isinstance(value, list) else [value] for value in values)
        return out.getvalue().encode()


def assembled(answer: bytes, assemble_with: str) -> bytes:
    """A request's answer as it lies in the output object: with Line it ends with a newline."""
    return answer + b"\n" if assemble_with == "Line" and not answer.endswith(b"\n") else answer
