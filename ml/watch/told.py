"""A window's document as metrics and as words."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ml.watch.metrics import Sample

_FAR = {
    "watch_column_drift": "How far a drifted column is out, in multiples of what is usual.",
    "watch_attribution_drift": "How far the attributions are out that moved to or from a column, in multiples of what "
    "is usual.",
}


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
    told: set[tuple[str, str]] = set()
    for one in document["features"]:
        name = "watch_attribution_drift" if one["test"] == "attribution" else "watch_column_drift"
        if (name, one["column"]) not in told and "value" in one:
            told.add((name, one["column"]))
            yield sample(name, _FAR[name], one["value"], column=one["column"])
    attributions = _attributions(document)
    if "score" in attributions:
        text = "How alike the order of the columns by attribution is, from 0 to 1 (nDCG)."
        yield sample("watch_attribution_score", text, attributions["score"])
        text = "Part of all attribution that is another column's than in the reference."
        yield sample("watch_attribution_gone_over", text, attributions["goneOver"])


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
    attributions = _attributions(document)
    without = f"; attributions not judged: {attributions['reason']}" if attributions.get("reason") else ""
    if document["drifted"]:
        return f"{when}: drifted in {', '.join(names(document))}{without}"
    return f"{when}: {'as the reference' + without if document['judged'] else 'not judged: ' + document['reason']}"


def _attributions(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Empty where they are not watched, or where the window is not judged."""
    found: Mapping[str, Any] | None = document.get("attributions")
    return found or {}


def names(document: Mapping[str, Any]) -> list[str]:
    """What drifted: columns, and the attributions of columns that did not themselves."""
    columns = dict.fromkeys(one["column"] for one in document["features"] if one["test"] != "attribution")
    attributed = dict.fromkeys(one["column"] for one in document["features"] if one["column"] not in columns)
    return [*columns, *(f"attribution of {column}" for column in attributed)]


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """What else there is to say about a window that drifted."""
    for one in document["features"]:
        yield f"  {one['column']}: {one['text']}"
    attributions = _attributions(document)
    if "score" in attributions:
        yield (
            f"  attributions by {attributions['rows']:,} rows: {attributions['goneOver']:.1%} of it has moved to other "
            f"columns; score of their order {attributions['score']:.3f} (SageMaker Clarify tells of less than "
            f"{attributions['least']:g})"
        )
    if "page" in document:
        yield f"  with pictures: {document['page']}"
