"""The exporters' objects against the genuine API server, with strict field validation, and the server's own checks."""

import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from components.monitoring.alert_rules import rule_files
from components.monitoring.alertmanager import alertmanager_definition
from components.monitoring.scrape import NAMESPACE, scrape_configuration
from local.kubernetes.api import APPLY, ApiClient
from local.providers.harness import AwsServer
from tests.local.aws_server_process import AwsServerProcess
from tests.local.control_plane import running_control_plane
from tests.unit.test_monitoring import the_exporters

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    with running_control_plane(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running.admin


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as running:
        yield running


def client(server: AwsServer, service: str) -> Any:
    keys = configparser.ConfigParser()
    keys.read(server.environment["AWS_SHARED_CREDENTIALS_FILE"])
    section = keys["groundwork-local"]
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=section["aws_access_key_id"],
        aws_secret_access_key=section["aws_secret_access_key"],
    )


def test_the_api_server_accepts_every_object_of_the_exporters(api: ApiClient):
    accepted: list[str] = []
    for item in the_exporters(nvidia=True).registrations:
        if not item.type.startswith("kubernetes:") or "kind" not in item.inputs:
            continue
        body = item.inputs
        metadata = body["metadata"]
        path = api.resource(body["apiVersion"], body["kind"]).path(metadata.get("namespace"), metadata["name"])
        api.request("PATCH", path, {"fieldManager": "test", "fieldValidation": "Strict", "force": "true"}, body, APPLY)
        accepted.append(body["kind"])
    assert sorted(accepted) == sorted(
        [
            *("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment"),
            *("ConfigMap", "ConfigMap", "DaemonSet", "DaemonSet"),
        ]
    )
    daemons = api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets")["items"]
    assert {daemon["metadata"]["name"] for daemon in daemons} == {"node-exporter", "dcgm-exporter"}


def test_the_workspace_takes_every_rule_file_and_the_routes_to_the_topic(server: AwsServer):
    amp = client(server, "amp")
    topic = client(server, "sns").create_topic(Name="alerts")["TopicArn"]
    workspace = amp.create_workspace(alias="test")["workspaceId"]
    for name, text in rule_files().items():
        amp.create_rule_groups_namespace(workspaceId=workspace, name=name, data=text.encode())
    definition = alertmanager_definition(topic, "us-east-1")
    amp.create_alert_manager_definition(workspaceId=workspace, data=definition.encode())
    found = amp.list_rule_groups_namespaces(workspaceId=workspace)["ruleGroupsNamespaces"]
    assert {each["name"] for each in found} == set(rule_files())
    described = amp.describe_alert_manager_definition(workspaceId=workspace)["alertManagerDefinition"]
    assert described["data"].decode() == definition


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("groups: [", "error parsing rule groups"),
        ("groups: []", "a list with an entry or more"),
        ("groups: [{name: a, rules: [{expr: up}]}]", "neither an alert nor a record"),
        ("groups: [{name: a, rules: []}, {name: a, rules: []}]", "there twice"),
    ],
)
def test_what_is_no_rule_file_is_refused(server: AwsServer, rules: str, said: str):
    amp = client(server, "amp")
    workspace = amp.create_workspace()["workspaceId"]
    with pytest.raises(ClientError, match=said):
        amp.create_rule_groups_namespace(workspaceId=workspace, name="rules", data=rules.encode())


def test_alerts_go_to_topics_that_exist_and_to_sns_alone(server: AwsServer):
    amp = client(server, "amp")
    workspace = amp.create_workspace()["workspaceId"]
    nowhere = alertmanager_definition("arn:aws:sns:us-east-1:123456789012:nowhere", "us-east-1")
    with pytest.raises(ClientError, match="no topic"):
        amp.create_alert_manager_definition(workspaceId=workspace, data=nowhere.encode())
    slack = "alertmanager_config: '{route: {receiver: a}, receivers: [{name: a, slack_configs: []}]}'"
    with pytest.raises(ClientError, match="slack_configs is not supported"):
        amp.create_alert_manager_definition(workspaceId=workspace, data=slack.encode())


