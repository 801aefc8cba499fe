"""Predictions into the body of an answer.

JSON is MLflow's `{"predictions": [...]}`, a DataFrame as records. JSON lines has one `{"prediction": …}` a row (a
DataFrame's row is the object itself). CSV has one line a row and never a header. NaN and infinity, which JSON lacks,
come as null.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any, cast

from ml.serving.media import CSV, JSON, JSON_LINES


def encode(predictions: Any, media: str) -> bytes:
    """The body. media: one of `ml.serving.media`'s. Raises TypeError where the model gave what has no such form."""
    plain = to_plain(predictions)
    if media == JSON:
        return b'{"predictions": ' + dumps(plain) + b"}"
    rows = cast("list[Any]", plain) if isinstance(plain, list) else [plain]
    if media == JSON_LINES:
        lines = [dumps(row if isinstance(row, dict) else {"prediction": row}) for row in rows]
        return b"".join(line + b"\n" for line in lines)
    assert media == CSV
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(_cells(row) for row in rows)
    return out.getvalue().encode()


def to_plain(predictions: Any) -> Any:
    """Lists, dicts, text and numbers in the shape that MLflow's scoring server answers with."""
    if type(predictions).__module__ == "numpy":
        return predictions.tolist()
    if hasattr(predictions, "to_frame"):  # a Series: MLflow answers with records of one column
        predictions = predictions.to_frame()
    if hasattr(predictions, "to_dict"):
        return predictions.to_dict(orient="records")
    if hasattr(predictions, "toarray"):
        return predictions.toarray().tolist()
    return predictions


def dumps(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError):
        return json.dumps(_jsonable(value), allow_nan=False).encode()


def _jsonable(value: Any) -> Any:
    """`value` without what JSON lacks: numpy and pandas scalars, dates, bytes, NaN."""
    import base64

    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return None if text == "NaT" else text
    if hasattr(value, "tolist"):
        return _jsonable(value.tolist())
    return value


def _cells(row: Any) -> list[Any]:
    if isinstance(row, dict):
        return list(cast("dict[Any, Any]", row).values())
    return cast("list[Any]", row) if isinstance(row, list) else [row]
