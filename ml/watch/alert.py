"""Telling people: one message a run to the platform's alert topic, with the features, their measures and the pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml.watch.quality import told as quality_told
from ml.watch.told import headline, lines, names

SUBJECT_CHARACTERS = 100
"""Longest Subject, of ASCII (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""
MOST_WINDOWS = 20
"""Windows that one message lists: a message has at most 256 KiB."""


def subject(endpoint: str, windows: Sequence[Mapping[str, Any]], qualities: Sequence[Mapping[str, Any]]) -> str:
    """One line: the endpoint, and the columns that drifted."""
    columns = list(dict.fromkeys(name for window in windows for name in names(window)))
    what = [f"drift in {', '.join(columns)}"] if columns else []
    what += [f"{qualities[0]['metric']} lost"] if qualities else []
    text = f"{endpoint}: {'; '.join(what)}".encode("ascii", "replace").decode()
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= SUBJECT_CHARACTERS else f"{text[: SUBJECT_CHARACTERS - 3]}..."


def message(
    endpoint: str,
    environment: str,
    windows: Sequence[Mapping[str, Any]],
    qualities: Sequence[Mapping[str, Any]],
    done: str,
) -> str:
    """What people read. windows: that drifted. qualities: that were lost. done: what was done about it, a sentence."""
    shown = windows[-MOST_WINDOWS:]
    text = [f"{endpoint} in {environment}"]
    if len(shown) < len(windows):
        text += ["", f"{len(windows)} windows drifted; these are the newest."]
    for window in shown:
        text += ["", headline(window), *lines(window)]
    for quality in qualities:
        text += ["", f"{quality['name']}: {quality_told(quality)}"]
    return "\n".join([*text, "", done, f"All windows: ml watch windows {endpoint} --env {environment}", ""])


def publish(sns: Any, topic: str, team: str, endpoint: str, subject_line: str, text: str) -> None:
    """Send it, with attributes that a subscription filters by: source, team and endpoint."""
    attributes = {"source": "ml-watch", "team": team, "endpoint": endpoint}
    sns.publish(
        TopicArn=topic,
        Subject=subject_line,
        Message=text,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
