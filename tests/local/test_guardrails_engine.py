"""The guardrails under the genuine engine: up, nothing left to do, a change of each kind, destroy, nothing left."""

import json
from pathlib import Path

import pytest

from operations.costing.documents import region_of, resources_of
from prices import Usage, estimate
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
from components.cost_anomaly import EnvironmentAnomalies, EnvironmentAnomaliesArgs
from components.guardrails.audit_trail import AuditTrail, AuditTrailArgs
from components.guardrails.budgets import Budgets, BudgetsArgs
from components.guardrails.image_cache import ImageCache, ImageCacheArgs
from components.iam import document, trust
from components.placement import Placement

config = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
opts = pulumi.ResourceOptions(providers={{"aws": provider}})
made = pulumi.ResourceOptions(provider=provider)
place = Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="{ACCOUNT}")
topic = aws.sns.Topic("topic", name="alarms", opts=made)
role = aws.iam.Role("node", name="node", assume_role_policy=document(trust(["ec2.amazonaws.com"])), opts=made)
Budgets(
    "budgets",
    BudgetsArgs(
        placement=place,
        cluster_name="groundwork-dev",
        monthly_usd=config.require_int("usd"),
        team_monthly_usd={{"research": 50}},
        topic_arn=topic.arn,
        emails=["a@example.com"],
    ),
    opts,
)
EnvironmentAnomalies(
    "anomalies", EnvironmentAnomaliesArgs(placement=place, topic_arn=topic.arn, teams=["research"]), opts
)
AuditTrail(
    "audit",
    AuditTrailArgs(
        placement=place,
        watched_bucket_arns=["arn:aws:s3:::data"],
        management_events=config.require_bool("management"),
        lock_days=config.require_int("lock"),
        delete_contents=True,
        protect=False,
    ),
    opts,
)
upstreams = tuple(config.require("upstreams").split(","))
ImageCache("image-cache", ImageCacheArgs(placement=place, upstreams=upstreams, node_role_name=role.name), opts)
"""
FIRST = {"usd": "500", "management": "false", "lock": "0", "upstreams": "k8s"}
LATER = {"usd": "750", "management": "true", "lock": "30", "upstreams": "k8s,quay"}


def test_guardrails_come_up_change_in_place_and_leave_nothing(server: AwsServerProcess, tmp_path: Path) -> None:
    project = new_project(tmp_path / "engine-home")
    project.write(PROGRAM)
    project.config(FIRST)
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    must(project, "refresh", "--yes", "--expect-no-changes")

    project.config(LATER)
    planned = resources_of(json.loads(must(project, "preview", "--json", "--show-sames")))
    there = resources_of(json.loads(must(project, "stack", "export")))
    assert region_of(planned) == region_of(there) == "us-east-1"
    assert {each.name for each in planned} - {each.name for each in there} == {"audit-logs-lock", "image-cache-quay"}
    assert not estimate(planned, Usage(), "us-east-1").unknown
    told = must(project, "up", "--yes", "--skip-preview")
    assert "replaced" not in told
    must(project, "preview", "--expect-no-changes")
    budgets, s3, trails = server.client("budgets"), server.client("s3"), server.client("cloudtrail")
    limits = {
        each["BudgetName"]: each["BudgetLimit"]["Amount"]
        for each in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    }
    assert limits == {"groundwork-probe": "750.0", "groundwork-probe-team-research": "50.0"}
    bucket = f"groundwork-probe-audit-{ACCOUNT}"
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}
    assert len(trails.get_event_selectors(TrailName="groundwork-probe")["AdvancedEventSelectors"]) == 2
    assert trails.get_trail_status(Name="groundwork-probe")["IsLogging"] is True

    must(project, "destroy", "--yes", "--skip-preview")
    assert budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"] == []
    assert server.client("ce").get_anomaly_monitors()["AnomalyMonitors"] == []
    assert server.client("ce").get_anomaly_subscriptions()["AnomalySubscriptions"] == []
    assert trails.list_trails()["Trails"] == []
    assert server.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    assert s3.list_buckets()["Buckets"] == []
