"""Who changed a resource, where CloudTrail's event history tells.

Every account has the history without a trail of its own: management events of 90 days, an AWS region at a time
(https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html). Data events, such as objects
written to a bucket, are not in it, and Kubernetes objects are in the cluster's audit log.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

GLOBAL_REGION = "us-east-1"
GLOBAL_SERVICES = frozenset({"iam", "cloudfront"})
"""Services whose events are recorded in us-east-1, wherever the caller is (with STS, which has no resources):
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html, "Global service events"."""
SECONDS_BETWEEN = 0.5
"""LookupEvents may be asked twice a second, per account and region:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html"""
PAGES = 10
"""Of 50 events for one name: a role that is assumed all the time must not hold the command up for minutes."""
KEPT = 3
HISTORY = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Author:
    """One write that CloudTrail has recorded.

    who: ARN of the caller, or the AWS service that called. source_identity: who a role's session was set up for, or
    empty. action: the API call. address: where it came from. event_id: of the event, for the console.
    """

    who: str
    source_identity: str
    action: str
    at: datetime
    address: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A resource as CloudTrail may know it.

    names: what LookupEvents is asked for, the likeliest first. since: when the program last wrote it, None if unknown.
    """

    region: str
    names: Sequence[str]
    since: datetime | None = None


def subject_of(
    type_: str, id_: str, outputs: Mapping[str, Any], region: str, since: datetime | None = None
) -> Subject | None:
    """How to ask for a resource of the AWS provider; None for one of another provider.

    type_: the type's token, as `aws:s3/bucket:Bucket`. region: the environment's.
    """
    package, _, rest = type_.partition(":")
    if package != "aws":
        return None
    arn = str(outputs.get("arn") or (id_ if id_.startswith("arn:") else ""))
    parts = arn.split(":", 5)
    own = parts[3] if len(parts) == 6 else ""
    names = [id_, str(outputs.get("name") or ""), str(outputs.get("bucket") or "")]
    if len(parts) == 6:
        names += [arn, parts[5].rsplit("/", 1)[-1]]
    service = rest.partition("/")[0].partition(":")[0]
    where = GLOBAL_REGION if service in GLOBAL_SERVICES else own or region
    return Subject(region=where, names=[*dict.fromkeys(filter(None, names))], since=since)


@dataclass
class History:
    """The account's event history. client: makes a CloudTrail client for a region. wait: sleeps so many seconds."""

    client: Callable[[str], Any]
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _clients: dict[str, Any] = field(default_factory=dict[str, Any])
    _asked: dict[str, float] = field(default_factory=dict[str, float])

    def writers(self, subject: Subject) -> list[Author]:
        """The newest successful writes to a resource since the program's own, at most three.

        Raises HistoryError where CloudTrail cannot be asked.
        """
        oldest = self.now() - HISTORY
        start = max(subject.since, oldest) if subject.since else oldest
        for name in subject.names:
            found = list(self._events(subject.region, name, start, subject.since))
            if found:
                return sorted(found, key=lambda author: author.at, reverse=True)[:KEPT]
        return []

    def _events(self, region: str, name: str, start: datetime, since: datetime | None) -> Iterator[Author]:
        request: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": name}],
            "StartTime": start,
        }
        for _ in range(PAGES):
            answer = self._lookup(region, request)
            for event in answer.get("Events", []):
                author = _author(event)
                # The program's own write ends just before the state is written.
                if author is not None and (since is None or author.at > since):
                    yield author
            token = answer.get("NextToken")
            if not token:
                return
            request["NextToken"] = token

    def _lookup(self, region: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            if region not in self._clients:
                self._clients[region] = self.client(region)
            self._pause(region)
            return self._clients[region].lookup_events(**request)
        except (BotoCoreError, ClientError) as error:
            raise HistoryError(f"CloudTrail in {region} cannot be asked who it was: {error}") from None

    def _pause(self, region: str) -> None:
        last = self._asked.get(region)
        if last is not None and (left := SECONDS_BETWEEN - (time.monotonic() - last)) > 0:
            self.wait(left)
        self._asked[region] = time.monotonic()


class HistoryError(Exception):
    """The event history could not be read, in words."""


def _author(event: Mapping[str, Any]) -> Author | None:
    """The author of an event that changed something; None for one that read, or that AWS refused.

    Fields: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    and …/cloudtrail-event-reference-user-identity.html
    """
    record: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        record = json.loads(event.get("CloudTrailEvent") or "{}")
    if str(event.get("ReadOnly")).lower() == "true" or record.get("readOnly") is True or record.get("errorCode"):
        return None
    identity: dict[str, Any] = record.get("userIdentity") or {}
    session: dict[str, Any] = identity.get("sessionContext") or {}
    known = (identity.get("arn"), identity.get("invokedBy"), event.get("Username"), identity.get("type"))
    return Author(
        who=str(next((each for each in known if each), "?")),
        source_identity=str(session.get("sourceIdentity") or ""),
        action=str(event.get("EventName") or "?"),
        at=event["EventTime"],
        address=str(record.get("sourceIPAddress") or ""),
        event_id=str(event.get("EventId") or ""),
    )
