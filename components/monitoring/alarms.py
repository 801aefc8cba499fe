"""CloudWatch alarms, made from the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.monitoring.alarm_table import (
    Alarm,
    Both,
    Metric,
    endpoint_alarms,
    fleet_alarms,
    nat_alarms,
    prometheus_alarms,
)
from components.placement import Placement

RESULT = "result"
"""Name of the expression that is compared with the threshold."""
RUNBOOK = "docs/monitoring.md#alarms"
_UNKNOWN = "<known once it is made>"


@dataclass(frozen=True, kw_only=True)
class EndpointPromise:
    """What an endpoint's users were promised.

    latency_ms: 99th percentile of the time in the model. availability: percentage of requests that do not fail.
    """

    name: str
    variant: str = "main"
    latency_ms: int = 500
    availability: float = 99.9


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What is watched.

    topic_arn: SNS topic that is told when an alarm goes off, and when it is over.
    nat_gateway_ids: by a word each.
    workspace_id: of Amazon Managed Service for Prometheus; None without one.
    fleet_errors, fleet_latency_ms: thresholds for every endpoint of the account and region, as in `fleet_alarms`.
    endpoints: those with promises of their own.
    runbooks_url: address under which the repository's files are read; messages then link to `RUNBOOK` there.
    """

    placement: Placement
    topic_arn: pulumi.Input[str]
    nat_gateway_ids: Mapping[str, pulumi.Input[str]]
    workspace_id: pulumi.Input[str] | None = None
    fleet_errors: int = 10
    fleet_latency_ms: int = 2000
    endpoints: Sequence[EndpointPromise] = ()
    runbooks_url: str = ""


class Alarms(pulumi.ComponentResource):
    """The alarms on what lives in CloudWatch."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:Alarms", name, None, opts)
        self._name, self._args = name, args
        self._made: dict[str, aws.cloudwatch.MetricAlarm] = {}
        for word, gateway in args.nat_gateway_ids.items():
            self._make_known_later(f"nat-{word}-", nat_alarms, gateway)
        if args.workspace_id is not None:
            self._make_known_later("prometheus-", prometheus_alarms, args.workspace_id)
        for alarm in fleet_alarms(args.fleet_errors, args.fleet_latency_ms):
            self._metric_alarm(alarm.word, alarm)
        for promise in args.endpoints:
            for alarm in endpoint_alarms(promise.name, promise.variant, promise.latency_ms, promise.availability):
                if isinstance(alarm, Both):
                    self._composite(alarm)
                else:
                    self._metric_alarm(alarm.word, alarm)
        self.register_outputs({})

    def _make_known_later(self, prefix: str, table: Callable[[str], tuple[Alarm, ...]], id_: pulumi.Input[str]) -> None:
        """Alarms on something that AWS names: the graph has them before the name is known."""
        known = pulumi.Output.from_input(id_)
        for index, alarm in enumerate(table(_UNKNOWN)):
            self._metric_alarm(f"{prefix}{alarm.word}", alarm, known.apply(_picks(table, index)))

    def _metric_alarm(self, word: str, alarm: Alarm, known: "pulumi.Output[Alarm] | None" = None) -> None:
        """known: the same alarm with the names that AWS gave."""
        told: list[pulumi.Input[str]] = [self._args.topic_arn] if alarm.pages else []
        full = known or pulumi.Output.from_input(alarm)
        alone = next(iter(alarm.metrics.values())) if len(alarm.metrics) == 1 and not alarm.expression else None
        self._made[alarm.word] = aws.cloudwatch.MetricAlarm(
            f"{self._name}-{word}",
            name=f"{self._args.placement.prefix}-{word}",
            alarm_description=self._described(f"{alarm.why}. Metric: {alarm.docs}"),
            comparison_operator="GreaterThanThreshold",
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.breaching,
            treat_missing_data=alarm.missing,
            namespace=alone.namespace if alone else None,
            metric_name=alone.name if alone else None,
            dimensions=full.apply(_dimensions) if alone else None,
            statistic=alone.stat if alone and not alone.stat.startswith("p") else None,
            extended_statistic=alone.stat if alone and alone.stat.startswith("p") else None,
            period=alarm.seconds if alone else None,
            metric_queries=None if alone else self._queries(alarm, full),
            alarm_actions=told,
            ok_actions=told,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _described(self, text: str) -> str:
        link = f". What to do: {self._args.runbooks_url}/{RUNBOOK}" if self._args.runbooks_url else ""
        return text + link

    def _queries(self, alarm: Alarm, full: pulumi.Output[Alarm]) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
        metrics = [
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id=word,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=full.apply(_dimensions_of(word)),
                    stat=metric.stat,
                    period=alarm.seconds,
                ),
                return_data=False,
            )
            for word, metric in alarm.metrics.items()
        ]
        result = aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=RESULT,
            expression=full.apply(lambda known: known.expression),
            label=alarm.word,
            # A query has a period of its own; math takes that of its metrics.
            period=None if metrics else alarm.seconds,
            return_data=True,
        )
        return [*metrics, result]

    def _composite(self, both: Both) -> None:
        halves = [self._made[word] for word in both.of]
        rule = pulumi.Output.concat('ALARM("', halves[0].name, '") AND ALARM("', halves[1].name, '")')
        aws.cloudwatch.CompositeAlarm(
            f"{self._name}-{both.word}",
            alarm_name=f"{self._args.placement.prefix}-{both.word}",
            alarm_description=self._described(both.why),
            alarm_rule=rule,
            alarm_actions=[self._args.topic_arn],
            ok_actions=[self._args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _picks(table: Callable[[str], tuple[Alarm, ...]], index: int) -> Callable[[str], Alarm]:
    return lambda known: table(known)[index]


def _dimensions(alarm: Alarm) -> dict[str, str]:
    metric: Metric = next(iter(alarm.metrics.values()))
    return dict(metric.dimensions)


def _dimensions_of(word: str) -> Callable[[Alarm], dict[str, str]]:
    return lambda alarm: dict(alarm.metrics[word].dimensions)