def test_a_collector_wants_a_cluster_that_exists_and_an_interval_of_half_a_minute(server: AwsServer):
    amp = client(server, "amp")
    workspace = amp.create_workspace()["arn"]
    source = {
        "eksConfiguration": {
            "clusterArn": "arn:aws:eks:us-east-1:123456789012:cluster/none",
            "subnetIds": ["subnet-0a", "subnet-0b"],
        }
    }
    destination = {"ampConfiguration": {"workspaceArn": workspace}}
    for interval, said in ((60, "Cluster not found"), (15, "shorter than 30 seconds")):
        blob = scrape_configuration(interval).encode()
        with pytest.raises(ClientError, match=said):
            amp.create_scraper(scrapeConfiguration={"configurationBlob": blob}, source=source, destination=destination)


def test_a_composite_alarm_follows_its_alarms_and_keeps_them_from_being_deleted(server: AwsServer):
    cloudwatch = client(server, "cloudwatch")
    for name in ("long", "short"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Jobs",
            MetricName="Errors",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Statistic="Sum",
            Threshold=1,
            TreatMissingData="ignore",
        )

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"], AlarmNames=["both"])["CompositeAlarms"]
        return alarm["StateValue"]

    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("long") AND ALARM("short")')
    assert state() == "OK"
    cloudwatch.set_alarm_state(AlarmName="long", StateValue="ALARM", StateReason="test")
    assert state() == "OK"
    cloudwatch.set_alarm_state(AlarmName="short", StateValue="ALARM", StateReason="test")
    assert state() == "ALARM"
    assert cloudwatch.describe_alarms(AlarmNames=["both"])["CompositeAlarms"] == []
    with pytest.raises(ClientError, match="composite alarms depending on it: both"):
        cloudwatch.delete_alarms(AlarmNames=["short"])
    with pytest.raises(ClientError, match="do not exist"):
        cloudwatch.put_composite_alarm(AlarmName="other", AlarmRule="ALARM(nobody)")
    with pytest.raises(ClientError, match="AlarmRule is not valid"):
        cloudwatch.put_composite_alarm(AlarmName="other", AlarmRule="ALARM(long) AND")
    cloudwatch.delete_alarms(AlarmNames=["both"])
    cloudwatch.delete_alarms(AlarmNames=["short", "long"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_an_alarm_that_is_told_anew_keeps_its_state(server: AwsServer):
    cloudwatch = client(server, "cloudwatch")
    told: dict[str, Any] = {
        "AlarmName": "kept",
        "Namespace": "Jobs",
        "MetricName": "Errors",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Period": 60,
        "Statistic": "Sum",
        "TreatMissingData": "ignore",
    }
    cloudwatch.put_metric_alarm(**told, Threshold=1)
    cloudwatch.set_alarm_state(AlarmName="kept", StateValue="ALARM", StateReason="test")
    cloudwatch.put_metric_alarm(**told, Threshold=2)
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["kept"])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 2)


def test_workspaces_topics_and_alarms_survive_a_kill(tmp_path: Path):
    process = AwsServerProcess(tmp_path)
    process.start()
    try:
        sns, amp, cloudwatch = (process.client(service) for service in ("sns", "amp", "cloudwatch"))
        topic = sns.create_topic(Name="alerts", Attributes={"SignatureVersion": "2"})["TopicArn"]
        workspace = amp.create_workspace(alias="kept", tags={"a": "b"})["workspaceId"]
        rules = b"groups: [{name: a, rules: [{record: b, expr: up}]}]"
        definition = alertmanager_definition(topic, "us-east-1").encode()
        amp.create_rule_groups_namespace(workspaceId=workspace, name="rules", data=rules)
        amp.create_alert_manager_definition(workspaceId=workspace, data=definition)
        amp.update_workspace_configuration(workspaceId=workspace, retentionPeriodInDays=7)
        cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="TRUE")

        process.kill()
        process.start()
        sns, amp, cloudwatch = (process.client(service) for service in ("sns", "amp", "cloudwatch"))
        where = {"workspaceId": workspace}
        assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SignatureVersion"] == "2"
        assert amp.describe_workspace(**where)["workspace"]["tags"] == {"a": "b"}
        assert amp.describe_rule_groups_namespace(**where, name="rules")["ruleGroupsNamespace"]["data"] == rules
        assert amp.describe_alert_manager_definition(**where)["alertManagerDefinition"]["data"] == definition
        configuration = amp.describe_workspace_configuration(**where)["workspaceConfiguration"]
        assert configuration["retentionPeriodInDays"] == 7
        (alarm,) = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        assert (alarm["AlarmName"], alarm["StateValue"]) == ("all", "ALARM")
    finally:
        process.ensure_stopped()
