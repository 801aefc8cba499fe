"""Budgets, anomaly alarms, the audit trail and the image cache."""

import json
from typing import Any

import pytest

from components.cost_anomaly import (
    EnvironmentAnomalies,
    EnvironmentAnomaliesArgs,
    ServiceAnomalyMonitor,
    ServiceAnomalyMonitorArgs,
)
from components.guardrails.audit_trail import AuditTrail, AuditTrailArgs
from components.guardrails.budgets import Budgets, BudgetsArgs
from components.guardrails.image_cache import LONGEST_PREFIX, ImageCache, ImageCacheArgs, cache_prefix
from components.guardrails.upstreams import UPSTREAMS
from components.tagging import ENVIRONMENT_TAG, TEAM_TAG, platform_tags
from infra.settings import LONGEST_ENVIRONMENT, SettingsError, parse
from infra.stack import deploy
from ml.identity import resource_tags
from tests.unit.ml_contract import contract
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
BUDGET = "aws:budgets/budget:Budget"
BUCKETS = ["arn:aws:s3:::data", "arn:aws:s3:::artifacts"]


def budgets(**more: Any) -> Recording:
    args = BudgetsArgs(placement=PLACEMENT, cluster_name="groundwork-dev", monthly_usd=500, topic_arn=TOPIC, **more)
    return record(lambda: Budgets("budgets", args, with_aws()))


def trail(**more: Any) -> Recording:
    args = AuditTrailArgs(placement=PLACEMENT, watched_bucket_arns=BUCKETS, **more)
    return record(lambda: AuditTrail("audit", args, with_aws()))


def test_a_budget_counts_what_carries_the_environments_tag_and_the_nodes_that_eks_starts():
    inputs = budgets().one(BUDGET).inputs
    assert (inputs["limitAmount"], inputs["limitUnit"], inputs["timeUnit"]) == ("500", "USD", "MONTHLY")
    assert inputs["filterExpression"] == {
        "ors": [
            {"tags": {"key": "groundwork:environment", "values": ["dev"]}},
            {"tags": {"key": "aws:eks:cluster-name", "values": ["groundwork-dev"]}},
        ]
    }


def test_a_budget_tells_at_80_percent_at_the_limit_and_when_the_limit_is_forecast():
    told = budgets(emails=("a@example.com",)).one(BUDGET).inputs["notifications"]
    assert [(each["notificationType"], each["threshold"]) for each in told] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    for each in told:
        assert each["subscriberSnsTopicArns"] == [TOPIC]
        assert each["subscriberEmailAddresses"] == ["a@example.com"]
        assert (each["comparisonOperator"], each["thresholdType"]) == ("GREATER_THAN", "PERCENTAGE")


def test_a_teams_budget_counts_what_carries_both_tags():
    recording = budgets(team_monthly_usd={"research": 200})
    inputs = recording.of(BUDGET)["budgets-team-research"].inputs
    assert inputs["name"] == "groundwork-dev-team-research"
    assert inputs["limitAmount"] == "200"
    assert [each["tags"] for each in inputs["filterExpression"]["ands"]] == [
        {"key": "groundwork:environment", "values": ["dev"]},
        {"key": "groundwork:team", "values": ["research"]},
    ]


def test_what_ml_makes_carries_the_tags_that_budgets_count():
    tags = {each["Key"] for each in resource_tags(contract(), "research")}
    assert {ENVIRONMENT_TAG, TEAM_TAG} <= tags
    assert ENVIRONMENT_TAG in platform_tags("dev", {})


def test_an_environment_hears_at_once_of_spending_that_nobody_expected():
    args = EnvironmentAnomaliesArgs(
        placement=PLACEMENT, topic_arn=TOPIC, least_impact_usd=30, account_monitor_arn="arn:aws:ce::1:anomalymonitor/m"
    )
    recording = record(lambda: EnvironmentAnomalies("anomalies", args, with_aws()))
    monitor = recording.one("aws:costexplorer/anomalyMonitor:AnomalyMonitor").inputs
    assert monitor["monitorType"] == "CUSTOM"
    assert json.loads(monitor["monitorSpecification"])["Tags"]["Values"] == ["dev"]
    subscription = recording.one("aws:costexplorer/anomalySubscription:AnomalySubscription").inputs
    assert len(subscription["monitorArnLists"]) == 2
    assert subscription["frequency"] == "IMMEDIATE"
    assert subscription["subscribers"] == [{"type": "SNS", "address": TOPIC}]
    assert subscription["monitorArnLists"][1] == "arn:aws:ce::1:anomalymonitor/m"
    assert subscription["thresholdExpression"]["dimension"]["values"] == ["30"]


