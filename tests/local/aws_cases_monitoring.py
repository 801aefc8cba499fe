"""Examples of what watches: Prometheus workspaces, topics and alarms."""

import json
from typing import Any

from aws_provider_cases import Case, World, policy, unique

RULES = "groups:\n- name: nodes\n  rules:\n  - alert: Down\n    expr: up == 0\n"
MORE_RULES = RULES.replace("Down", "Gone")
SCRAPES = "global: {scrape_interval: 60s}\nscrape_configs:\n- job_name: nodes\n"
NO_TIME = "a time limit that the program sets; nothing that AWS keeps"


def workspace(world: World) -> str:
    return world.make("aws:amp/workspace:Workspace", alias="world").id


def workspace_arn(world: World) -> str:
    return world.make("aws:amp/workspace:Workspace").state["arn"]


def topic(world: World) -> str:
    return world.make("aws:sns/topic:Topic").id


def logging(world: World) -> dict[str, Any]:
    return {"logGroupArn": world.log_group().state["arn"] + ":*"}


def private_cluster(world: World) -> str:
    role = world.role().state["arn"]
    placement = {**world.placement, "endpointPrivateAccess": True}
    return world.make("aws:eks/cluster:Cluster", roleArn=role, vpcConfig=placement).state["arn"]


def source(world: World) -> dict[str, Any]:
    return {"eks": {"clusterArn": private_cluster(world), "subnetIds": world.subnets}}


def routes(world: World, arn: str, name: str = "alerts") -> str:
    config = {
        "route": {"receiver": name},
        "receivers": [{"name": name, "sns_configs": [{"topic_arn": arn, "sigv4": {"region": "us-east-1"}}]}],
    }
    return json.dumps({"alertmanager_config": json.dumps(config)})


def alarm(world: World) -> str:
    return world.make(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        comparisonOperator="GreaterThanThreshold",
        evaluationPeriods=1,
        metricName="Errors",
        namespace="Jobs",
        period=60,
        statistic="Sum",
        threshold=1,
    ).id


def queries(word: str) -> list[dict[str, Any]]:
    errors = {"namespace": "Jobs", "metricName": word, "period": 60, "stat": "Sum", "dimensions": {"Queue": "gpu"}}
    return [
        {"id": "failed", "metric": errors},
        {"id": "share", "expression": "failed / 2", "label": "half", "returnData": True},
    ]


def without_one_metric(world: World) -> dict[str, Any]:
    alone = ("metricName", "namespace", "period", "statistic", "dimensions", "unit", "extendedStatistic")
    return dict.fromkeys(alone)


def percentile(world: World) -> dict[str, Any]:
    return {"statistic": None}


SPECIAL = {"thresholdMetricId": "belongs to anomaly detection, which moto lacks"}

