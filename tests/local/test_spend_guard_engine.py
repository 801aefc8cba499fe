"""The spend guard under the genuine engine: its code goes through it, the schedule starts it, nothing is left."""

import time
from pathlib import Path

import pytest

from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
NAME = "groundwork-probe-spend-guard"
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import json
import pulumi
import pulumi_aws as aws
from components.placement import Placement
from components.spend_guard import SpendGuard, SpendGuardArgs

provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
made = pulumi.ResourceOptions(provider=provider)
place = Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="{ACCOUNT}")
key = aws.kms.Key("key", opts=made)
bucket = aws.s3.Bucket("artifacts", bucket="probe-artifacts", force_destroy=True, opts=made)
topic = aws.sns.Topic("topic", name="alarms", opts=made)
sections = {{
    "platform": {{"region": "us-east-1"}},
    "storage": {{"artifact_bucket": "probe-artifacts"}},
    "teams/research": {{
        "name": "research",
        "execution_role_arn": "arn:aws:iam::{ACCOUNT}:role/research",
        "artifact_uri": "s3://probe-artifacts/teams/research",
        "monthly_budget_usd": 10,
    }},
}}
contract = [
    aws.ssm.Parameter(
        f"contract-{{name}}",
        name=f"/groundwork/probe/contract/{{name}}",
        type="String",
        insecure_value=json.dumps(section),
        opts=made,
    )
    for name, section in sections.items()
]
SpendGuard(
    "spend-guard",
    SpendGuardArgs(
        placement=place,
        every_minutes=pulumi.Config().require_int("minutes"),
        contract_path="/groundwork/probe/contract",
        artifact_bucket_arn=bucket.arn,
        kms_key_arn=key.arn,
        logs_key_arn=key.arn,
        topic_arn=topic.arn,
        log_days=7,
    ),
    pulumi.ResourceOptions(providers={{"aws": provider}}, depends_on=contract),
)
"""


def test_the_guard_comes_up_looks_changes_in_place_and_leaves_nothing(server: AwsServerProcess, tmp_path: Path) -> None:
    project = new_project(tmp_path / "engine-home")
    project.write(PROGRAM)
    project.config({"minutes": "5"})
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    must(project, "refresh", "--yes", "--expect-no-changes")

    s3 = server.client("s3")
    until = time.monotonic() + 60
    while not (seen := s3.list_objects_v2(Bucket="probe-artifacts", Prefix="teams/research/spend/").get("Contents")):
        assert time.monotonic() < until, server.log.read_text()[-3000:]
        time.sleep(0.2)
    assert len(seen) == 1

    project.config({"minutes": "1"})
    told = must(project, "up", "--yes", "--skip-preview")
    assert "replaced" not in told
    must(project, "preview", "--expect-no-changes")
    schedule = server.client("scheduler").get_schedule(Name=NAME)
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    variables = server.client("lambda").get_function(FunctionName=NAME)["Configuration"]["Environment"]["Variables"]
    assert variables["GROUNDWORK_INTERVAL_S"] == "60"

    must(project, "destroy", "--yes", "--skip-preview")
    assert server.client("lambda").list_functions()["Functions"] == []
    assert server.client("scheduler").list_schedules()["Schedules"] == []
