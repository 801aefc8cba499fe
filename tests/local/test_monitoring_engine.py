"""Monitoring under the genuine engine: up, nothing left to do, a change of each kind, destroy, nothing left."""

from pathlib import Path

import pytest

from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
import pulumi_aws as aws
from components.iam import document, trust
from components.keys import Keys, KeysArgs
from components.monitoring.alarms import Alarms, AlarmsArgs, EndpointPromise
from components.monitoring.alert_rules import rule_files
from components.monitoring.scraper import ClusterScraper, ClusterScraperArgs
from components.monitoring.topic import AlertTopic, AlertTopicArgs, Subscriber
from components.monitoring.workspace import PrometheusWorkspace, PrometheusWorkspaceArgs
from components.network import Network, NetworkArgs
from components.placement import Placement

config = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
opts = pulumi.ResourceOptions(providers={{"aws": provider}})
made = pulumi.ResourceOptions(provider=provider)
place = Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="{ACCOUNT}")
keys = Keys("keys", KeysArgs(placement=place, deletion_window_days=7, protect=False), opts)
network = Network(
    "network",
    NetworkArgs(
        placement=place, cidr="10.0.0.0/16", zones=["us-east-1a", "us-east-1b"], nat="one", logs_key_arn=keys.logs_arn
    ),
    opts,
)
role = aws.iam.Role("role", name="role", assume_role_policy=document(trust(["eks.amazonaws.com"])), opts=made)
cluster = aws.eks.Cluster(
    "cluster",
    name="probe",
    role_arn=role.arn,
    vpc_config=aws.eks.ClusterVpcConfigArgs(subnet_ids=network.private_subnet_ids, endpoint_private_access=True),
    opts=made,
)
mails = config.require("mails").split(",")
subscribers = [Subscriber(name=mail.split("@")[0], protocol="email", endpoint=mail) for mail in mails]
topic = AlertTopic("alerts", AlertTopicArgs(placement=place, subscribers=subscribers, protect=False), opts)
workspace = PrometheusWorkspace(
    "prometheus",
    PrometheusWorkspaceArgs(
        placement=place,
        topic_arn=topic.arn,
        kms_key_arn=keys.data_arn,
        logs_key_arn=keys.logs_arn,
        rules=rule_files(config.require("docs")),
        metric_days=config.require_int("days"),
        protect=False,
    ),
    opts,
)
ClusterScraper(
    "scraper",
    ClusterScraperArgs(
        placement=place,
        cluster_arn=cluster.arn,
        cluster_security_group_id=cluster.vpc_config.cluster_security_group_id,
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        workspace_arn=workspace.arn,
        scrape_seconds=config.require_int("seconds"),
    ),
    opts,
)
promises = [EndpointPromise(name=name) for name in config.require("endpoints").split(",")]
Alarms(
    "alarms",
    AlarmsArgs(
        placement=place,
        topic_arn=topic.arn,
        nat_gateway_ids=network.nat_gateway_ids,
        workspace_id=workspace.id,
        fleet_errors=config.require_int("errors"),
        endpoints=promises,
    ),
    opts,
)
"""
FIRST = {
    "mails": "a@example.com",
    "docs": "https://one.example",
    "days": "30",
    "seconds": "60",
    "errors": "5",
    "endpoints": "fraud",
}
LATER = {
    "mails": "a@example.com,b@example.com",
    "docs": "https://two.example",
    "days": "60",
    "seconds": "30",
    "errors": "7",
    "endpoints": "churn,fraud",
}


def test_monitoring_comes_up_changes_in_place_and_leaves_nothing(server: AwsServerProcess, tmp_path: Path) -> None:
    project = new_project(tmp_path / "engine-home")
    project.write(PROGRAM)
    project.config(FIRST)
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    must(project, "refresh", "--yes", "--expect-no-changes")
    amp, cloudwatch, sns = server.client("amp"), server.client("cloudwatch"), server.client("sns")
    (workspace,) = amp.list_workspaces()["workspaces"]
    where = {"workspaceId": workspace["workspaceId"]}

    project.config(LATER)
    told = must(project, "up", "--yes", "--skip-preview")
    assert "replaced" not in told
    must(project, "preview", "--expect-no-changes")
    assert amp.describe_workspace_configuration(**where)["workspaceConfiguration"]["retentionPeriodInDays"] == 60
    rules = amp.describe_rule_groups_namespace(**where, name="nodes")["ruleGroupsNamespace"]["data"].decode()
    assert "https://two.example/docs/runbooks/" in rules
    (scraper,) = amp.list_scrapers()["scrapers"]
    blob = amp.describe_scraper(scraperId=scraper["scraperId"])["scraper"]["scrapeConfiguration"]["configurationBlob"]
    assert b"scrape_interval: 30s" in blob
    both = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert {alarm["AlarmName"] for alarm in both} == {
        f"groundwork-probe-{name}-main-burn-{word}" for name in ("churn", "fraud") for word in ("fast", "slow")
    }
    (errors,) = cloudwatch.describe_alarms(AlarmNames=["groundwork-probe-endpoint-errors"])["MetricAlarms"]
    assert errors["Threshold"] == 7
    (topic,) = sns.list_topics()["Topics"]
    subscribed = sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
    assert {each["Endpoint"] for each in subscribed} == {"a@example.com", "b@example.com"}

    must(project, "destroy", "--yes", "--skip-preview")
    assert amp.list_workspaces()["workspaces"] == []
    assert amp.list_scrapers()["scrapers"] == []
    assert sns.list_topics()["Topics"] == []
    left = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert left["MetricAlarms"] == left["CompositeAlarms"] == []
