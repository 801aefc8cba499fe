"""A window's document as metrics and as words."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ml.watch.metrics import Sample


def samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    """The metrics of one window, at its end."""
    moment = datetime.fromisoformat(document["end"])

    def sample(name: str, text: str, value: float, **labels: str) -> Sample:
        return Sample(name=name, help=text, value=value, time=moment, labels=labels)

    yield sample("watch_rows", "Rows of the newest window.", document["rows"])
    yield sample("watch_unreadable", "Requests of it that have no rows.", document["unreadable"])
    if not document["judged"]:
        return
    yield sample("watch_drifted", "Whether the newest window drifted from the reference.", float(document["drifted"]))
    columns = {one["column"] for one in document["features"]}
    yield sample("watch_drifted_columns", "Columns of it that did.", len(columns))
    told: set[str] = set()
    for one in document["features"]:
        if one["column"] not in told and "value" in one:
            told.add(one["column"])
            text = "How far a drifted column is out, in multiples of what is usual."
            yield sample("watch_column_drift", text, one["value"], column=one["column"])


def quality_samples(document: Mapping[str, Any]) -> Iterator[Sample]:
    """The metrics of one window's quality, at its end; of segments, those that lost."""
    moment = datetime.fromisoformat(document["end"])
    for name, one in document.get("segments", {}).items():
        if one["lost"]:
            text, labels = "The metric of a segment that has become worse.", {"segment": str(name)}
            yield Sample(name="watch_segment_quality", help=text, value=one["value"], time=moment, labels=labels)
    if not document["judged"]:
        return
    text, labels = "The metric of the answers whose truth is there.", {"metric": str(document["metric"])}
    yield Sample(name="watch_quality", help=text, value=document["value"], time=moment, labels=labels)
    text = "Whether it is worse than on the reference by more than is allowed."
    yield Sample(name="watch_quality_lost", help=text, value=float(document["lost"]), time=moment, labels={})


def headline(document: Mapping[str, Any]) -> str:
    """One line about a window."""
    start, end = (datetime.fromisoformat(document[name]) for name in ("start", "end"))
    when = f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC, {document['rows']:,} rows"
    if document["drifted"]:
        columns = list(dict.fromkeys(one["column"] for one in document["features"]))
        return f"{when}: drifted in {', '.join(columns)}"
    return f"{when}: {'as the reference' if document['judged'] else 'not judged: ' + document['reason']}"


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """What else there is to say about a window that drifted."""
    for one in document["features"]:
        yield f"  {one['column']}: {one['text']}"
    if "page" in document:
        yield f"  with pictures: {document['page']}"
