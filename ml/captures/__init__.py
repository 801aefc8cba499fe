"""Captured requests and answers of endpoints, read back: for A/B tests, lineage and watching.

SageMaker's data capture, and the inference server's own where columns are personal, write JSON lines below
`<team's artifact prefix>/capture/ENDPOINT/VARIANT/yyyy/mm/dd/hh/`
(https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html). Reading them back:

    place = captures_uri(contract, "research", "research-flight-delays")
    captured = Captures(s3, place, start=start, end=end)      # variants=("main",) for some of them
    for request in captured:                                  # one at a time, in the order in which they were written
        rows = request.input.rows() if request.input else None   # columns, personal ones left out and named
        predictions = request.output.predictions() if request.output else None
    captured.unreadable                                       # lines that were none

Memory does not grow with the number of requests: a few files of at most some MiB are held at a time. `Truth` joins what
became true later, by the request's id (`request.id`).
"""

from ml.captures.reading import Captures, captures_uri, variants_of
from ml.captures.record import Body, CapturedRequest, parse_line
from ml.captures.rows import PREDICTION, Rows, UnreadableBodyError
from ml.captures.truth import Truth, read_truth

__all__ = [
    "PREDICTION",
    "Body",
    "CapturedRequest",
    "Captures",
    "Rows",
    "Truth",
    "UnreadableBodyError",
    "captures_uri",
    "parse_line",
    "read_truth",
    "variants_of",
]
