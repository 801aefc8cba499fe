"""The look at every metric alarm: each 10 seconds at those with periods below a minute, else each minute.

A look judges the periods that end with the last full 10 seconds or minute, SETTLE_S after their end, so that what was
counted in them has been put.
"""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from local.aws_server.alarms import actions, composite, history, reasons
from local.aws_server.alarms.evaluation import ALARM, INSUFFICIENT_DATA, OK, judge
from local.aws_server.alarms.subject import CONTRIBUTOR_GONE, SHORT_PERIODS, Subject, subject_of
from local.aws_server.metric_data.expressions import ExpressionError
from local.aws_server.metric_data.store import MetricStore, store_of
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, Server, on_start, on_stop

logger = logging.getLogger(__name__)
TICK_S = 10
SETTLE_S = 1.5
"""A put that comes later counts from the next look on."""
_stops: dict[int, threading.Event] = {}


@on_start
def start(server: Server) -> None:
    """Looks at the alarms for as long as the server runs."""
    stop_asked = _stops[id(server)] = threading.Event()

    def watch() -> None:
        last = time.time()
        while True:
            following = (int(time.time() - SETTLE_S) // TICK_S + 1) * TICK_S
            if stop_asked.wait(max(0.0, following + SETTLE_S - time.time())):
                return
            try:
                look(server, last, following)
            except Exception:
                logger.exception("alarms were not looked at")
            last = following

    threading.Thread(target=watch, name="alarms", daemon=True).start()


@on_stop
def stop(server: Server) -> None:
    """No alarm changes from now on."""
    if event := _stops.pop(id(server), None):
        event.set()


def look(server: Server, last: float, now: float) -> None:
    """Evaluates every alarm whose time has come between two looks, in seconds since the epoch."""
    store = store_of(server)
    for region, alarm in _alarms(server, short_alone=now // 60 == last // 60):
        try:
            subject = subject_of(alarm)
            fresh = alarm["StateReason"] == reasons.CREATED
            # An alarm that is looked at once an hour is looked at soon after it was made, too.
            interval = min(subject.interval, 60) if fresh else subject.interval
            end = int(now // interval) * interval
            if end > last:
                _evaluate(server, store, region, alarm, subject, end)
        except ExpressionError as error:
            _enter(server, region, alarm, INSUFFICIENT_DATA, f"Error in the alarm's configuration: {error}", "")
        except Exception:
            logger.exception("alarm %s was not looked at", alarm["AlarmName"])


def _alarms(server: Server, *, short_alone: bool) -> list[tuple[str, dict[str, Any]]]:
    """Alarms by region. short_alone: only those with periods below a minute, which have to be looked at more often."""
    with moto_lock:
        names = {
            region: [name for name, alarm in backend.alarms.items() if not short_alone or _is_short(alarm)]
            for region, backend in dict.items(cloudwatch_backends[ACCOUNT_ID])
        }
    return [(region, alarm) for region, some in names.items() if some for alarm in described(server, region, some)]


def _is_short(alarm: Any) -> bool:
    queries = alarm.metric_data_queries
    stats = [query.metric_stat for query in queries if query.metric_stat is not None]
    return any(int(each.period or 60) in SHORT_PERIODS for each in (alarm, *queries, *stats))


def described(server: Server, region: str, names: list[str] | None = None) -> list[dict[str, Any]]:
    """Metric alarms as DescribeAlarms tells them; all by default."""
    params: dict[str, Any] = {"AlarmTypes": ["MetricAlarm"]} | ({"AlarmNames": names} if names else {})
    return server.call("cloudwatch", "DescribeAlarms", params, region=region)["MetricAlarms"]


def _evaluate(
    server: Server, store: MetricStore, region: str, alarm: dict[str, Any], subject: Subject, end: int
) -> None:
    before = alarm["StateValue"]
    found = subject.data(store, region, end)
    if subject.has_few_samples(store, region, end):
        return
    starts = subject.starts(end)
    judged = {
        contributor: reasons.Evaluated(
            criteria=subject.criteria,
            data=(data := [series.get(moment) for moment in starts]),
            starts=starts,
            period=subject.period,
            statistic=subject.statistic,
            unit=subject.unit,
            judgement=judge(subject.criteria, data),
        )
        for contributor, series in found.items()
    }
    if "" in judged:
        evaluated = judged[""]
        state = evaluated.judgement.state
        if state is not None and state != before:
            reason, data = reasons.sentence(evaluated, state, before), reasons.document(evaluated, datetime.now(UTC))
            _enter(server, region, alarm, state, reason, data)
        else:
            actions.repeat(server, region, alarm)
        return
    # A query: each series is judged by itself, and one that breaches is enough.
    states = {contributor: each.judgement.state for contributor, each in judged.items()}
    state = ALARM if ALARM in states.values() else OK if states else INSUFFICIENT_DATA
    if state != before:
        breaching = sorted(name for name, each in states.items() if each == ALARM)
        reason = {
            ALARM: f"{len(breaching)} contributor(s) of the query breached the threshold: {', '.join(breaching)}.",
            OK: "No contributor of the query breaches the threshold.",
            INSUFFICIENT_DATA: f"{CONTRIBUTOR_GONE}.",
        }[state]
        _enter(server, region, alarm, state, reason, "")


def _enter(server: Server, region: str, alarm: dict[str, Any], state: str, reason: str, data: str) -> None:
    """A change of state: kept, noted, acted upon."""
    name, before = alarm["AlarmName"], alarm["StateValue"]
    if state == before and reason == alarm["StateReason"]:
        return
    moment = datetime.now(UTC)
    with server.changing("cloudwatch"):
        kept = cloudwatch_backends[ACCOUNT_ID][region].alarms.get(name)
        if kept is None or kept.state_value != before:
            return  # It was deleted, or told another state, while it was looked at.
        kept.state_value, kept.state_reason, kept.state_reason_data = state, reason, data
        kept.state_updated_timestamp = moment.replace(tzinfo=None)
        if state != before:
            kept.__dict__["state_transitioned_timestamp"] = moment.replace(tzinfo=None)
    announce(server, region, alarm, state, reason, data)


def announce(server: Server, region: str, alarm: dict[str, Any], state: str, reason: str, data: str) -> None:
    """What follows once a metric alarm is in a state. alarm: as it was described before."""
    name, before = alarm["AlarmName"], alarm["StateValue"]
    new = {"StateValue": state, "StateReason": reason, "StateReasonData": data}
    history.note_state(server, region, alarm, "MetricAlarm", new)
    if state != before:
        for now in described(server, region, [name]):
            actions.run(server, region, now, "MetricAlarm", before)
        composite.follow(server, region, name, state)
