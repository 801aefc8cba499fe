"""What the guard keeps from look to look, in the artifact bucket under a prefix that no team may write.

Jobs that have ended never cost more, so each is described once a month; without this a month of thousands of jobs would
be asked for at every look.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from spend_guard.endpoints import Metered

PREFIX = "spend-guard"
NOBODY = ""
"""Team of what belongs to none here: other environments of the account have jobs too."""


@dataclass(frozen=True)
class Ended:
    """A job that has ended. usd: what it cost in the month, None where nobody knows its price."""

    team: str
    name: str
    usd: Decimal | None


@dataclass
class Memory:
    """One month. ended, endpoints: by ARN."""

    ended: dict[str, Ended] = field(default_factory=dict[str, Ended])
    endpoints: dict[str, Metered] = field(default_factory=dict[str, Metered])

    def spent(self, team: str) -> Decimal:
        """Dollars of a team's ended jobs and of its endpoints, deleted ones too."""
        jobs = (one.usd for one in self.ended.values() if one.team == team and one.usd is not None)
        return sum(jobs, Decimal(0)) + sum((one.usd for one in self.endpoints.values() if one.team == team), Decimal(0))

    def unpriced(self, team: str) -> list[str]:
        """Names of a team's ended jobs whose price nobody knows."""
        return [one.name for one in self.ended.values() if one.team == team and one.usd is None]


def load(s3: Any, bucket: str, month: str) -> Memory:
    """What is kept of a month; nothing at its first look."""
    try:
        body = s3.get_object(Bucket=bucket, Key=_key(month))["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:  # pyright: ignore
            return Memory()
        raise
    known: dict[str, Any] = json.loads(body)
    return Memory(
        {
            arn: Ended(one["team"], one["name"], None if one["usd"] is None else Decimal(one["usd"]))
            for arn, one in known["ended"].items()
        },
        {
            arn: Metered(team=one["team"], usd=Decimal(one["usd"]), until=datetime.fromisoformat(one["until"]))
            for arn, one in known["endpoints"].items()
        },
    )


def save(s3: Any, bucket: str, month: str, memory: Memory) -> None:
    """Keep it. Two looks at once write the same, or less than the next one adds."""
    document = {
        "ended": {
            arn: {"team": one.team, "name": one.name, "usd": None if one.usd is None else str(one.usd)}
            for arn, one in memory.ended.items()
        },
        "endpoints": {
            arn: {"team": one.team, "usd": str(one.usd), "until": one.until.isoformat()}
            for arn, one in memory.endpoints.items()
        },
    }
    s3.put_object(Bucket=bucket, Key=_key(month), Body=json.dumps(document).encode(), ContentType="application/json")


def _key(month: str) -> str:
    return f"{PREFIX}/{month}.json"
