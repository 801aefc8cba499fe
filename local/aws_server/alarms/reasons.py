"""How CloudWatch says why an alarm is in its state: in a sentence, and as JSON.

The forms are those of messages that CloudWatch sends, see
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Acting_Alarm_Changes.html.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.aws_server.alarms.evaluation import ALARM, BREACHING, COMPARISONS, INSUFFICIENT_DATA, Criteria, Judgement

CREATED = "Unchecked: Initial alarm creation"
_FILLED = {True: "Breaching", False: "NonBreaching"}


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What an alarm was judged by. starts: first second of each period, oldest first. statistic: "" for math."""

    criteria: Criteria
    data: Sequence[float | None]
    starts: Sequence[int]
    period: int
    statistic: str
    unit: str
    judgement: Judgement


def sentence(evaluated: Evaluated, state: str, before: str) -> str:
    """StateReason of a transition."""
    criteria, judgement = evaluated.criteria, evaluated.judgement
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(criteria.periods, 'datapoint')} {_were(criteria.periods)} unknown."
    if not judgement.evaluated:
        return (
            f"Threshold Crossed: no datapoints were received for {_counted(criteria.periods, 'period')} and "
            f"{_counted(judgement.filled, 'missing datapoint')} {_were(judgement.filled)} treated as "
            f"[{_FILLED[criteria.missing == BREACHING]}]."
        )
    wanted = state == ALARM or not any(not criteria.breaches(_at(evaluated, place)) for place in judgement.evaluated)
    shown = [place for place in judgement.evaluated if criteria.breaches(_at(evaluated, place)) is wanted]
    listed = ", ".join(f"{_at(evaluated, place)} ({_short(evaluated.starts[place])})" for place in reversed(shown))
    said = COMPARISONS[criteria.comparison][1]
    # Too few that breach, and nothing else: the alarm waits as OK until there are enough for ALARM.
    needed = criteria.needed if wanted else criteria.periods - criteria.needed + 1
    target = ALARM if wanted else state
    filled = (
        f" and {_counted(judgement.filled, 'missing datapoint')} {_were(judgement.filled)} treated as "
        f"[{_FILLED[criteria.missing == BREACHING]}]"
        if judgement.filled and criteria.missing in ("breaching", "notBreaching")
        else ""
    )
    return (
        f"Threshold Crossed: {len(shown)} out of the last {criteria.periods} datapoints [{listed}] "
        f"{_were(len(shown))} {'' if wanted else 'not '}{said} the threshold ({criteria.threshold})"
        f"{filled} (minimum {_counted(needed, 'datapoint')} for {before} -> {target} transition)."
    )


def document(evaluated: Evaluated, moment: datetime) -> str:
    """StateReasonData of a transition."""
    judgement = evaluated.judgement
    told: dict[str, Any] = {"version": "1.0", "queryDate": stamp(moment)}
    if judgement.evaluated:
        told["startDate"] = stamp(_moment(evaluated.starts[judgement.evaluated[0]]))
    if evaluated.unit:
        told["unit"] = evaluated.unit
    if evaluated.statistic:
        told["statistic"] = evaluated.statistic
    told |= {
        "period": evaluated.period,
        "recentDatapoints": [_at(evaluated, place) for place in judgement.evaluated],
        "threshold": evaluated.criteria.threshold,
        "evaluatedDatapoints": [
            {"timestamp": stamp(_moment(evaluated.starts[place])), "value": _at(evaluated, place)}
            for place in reversed(judgement.evaluated)
        ],
    }
    return json.dumps(told, separators=(",", ":"))


def stamp(moment: datetime) -> str:
    """A time as CloudWatch's messages have it: 2025-07-03T08:34:06.300+0000."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _at(evaluated: Evaluated, place: int) -> float:
    value = evaluated.data[place]
    assert value is not None
    return value


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _short(seconds: int) -> str:
    return _moment(seconds).strftime("%d/%m/%y %H:%M:%S")
