"""Budgets, anomaly alarms, trails and pull-through rules: what AWS would refuse is refused, and everything is kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local
ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
TO_TOPIC = [{"SubscriptionType": "SNS", "Address": TOPIC}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("guardrails"))
    process.start()
    yield process
    process.ensure_stopped()


def budget(name: str, amount: str = "100", **more: Any) -> dict[str, Any]:
    limit = {"Amount": amount, "Unit": "USD"}
    return {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit, **more}


def alarm(percent: float) -> dict[str, Any]:
    return {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent}


def test_a_budget_a_monitor_and_a_rule_survive_kill_9(server: AwsServerProcess) -> None:
    budgets, ce, ecr = server.client("budgets"), server.client("ce"), server.client("ecr")
    notifications = [{"Notification": alarm(80), "Subscribers": TO_TOPIC}]
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget("kept"), NotificationsWithSubscribers=notifications)
    tags = {"Tags": {"Key": "groundwork:environment", "Values": ["dev"]}}
    monitor = ce.create_anomaly_monitor(
        AnomalyMonitor={"MonitorName": "kept", "MonitorType": "CUSTOM", "MonitorSpecification": tags}
    )["MonitorArn"]
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="gw-dev/k8s", upstreamRegistryUrl="registry.k8s.io")
    server.kill()
    server.start()
    assert budgets.describe_budget(AccountId=ACCOUNT, BudgetName="kept")["Budget"]["BudgetLimit"]["Amount"] == "100.0"
    (told,) = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="kept")["Notifications"]
    assert told["Threshold"] == 80
    (found,) = ce.get_anomaly_monitors(MonitorArnList=[monitor])["AnomalyMonitors"]
    assert found["MonitorSpecification"] == tags
    (rule,) = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["gw-dev/k8s"])["pullThroughCacheRules"]
    assert rule["upstreamRegistry"] == "k8s"


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (budget("no-limit") | {"BudgetLimit": None}, "needs BudgetLimit"),
        (budget("nothing", "0"), "greater than 0"),
        (budget("both", FilterExpression={"Tags": {"Key": "a", "Values": ["b"]}}), "Metrics"),
    ],
)
def test_a_budget_that_aws_would_refuse_is_refused(server: AwsServerProcess, made: dict[str, Any], error: str) -> None:
    given = {key: value for key, value in made.items() if value is not None}
    with pytest.raises(ClientError, match=error):
        server.client("budgets").create_budget(AccountId=ACCOUNT, Budget=given)


def test_a_budget_has_five_notifications_at_most_and_each_once(server: AwsServerProcess) -> None:
    client = server.client("budgets")
    client.create_budget(AccountId=ACCOUNT, Budget=budget("full"))
    who = {"AccountId": ACCOUNT, "BudgetName": "full", "Subscribers": TO_TOPIC}
    for percent in (10, 20, 30, 40):
        client.create_notification(**who, Notification=alarm(percent))
    with pytest.raises(ClientError, match="DuplicateRecordException"):
        client.create_notification(**who, Notification=alarm(40))
    client.create_notification(**who, Notification=alarm(50))
    with pytest.raises(ClientError, match="CreationLimitExceededException"):
        client.create_notification(**who, Notification=alarm(60))
    two_topics = [*TO_TOPIC, {"SubscriptionType": "SNS", "Address": f"{TOPIC}-too"}]
    client.delete_notification(AccountId=ACCOUNT, BudgetName="full", Notification=alarm(50))
    with pytest.raises(ClientError, match="one SNS subscriber"):
        client.create_notification(**{**who, "Subscribers": two_topics}, Notification=alarm(60))


def test_another_accounts_budgets_are_out_of_reach(server: AwsServerProcess) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        server.client("budgets").create_budget(AccountId="999999999999", Budget=budget("theirs"))


def test_an_account_has_one_monitor_of_all_services(server: AwsServerProcess) -> None:
    client = server.client("ce")
    services = {"MonitorName": "services", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    client.create_anomaly_monitor(AnomalyMonitor=services)
    with pytest.raises(ClientError, match="LimitExceededException"):
        client.create_anomaly_monitor(AnomalyMonitor={**services, "MonitorName": "again"})


def test_only_a_topic_hears_at_once(server: AwsServerProcess) -> None:
    client = server.client("ce")
    specification = {"Tags": {"Key": "team", "Values": ["a"]}}
    monitor = client.create_anomaly_monitor(
        AnomalyMonitor={"MonitorName": "m", "MonitorType": "CUSTOM", "MonitorSpecification": specification}
    )["MonitorArn"]
    subscription = {
        "SubscriptionName": "s",
        "MonitorArnList": [monitor],
        "Subscribers": [{"Type": "EMAIL", "Address": "a@example.com"}],
        "Frequency": "IMMEDIATE",
    }
    with pytest.raises(ClientError, match="IMMEDIATE goes to SNS"):
        client.create_anomaly_subscription(AnomalySubscription=subscription)
    client.create_anomaly_subscription(AnomalySubscription={**subscription, "Frequency": "DAILY"})


def test_a_trail_needs_a_bucket_and_a_key_that_let_it_write(server: AwsServerProcess) -> None:
    trails, s3, kms = server.client("cloudtrail"), server.client("s3"), server.client("kms")
    s3.create_bucket(Bucket="audit-logs")
    with pytest.raises(ClientError, match="InsufficientS3BucketPolicy"):
        trails.create_trail(Name="trail", S3BucketName="audit-logs")
    with pytest.raises(ClientError, match="does not exist"):
        trails.create_trail(Name="trail", S3BucketName="no-such-bucket")
    may = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:GetBucketAcl", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::audit-logs", "arn:aws:s3:::audit-logs/*"],
        }
    ]
    s3.put_bucket_policy(Bucket="audit-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": may}))
    key = kms.create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="InsufficientEncryptionPolicy"):
        trails.create_trail(Name="trail", S3BucketName="audit-logs", KmsKeyId=key)
    arn = trails.create_trail(Name="trail", S3BucketName="audit-logs")["TrailARN"]
    with pytest.raises(ClientError, match="TrailAlreadyExists"):
        trails.create_trail(Name="trail", S3BucketName="audit-logs")
    trails.delete_trail(Name=arn)
    with pytest.raises(ClientError, match="TrailNotFound"):
        trails.get_trail(Name="trail")


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"ecrRepositoryPrefix": "x" * 31, "upstreamRegistryUrl": "quay.io"}, "InvalidParameter"),
        ({"ecrRepositoryPrefix": "Upper", "upstreamRegistryUrl": "quay.io"}, "InvalidParameter"),
        ({"ecrRepositoryPrefix": "dev/other", "upstreamRegistryUrl": "example.com"}, "UnsupportedUpstream"),
        ({"ecrRepositoryPrefix": "dev/docker", "upstreamRegistryUrl": "registry-1.docker.io"}, "needs a credentialArn"),
    ],
)
def test_a_pull_through_rule_that_ecr_would_refuse_is_refused(
    server: AwsServerProcess, rule: dict[str, str], error: str
) -> None:
    with pytest.raises(ClientError, match=error):
        server.client("ecr").create_pull_through_cache_rule(**rule)
