"""The process that writes an endpoint container's captures, with the variables that `ml deploy` gives the container."""

import io
import queue
from collections.abc import Mapping
from typing import Any

from ml.serving.capture_writer import CaptureSettings, Writer


def written(variables: Mapping[str, str], exchanges: int, s3: Any, cloudwatch: Any) -> str:
    """What it reports to the server after so many exchanges."""
    settings = CaptureSettings(
        uri=variables["SERVING_CAPTURE_URI"],
        interval_s=0,
        personal=(),
        columns=(),
        log_form="json",
        namespace=variables["SERVING_CAPTURE_METRICS"],
    )
    csv = ("text/csv", None, None)
    batches: queue.Queue[Any] = queue.Queue()
    batches.put([("text/csv", csv, b"1", "text/csv", csv, b"2", f"asked-{number}", 0.0) for number in range(exchanges)])
    batches.put(None)
    report = io.StringIO()
    Writer(settings, report, s3, cloudwatch).run(batches)
    return report.getvalue()