def test_each_team_with_a_budget_is_watched_by_itself():
    args = EnvironmentAnomaliesArgs(placement=PLACEMENT, topic_arn=TOPIC, teams=["research"])
    recording = record(lambda: EnvironmentAnomalies("anomalies", args, with_aws()))
    monitors = recording.of("aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    tags = json.loads(monitors["anomalies-team-research"].inputs["monitorSpecification"])["Tags"]
    assert (tags["Key"], tags["Values"]) == ("groundwork:team", ["research"])
    subscription = recording.one("aws:costexplorer/anomalySubscription:AnomalySubscription").inputs
    assert len(subscription["monitorArnLists"]) == len(monitors) == 2


def test_the_accounts_monitor_watches_each_service():
    recording = record(lambda: ServiceAnomalyMonitor("services", ServiceAnomalyMonitorArgs(), with_aws()))
    inputs = recording.one("aws:costexplorer/anomalyMonitor:AnomalyMonitor").inputs
    assert (inputs["monitorType"], inputs["monitorDimension"]) == ("DIMENSIONAL", "SERVICE")


def test_the_trail_logs_reads_and_writes_of_the_watched_buckets_alone():
    inputs = trail().one("aws:cloudtrail/trail:Trail").inputs
    assert inputs["enableLogFileValidation"] is True
    (selector,) = inputs["advancedEventSelectors"]
    fields = {each["field"]: each for each in selector["fieldSelectors"]}
    assert fields["eventCategory"]["equals"] == ["Data"]
    assert fields["resources.ARN"]["startsWiths"] == ["arn:aws:s3:::data/", "arn:aws:s3:::artifacts/"]
    assert "readOnly" not in fields


def test_management_events_are_logged_where_they_are_asked_for_and_then_of_every_region():
    inputs = trail(management_events=True).one("aws:cloudtrail/trail:Trail").inputs
    assert inputs["isMultiRegionTrail"] is True
    assert {"field": "eventCategory", "equals": ["Management"]} in inputs["advancedEventSelectors"][1]["fieldSelectors"]


def test_a_log_is_locked_for_the_days_that_are_set():
    lock = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    assert not trail().of(lock)
    recording = trail(lock_days=90, lock_mode="compliance")
    assert recording.one(lock).inputs["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "days": 90}}
    assert recording.one("aws:cloudtrail/trail:Trail").dependencies >= {"audit-logs-lock", "audit-logs-policy"}


def test_a_lock_can_be_added_later_without_a_new_bucket():
    assert trail().one("aws:s3/bucket:Bucket").inputs["objectLockEnabled"] is True


def test_the_audit_bucket_is_encrypted_closed_to_the_public_and_versioned():
    recording = trail()
    encryption = recording.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"][0]
    assert encryption["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    block = recording.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(value for key, value in block.items() if key != "bucket")
    versioning = recording.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}


def test_only_this_trail_writes_into_the_audit_bucket_and_uses_its_key():
    recording = trail()
    arn = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/groundwork-dev"
    statements = {
        each["Sid"]: each for each in recording.policy("aws:s3/bucketPolicy:BucketPolicy", "audit-logs-policy")
    }
    for sid in ("TrailLooks", "TrailWrites"):
        assert statements[sid]["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statements[sid]["Condition"]["StringEquals"]["aws:SourceArn"] == arn
    assert statements["TlsOnly"]["Effect"] == "Deny"
    key = {each["Sid"]: each for each in recording.policy("aws:kms/key:Key", "audit-key")}
    assert key["TrailEncrypts"]["Action"] == "kms:GenerateDataKey"
    assert key["TrailEncrypts"]["Condition"]["StringEquals"]["aws:SourceArn"] == arn


def test_what_holds_the_logs_is_protected_where_the_settings_say_so():
    for item in trail(protect=True).registrations:
        assert item.protect == (item.type in ("aws:s3/bucket:Bucket", "aws:kms/key:Key"))
    assert not any(item.protect for item in trail(protect=False).registrations)


def test_nodes_may_fill_the_cache_of_this_environment_and_nothing_else():
    args = ImageCacheArgs(placement=PLACEMENT, upstreams=("k8s", "quay"), node_role_name="node")
    recording = record(lambda: ImageCache("image-cache", args, with_aws()))
    rules = recording.of("aws:ecr/pullThroughCacheRule:PullThroughCacheRule")
    assert {item.inputs["ecrRepositoryPrefix"]: item.inputs["upstreamRegistryUrl"] for item in rules.values()} == {
        "gw-dev/k8s": "registry.k8s.io",
        "gw-dev/quay": "quay.io",
    }
    (statement,) = recording.policy("aws:iam/rolePolicy:RolePolicy", "image-cache-policy")
    registry = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository"
    assert statement["Resource"] == [f"{registry}/gw-dev/k8s/*", f"{registry}/gw-dev/quay/*"]
    assert statement["Action"] == ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"]


def test_a_prefix_of_the_longest_environment_name_fits():
    for upstream in UPSTREAMS:
        assert len(cache_prefix("e" * LONGEST_ENVIRONMENT, upstream)) <= LONGEST_PREFIX


GOOD: dict[str, Any] = {
    "region": "us-east-1",
    "accountId": ACCOUNT,
    "network": {"zones": ["us-east-1a", "us-east-1b"]},
    "teams": [{"name": "research"}],
}
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:ecr-pullthroughcache/docker-AbCdEf"
LEAVES_NOTHING = {"protect": False, "deleteContents": True}


@pytest.mark.parametrize(
    ("guardrails", "words"),
    [
        ({"budget": {}}, ["guardrails.budget.monthlyUsd", "is missing"]),
        ({"budget": {"monthlyUsd": 0}}, ["guardrails.budget.monthlyUsd", "1 or more"]),
        ({"budget": {"monthlyUsd": 9, "teams": {"resaerch": 5}}}, ["budget.teams", "resaerch", "research"]),
        ({"budget": {"monthlyUsd": 9, "emails": ["nobody"]}}, ["budget.emails", "e-mail address"]),
        ({"trail": {"lockDays": 90, "keepDays": 30}}, ["trail.keepDays", "90 or more"]),
        ({"imageCache": {"upstreams": ["docker"]}}, ["imageCache.secrets", "docker answers only who logs in"]),
        ({"imageCache": {"secrets": {"docker": SECRET}}}, ["imageCache.secrets", "upstreams that are set"]),
        ({"imageCache": {"upstreams": ["docker"], "secrets": {"docker": "arn"}}}, ["ecr-pullthroughcache/"]),
        ({"permissionsBoundary": "boundary"}, ["guardrails.permissionsBoundary", "ARN of an IAM policy"]),
    ],
)
def test_bounds_that_cannot_hold_are_refused(guardrails: dict[str, Any], words: list[str]):
    with pytest.raises(SettingsError) as caught:
        parse("dev", {**GOOD, "guardrails": guardrails})
    for word in words:
        assert word in str(caught.value)


def test_an_environment_whose_data_is_protected_names_its_account():
    nameless = {key: value for key, value in GOOD.items() if key != "accountId"}
    with pytest.raises(SettingsError, match="groundwork:accountId: is missing"):
        parse("dev", nameless)
    assert parse("dev", {**nameless, "protection": {"protect": False}}).account_id == ""


def test_logs_that_nobody_can_delete_do_not_go_with_a_destroy_that_leaves_nothing():
    locked = {"trail": {"lockDays": 30, "lockMode": "compliance"}}
    with pytest.raises(SettingsError, match=r"guardrails\.trail\.lockMode"):
        parse("dev", {**GOOD, "guardrails": locked, "protection": LEAVES_NOTHING})
    assert parse("dev", {**GOOD, "guardrails": locked}).guardrails.trail.lock_days == 30


def test_a_budget_is_made_where_one_is_set_and_the_trail_unless_it_is_switched_off():
    settings = settings_of("dev")
    recording = record(deploy, stack="dev", config=settings)
    assert set(recording.of(BUDGET)) == {"budgets-environment", "budgets-team-research", "budgets-team-ranking"}
    assert recording.one("aws:cloudtrail/trail:Trail")
    bare = {**settings, "guardrails": {"trail": {"enabled": False}, "anomalies": {"enabled": False}}}
    recording = record(deploy, stack="dev", config=bare)
    kinds = {item.type for item in recording.registrations}
    assert not kinds & {BUDGET, "aws:cloudtrail/trail:Trail", "aws:ecr/pullThroughCacheRule:PullThroughCacheRule"}
    assert not [kind for kind in kinds if kind.startswith("aws:costexplorer/")]
