"""Log lines: one JSON object a line for machines, or one plain line for a person at a terminal."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("ml.serving")
_OURS = frozenset(("request_id",))
"""Fields that hold nothing of a request's rows."""


class _Masking:
    """What every line's text goes through, once a model with personal columns is served."""

    mask: Callable[[str], str] | None = None


def mask_with(mask: Callable[[str], str] | None) -> None:
    """Have `mask` take the personal values out of what is logged from now on, by whomever."""
    _Masking.mask = mask


def _masked(text: str) -> str:
    return text if _Masking.mask is None else _Masking.mask(text)


def _masked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    if _Masking.mask is None:
        return dict(fields)
    # Numbers of ours stay: a status is no row's value.
    return {
        name: _masked(value) if isinstance(value, str) and name not in _OURS else value
        for name, value in fields.items()
    }


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, event, the fields given to `log`, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _masked(record.getMessage()),
            **_masked_fields(getattr(record, "fields", {})),
        }
        if record.exc_info:
            line["traceback"] = _masked(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A plain line: time, level, event and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, with its traceback below if there is one."""
        fields = "".join(f" {name}={value}" for name, value in _masked_fields(getattr(record, "fields", {})).items())
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        text = f"{moment} {record.levelname.lower():7} {_masked(record.getMessage())}{fields}"
        return text + ("\n" + _masked(self.formatException(record.exc_info)) if record.exc_info else "")


def set_up(form: str) -> None:
    """Send every log record of the process to stderr. form: `json` or `text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.ERROR)  # its start and stop lines say what ours say


def log(level: int, event: str, *, traceback: bool = False, **fields: Any) -> None:
    """Write one log line. traceback: add the exception that is being handled."""
    logger.log(level, event, extra={"fields": fields}, exc_info=traceback)
