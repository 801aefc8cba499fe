"""Alarms of the AWS server, asked for with boto3: states from the metrics that were put, and what follows from them.

One server looks at all of them at once, so that the module waits for a look (each ten seconds) three times.
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess
from tests.local.sagemaker_server import eventually

pytestmark = pytest.mark.local
SPACE = "Tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(Path(tmp_path_factory.mktemp("alarms")))
    process.start()
    yield process
    process.ensure_stopped()


def datum(metric: str, **members: Any) -> dict[str, Any]:
    return {"MetricName": metric, "StorageResolution": 1, **members}


def alarm(server: AwsServerProcess, name: str, metric: str = "", **members: Any) -> None:
    settings: dict[str, Any] = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5}
    if metric:
        settings |= {"Namespace": SPACE, "MetricName": metric, "Period": 10}
        settings |= {} if "ExtendedStatistic" in members else {"Statistic": "Maximum"}
    server.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**settings, **members})


def states(server: AwsServerProcess, kind: str = "MetricAlarm") -> dict[str, str]:
    found = server.client("cloudwatch").describe_alarms(AlarmTypes=[kind])
    return {each["AlarmName"]: each["StateValue"] for each in found["MetricAlarms"] + found["CompositeAlarms"]}


def messages(server: AwsServerProcess, queue: str) -> list[dict[str, Any]]:
    found = server.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages") or []
    return [json.loads(json.loads(each["Body"])["Message"]) for each in found]


def topic_with_queue(server: AwsServerProcess) -> tuple[str, str]:
    topic = server.client("sns").create_topic(Name="told")["TopicArn"]
    queue = server.client("sqs").create_queue(QueueName="told")["QueueUrl"]
    arn = server.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return topic, queue


def test_alarms_are_in_the_states_that_their_metrics_ask_for(server: AwsServerProcess) -> None:
    cloudwatch = server.client("cloudwatch")
    topic, queue = topic_with_queue(server)
    alarm(server, "high", "high", AlarmActions=[topic], OKActions=[topic])
    alarm(server, "low", "low")
    alarm(server, "silent", "silent")
    alarm(server, "silent-breaching", "silent", TreatMissingData="breaching")
    alarm(server, "silent-fine", "silent", TreatMissingData="notBreaching")
    alarm(server, "silent-ignored", "silent", TreatMissingData="ignore")
    alarm(server, "slow-at-99", "latency", ExtendedStatistic="p99", Threshold=100)
    alarm(server, "slow-at-50", "latency", ExtendedStatistic="p50", Threshold=100)
    alarm(server, "set-at-99", "sets", ExtendedStatistic="p99", Threshold=100)
    alarm(server, "two-of-three", "high", EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    stat = {"Period": 10, "Stat": "Sum"}
    metric = {name: {"Namespace": SPACE, "MetricName": name} for name in ("errors", "calls")}
    queries = [
        {"Id": name, "MetricStat": {"Metric": each, **stat}, "ReturnData": False} for name, each in metric.items()
    ]
    rate = {"Id": "rate", "Expression": "IF(calls >= 20, errors / calls / 0.001, 0)", "ReturnData": True}
    alarm(server, "burn", Metrics=[*queries, rate], Threshold=14.4)
    query = f'SELECT SUM(errors) FROM SCHEMA("{SPACE}", Endpoint) GROUP BY Endpoint ORDER BY SUM() DESC'
    alarm(server, "fleet", Metrics=[{"Id": "q", "Expression": query, "Period": 10, "ReturnData": True}])
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(high) AND ALARM(burn)", AlarmActions=[topic])
    assert set(states(server).values()) == {"INSUFFICIENT_DATA"}
    assert states(server, "CompositeAlarm") == {"both": "OK"}

    # In this period of ten seconds and in the one before: whichever has ended at the next look has data.
    for ago in (0, 10):
        when = {"Timestamp": time.time() - ago}
        data = [
            datum("high", Value=9.0, **when),
            datum("low", Value=1.0, **when),
            datum("latency", Values=[10.0, 900.0], Counts=[980.0, 20.0], **when),
            datum("sets", StatisticValues={"SampleCount": 9, "Sum": 900, "Minimum": 1, "Maximum": 800}, **when),
            datum("errors", Value=3.0, **when),
            datum("calls", Values=[1.0], Counts=[100.0], **when),
            datum("errors", Value=1.0, Dimensions=[{"Name": "Endpoint", "Value": "good"}], **when),
            datum("errors", Value=8.0, Dimensions=[{"Name": "Endpoint", "Value": "bad"}], **when),
            # What is large is sent compressed.
            *(datum(f"more-{number}", Value=1.0, **when) for number in range(200)),
        ]
        cloudwatch.put_metric_data(Namespace=SPACE, MetricData=data)

    wanted = {
        **{"high": "ALARM", "low": "OK", "silent": "INSUFFICIENT_DATA", "silent-breaching": "ALARM"},
        **{"silent-fine": "OK", "silent-ignored": "INSUFFICIENT_DATA", "slow-at-99": "ALARM", "slow-at-50": "OK"},
        **{"set-at-99": "INSUFFICIENT_DATA", "burn": "ALARM", "fleet": "ALARM"},
    }
    eventually(lambda: states(server), lambda found: wanted.items() <= found.items())
    eventually(lambda: states(server, "CompositeAlarm"), lambda found: found == {"both": "ALARM"})

    (high,) = cloudwatch.describe_alarms(AlarmNames=["high"])["MetricAlarms"]
    assert high["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [9.0 (")
    assert json.loads(high["StateReasonData"])["recentDatapoints"] == [9.0]
    assert high["StateTransitionedTimestamp"] == high["StateUpdatedTimestamp"]
    (fleet,) = cloudwatch.describe_alarms(AlarmNames=["fleet"])["MetricAlarms"]
    assert fleet["StateReason"].endswith(": bad.")
    told: list[dict[str, Any]] = []
    eventually(lambda: told.extend(messages(server, queue)) or told, lambda found: len(found) >= 2)
    by_name = {each["AlarmName"]: each for each in told}
    assert (by_name["high"]["OldStateValue"], by_name["high"]["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert by_name["high"]["Region"] == "US East (N. Virginia)"
    assert (by_name["high"]["Trigger"]["MetricName"], by_name["high"]["Trigger"]["Threshold"]) == ("high", 5.0)
    assert by_name["both"]["NewStateValue"] == "ALARM"
    items = cloudwatch.describe_alarm_history(AlarmName="high", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [each["HistoryItemType"] for each in items][:3] == ["ConfigurationUpdate", "StateUpdate", "Action"]
    assert items[1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    hour, begin = timedelta(hours=1), items[0]["Timestamp"]
    for start, end, found in ((begin - hour, begin + hour, True), (begin + hour, begin + 2 * hour, False)):
        within = cloudwatch.describe_alarm_history(AlarmName="high", StartDate=start, EndDate=end)
        assert bool(within["AlarmHistoryItems"]) is found

    # Two of three: the first look has had one period at least; once both are in the window it alarms.
    eventually(lambda: states(server)["two-of-three"], lambda state: state == "ALARM")

    statistics = cloudwatch.get_metric_data(
        MetricDataQueries=[*[{**each, "ReturnData": False} for each in queries], rate],
        StartTime=time.time() - 60,
        EndTime=time.time() + 60,
    )["MetricDataResults"]
    assert [set(each["Values"]) for each in statistics] == [{30.0}]
    (point, *_) = cloudwatch.get_metric_statistics(
        Namespace=SPACE,
        MetricName="latency",
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3600,
        ExtendedStatistics=["p50", "p99"],
    )["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 10.0, "p99": 900.0}
    listed = cloudwatch.list_metrics(Namespace=SPACE, MetricName="errors", Dimensions=[{"Name": "Endpoint"}])["Metrics"]
    assert [each["Dimensions"][0]["Value"] for each in listed] == ["bad", "good"]


def test_a_state_that_was_set_acts_and_lasts_until_the_next_look(server: AwsServerProcess) -> None:
    cloudwatch = server.client("cloudwatch")
    topic, queue = topic_with_queue(server)
    alarm(server, "rehearsed", "never-put", AlarmActions=[topic], TreatMissingData="notBreaching")
    alarm(server, "quiet", "never-put", AlarmActions=[topic], ActionsEnabled=False, TreatMissingData="ignore")
    for name in ("rehearsed", "quiet"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="A rehearsal")
    told = {each["AlarmName"]: each for each in messages(server, queue)}
    assert told["rehearsed"]["NewStateReason"] == "A rehearsal"
    assert "quiet" not in told
    eventually(lambda: states(server)["rehearsed"], lambda state: state == "OK")
    assert states(server)["quiet"] == "ALARM"


def test_states_history_and_metrics_survive_a_kill(server: AwsServerProcess) -> None:
    alarm(server, "kept", "kept", TreatMissingData="ignore")
    cloudwatch = server.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace=SPACE, MetricData=[datum("kept-metric", Value=1.0)])
    cloudwatch.set_alarm_state(AlarmName="kept", StateValue="ALARM", StateReason="before the kill")
    server.kill()
    server.start()
    cloudwatch = server.client("cloudwatch")
    (kept,) = cloudwatch.describe_alarms(AlarmNames=["kept"])["MetricAlarms"]
    assert (kept["StateValue"], kept["StateReason"]) == ("ALARM", "before the kill")
    history = cloudwatch.describe_alarm_history(AlarmName="kept", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert [each["HistorySummary"] for each in history] == ["Alarm updated from INSUFFICIENT_DATA to ALARM"]
    assert cloudwatch.list_metrics(Namespace=SPACE, MetricName="kept-metric")["Metrics"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Period": 15}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "DatapointsToAlarm must be from 1 to EvaluationPeriods"),
        ({"Period": 60, "EvaluationPeriods": 2000}, "cannot be checked across more than 86400 seconds"),
        ({"TreatMissingData": "perhaps"}, "Option perhaps is not supported"),
        ({"ExtendedStatistic": "tm99"}, "tm99 is no statistic that this server computes"),
    ],
)
def test_an_alarm_that_cloudwatch_would_refuse_is_refused(
    server: AwsServerProcess, members: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        alarm(server, "refused", "m", **members)


def test_metric_math_that_is_not_computed_here_is_refused_by_name(server: AwsServerProcess) -> None:
    metric = {"Metric": {"Namespace": SPACE, "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    queries = [{"Id": "m", "MetricStat": metric, "ReturnData": False}]
    with pytest.raises(ClientError, match="RATE is not computed here: IF, FILL, ABS"):
        alarm(server, "refused", Metrics=[*queries, {"Id": "e", "Expression": "RATE(m)", "ReturnData": True}])