CASES: dict[str, Case] = {
    "aws:amp/workspace:Workspace": Case(
        inputs=lambda world: {"alias": "metrics", "loggingConfiguration": logging(world)},
        changes={
            "alias": "other",
            "kmsKeyArn": lambda world: world.key().state["arn"],
            "loggingConfiguration": logging,
        },
        in_place=("alias",),
    ),
    "aws:amp/workspaceConfiguration:WorkspaceConfiguration": Case(
        inputs=lambda world: {"workspaceId": workspace(world), "retentionPeriodInDays": 30},
        changes={
            "workspaceId": workspace,
            "retentionPeriodInDays": 60,
            "outOfOrderTimeWindowInSeconds": 60,
            "ruleQueryOffsetInSeconds": 30,
            "limitsPerLabelSets": [{"limits": {"maxSeries": 1000}, "labelSet": {"team": "research"}}],
        },
        stays="a workspace always has a configuration",
    ),
    "aws:amp/ruleGroupNamespace:RuleGroupNamespace": Case(
        inputs=lambda world: {"name": unique("rules"), "workspaceId": workspace(world), "data": RULES},
        changes={"name": lambda world: unique("rules"), "workspaceId": workspace, "data": MORE_RULES},
    ),
    "aws:amp/alertManagerDefinition:AlertManagerDefinition": Case(
        inputs=lambda world: {"workspaceId": workspace(world), "definition": routes(world, topic(world))},
        changes={"workspaceId": workspace, "definition": lambda world: routes(world, topic(world), "others")},
    ),
    "aws:amp/scraper:Scraper": Case(
        inputs=lambda world: {
            "alias": "cluster",
            "scrapeConfiguration": SCRAPES,
            "source": source(world),
            "destination": {"amp": {"workspaceArn": workspace_arn(world)}},
        },
        changes={
            "alias": "other",
            "scrapeConfiguration": SCRAPES.replace("60s", "30s"),
            "source": source,
            "destination": lambda world: {"amp": {"workspaceArn": workspace_arn(world)}},
        },
    ),
    "aws:sns/topic:Topic": Case(
        inputs=lambda world: {"name": unique("topic"), "displayName": "Alerts"},
        changes={
            "name": lambda world: unique("topic"),
            "displayName": "Alarms",
            "kmsMasterKeyId": lambda world: world.key().id,
            "policy": policy("sns:Publish", Service="aps.amazonaws.com"),
            "deliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 2}}}),
            "signatureVersion": 2,
            "tracingConfig": "Active",
        },
        unchanged={
            "fifoTopic": "such a topic has another kind of name",
            "contentBasedDeduplication": "fifo topics alone have it",
        },
    ),
    "aws:sns/topicPolicy:TopicPolicy": Case(
        inputs=lambda world: {"arn": topic(world), "policy": policy("sns:Publish", Service="aps.amazonaws.com")},
        changes={"arn": topic, "policy": policy("sns:Publish", Service="budgets.amazonaws.com")},
        stays="a topic always has a policy",
    ),
    "aws:sns/topicSubscription:TopicSubscription": Case(
        inputs=lambda world: {"topic": topic(world), "protocol": "email", "endpoint": "ops@example.com"},
        changes={
            "topic": topic,
            "protocol": "email-json",
            "endpoint": "others@example.com",
            "rawMessageDelivery": True,
            "filterPolicy": json.dumps({"severity": ["critical"]}),
            "deliveryPolicy": json.dumps({"healthyRetryPolicy": {"numRetries": 3}}),
            "redrivePolicy": json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:lost"}),
            "subscriptionRoleArn": "arn:aws:iam::123456789012:role/firehose",
            "endpointAutoConfirms": True,
            "confirmationTimeoutInMinutes": 5,
        },
        unchanged={"filterPolicyScope": "is told together with a filter policy"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Case(
        inputs=lambda world: {
            "name": unique("alarm"),
            "alarmDescription": "too many",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 3,
            "datapointsToAlarm": 2,
            "threshold": 0.5,
            "treatMissingData": "notBreaching",
            "metricName": "Errors",
            "namespace": "Jobs",
            "dimensions": {"Queue": "gpu"},
            "period": 60,
            "statistic": "Sum",
            "alarmActions": [topic(world)],
            "okActions": [topic(world)],
        },
        changes={
            "name": lambda world: unique("alarm"),
            "alarmDescription": "far too many",
            "comparisonOperator": "LessThanThreshold",
            "evaluationPeriods": 5,
            "datapointsToAlarm": 1,
            "threshold": 14.4,
            "treatMissingData": "breaching",
            "metricName": "Failures",
            "namespace": "Queues",
            "dimensions": {"Queue": "cpu", "Team": "research"},
            "period": 300,
            "statistic": "Maximum",
            "extendedStatistic": "p99",
            "evaluateLowSampleCountPercentiles": "ignore",
            "unit": "Count",
            "metricQueries": queries("Errors"),
            "actionsEnabled": False,
            "alarmActions": [],
            "okActions": lambda world: [topic(world)],
            "insufficientDataActions": lambda world: [topic(world)],
        },
        unchanged=SPECIAL,
        with_change={
            "metricQueries": without_one_metric,
            "extendedStatistic": percentile,
        },
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Case(
        inputs=lambda world: {
            "alarmName": unique("composite"),
            "alarmRule": f'ALARM("{alarm(world)}") AND NOT ALARM("{alarm(world)}")',
            "alarmDescription": "both",
            "alarmActions": [topic(world)],
        },
        changes={
            "alarmName": lambda world: unique("composite"),
            "alarmRule": lambda world: f"ALARM({alarm(world)}) OR TRUE",
            "alarmDescription": "either",
            "actionsSuppressor": lambda world: {"alarm": alarm(world), "waitPeriod": 60, "extensionPeriod": 30},
            "actionsEnabled": False,
            "alarmActions": [],
            "okActions": lambda world: [topic(world)],
            "insufficientDataActions": lambda world: [topic(world)],
        },
    ),
}

CANNOT_BE_LEFT_OUT = {
    ("aws:amp/scraper:Scraper", "alias"): "UpdateScraper has no way to take it away",
    ("aws:amp/workspace:Workspace", "alias"): "taking it away replaces the workspace",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "metricName"): "an alarm without a metric needs queries",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "namespace"): "goes with the metric",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "period"): "goes with the metric",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "statistic"): "goes with the metric",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "threshold"): "an alarm on a metric compares with one",
}
