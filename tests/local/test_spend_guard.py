"""The spend guard on the AWS server: the very archive of the platform, as its role, against jobs that truly run."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.iam import document
from components.record_policy import records_kept
from components.spend_guard_code import HANDLER, files
from components.spend_guard_policy import guard_policy
from platform_contract import section_document, section_path, team_path

# The import mode of this suite puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
from sagemaker_server import ROLE, SageMakerServer, eventually

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]
ACCOUNT, REGION, KEY = "123456789012", "us-east-1", "arn:aws:kms:us-east-1:123456789012:key/1"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"
DATA, ARTIFACTS = "guarded-data", "guarded-artifacts"
INTERVAL_S = 300
PER_S = 0.23 / 3600
"""Dollars a second of ml.m5.xlarge."""
SLEEP = "sleep 60"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    running = SageMakerServer(tmp_path_factory.mktemp("guarded"))
    running.start()
    running.prepare()
    running.s3.create_bucket(Bucket=ARTIFACTS)
    # As the platform's bucket: what is under a team's ledger is written once, with a condition, or not at all.
    kept = records_kept([f"arn:aws:s3:::{ARTIFACTS}/teams/*/ledger/*"])
    policy = document(*({**statement, "Principal": {"AWS": "*"}} for statement in kept))
    running.s3.put_bucket_policy(Bucket=ARTIFACTS, Policy=policy)
    make_function(running)
    yield running
    running.stop()


def make_function(server: SageMakerServer) -> None:
    iam = server.client("iam")
    for name, service in (("guard", "lambda"), ("other", "sagemaker")):
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    policy = guard_policy(
        partition="aws",
        region=REGION,
        account_id=ACCOUNT,
        contract_path="/groundwork/dev/contract",
        artifact_bucket_arn=f"arn:aws:s3:::{ARTIFACTS}",
        kms_key_arn=KEY,
        log_group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/guard",
    )
    iam.put_role_policy(RoleName="guard", PolicyName="guard", PolicyDocument=policy)
    server.logs.create_log_group(logGroupName="/aws/lambda/guard")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for name, text in files().items():
            made.writestr(name, text)
    server.client("lambda").create_function(
        FunctionName="guard",
        Runtime="python3.13",
        Handler=HANDLER,
        Role=f"arn:aws:iam::{ACCOUNT}:role/guard",
        Timeout=240,
        Code={"ZipFile": archive.getvalue()},
        Environment={
            "Variables": {"GROUNDWORK_CONTRACT": "/groundwork/dev/contract", "GROUNDWORK_INTERVAL_S": str(INTERVAL_S)}
        },
    )


def publish(server: SageMakerServer, budget: float | None, team: str = "research", role: str = ROLE) -> None:
    """The parts of the contract that the guard reads."""
    ssm = server.client("ssm")
    platform = {
        "schema_version": 1,
        "environment": "dev",
        "account_id": ACCOUNT,
        "region": REGION,
        "partition": "aws",
    }
    storage = {"data_bucket": DATA, "artifact_bucket": ARTIFACTS, "log_bucket": "guarded-logs", "kms_key_arn": KEY}
    known = {
        "name": team,
        "namespace": team,
        "execution_role_arn": role,
        "submit_role_arn": role,
        "data_uri": f"s3://{DATA}/teams/{team}",
        "artifact_uri": f"s3://{ARTIFACTS}/teams/{team}",
        "monthly_budget_usd": budget,
    }
    texts = {
        section_path("dev", "platform"): section_document("platform", platform),
        section_path("dev", "storage"): section_document("storage", storage),
        team_path("dev", team): section_document("team", known),
    }
    for name, text in texts.items():
        ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)


def look(server: SageMakerServer) -> dict[str, Any]:
    """One look of the guard, which must succeed."""
    answer = server.client("lambda").invoke(FunctionName="guard", LogType="Tail")
    document = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, document
    return document["teams"]


def running(server: SageMakerServer, name: str, **members: Any) -> str:
    """A job that trains."""
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    stopping = {"MaxRuntimeInSeconds": 3600}
    server.submit(name, SLEEP, **{"ResourceConfig": resources, "StoppingCondition": stopping, **members})
    server.job_when(name, lambda job: job["SecondaryStatus"] == "Training")
    return name


def tags(server: SageMakerServer, name: str) -> dict[str, str]:
    arn = server.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
    return {tag["Key"]: tag["Value"] for tag in server.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def objects(server: SageMakerServer, prefix: str) -> dict[str, Any]:
    found = server.s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix).get("Contents", [])
    return {
        one["Key"]: json.loads(server.s3.get_object(Bucket=ARTIFACTS, Key=one["Key"])["Body"].read()) for one in found
    }


def stopped(server: SageMakerServer, name: str) -> dict[str, Any]:
    return server.job_when(name, lambda job: job["TrainingJobStatus"] == "Stopped")


def test_a_job_that_would_pass_its_own_limit_is_stopped_and_says_so(server: SageMakerServer):
    publish(server, None)
    limit = 0.02  # the next look and a stopped script's time cost 0.0268
    dear = running(server, "research-dear", Tags=[{"Key": "groundwork:max-cost-usd", "Value": str(limit)}])
    modest = running(server, "research-modest", Tags=[{"Key": "groundwork:max-cost-usd", "Value": "1"}])
    free = running(server, "research-free")
    seen = look(server)["research"]
    assert seen["stopped"] == [dear]
    assert seen["limit_usd"] is None
    assert stopped(server, dear)["SecondaryStatus"] == "Stopped"
    assert tags(server, dear)["groundwork:stopped-because"].startswith("own limit of 0.02 USD - 0.0")
    for other in (modest, free):
        assert server.sagemaker.describe_training_job(TrainingJobName=other)["TrainingJobStatus"] == "InProgress"
        assert "groundwork:stopped-because" not in tags(server, other)
        server.sagemaker.stop_training_job(TrainingJobName=other)
    (event,) = objects(server, "teams/research/ledger/events/training-job/research-dear/").values()
    assert event["because"] == tags(server, dear)["groundwork:stopped-because"]
    assert [one["name"] for one in objects(server, "teams/research/spend/").popitem()[1]["stopped"]] == [dear]


def test_the_jobs_of_a_team_whose_month_is_spent_are_stopped_and_nobody_elses(server: SageMakerServer):
    publish(server, 0.05)
    publish(server, None, team="ranking", role=OTHER_ROLE)
    first, second = running(server, "research-first"), running(server, "research-second")
    other = running(server, "ranking-other", RoleArn=OTHER_ROLE)
    seen = look(server)
    # Two jobs need 0.0268 each until the next look, and 0.05 is not enough for both: the newer one goes.
    assert seen["research"]["stopped"] == [second]
    assert seen["ranking"]["stopped"] == []
    assert tags(server, stopped(server, second)["TrainingJobName"])["groundwork:stopped-because"].startswith(
        "budget of team research for "
    )
    publish(server, 0.0001)
    assert look(server)["research"]["stopped"] == [first]
    stopped(server, first)
    assert server.sagemaker.describe_training_job(TrainingJobName=other)["TrainingJobStatus"] == "InProgress"
    server.sagemaker.stop_training_job(TrainingJobName=other)


def test_what_has_ended_is_counted_once_and_remembered(server: SageMakerServer):
    publish(server, 100)
    before = look(server)["research"]["spent_usd"]
    name = server.submit(
        "research-short",
        "sleep 2",
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    seconds = server.ended(name)["BillableTimeInSeconds"]
    after = look(server)["research"]["spent_usd"]
    assert after - before == pytest.approx(seconds * PER_S, rel=0.01)
    assert look(server)["research"]["spent_usd"] == pytest.approx(after)
    (memory,) = objects(server, "spend-guard/").values()
    assert name in {one["name"] for one in memory["ended"].values()}


def test_a_processing_job_is_counted_and_stopped_as_well(server: SageMakerServer):
    publish(server, 0.0001)
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
    server.sagemaker.create_processing_job(
        ProcessingJobName="research-check",
        RoleArn=ROLE,
        ProcessingResources={"ClusterConfig": cluster},
        AppSpecification={"ImageUri": "project:1", "ContainerEntrypoint": ["/bin/sh", "-c", SLEEP]},
    )
    describe = server.sagemaker.describe_processing_job
    eventually(lambda: describe(ProcessingJobName="research-check"), lambda job: "ProcessingStartTime" in job)
    assert look(server)["research"]["stopped"] == ["research-check"]
    ended = eventually(
        lambda: describe(ProcessingJobName="research-check"), lambda job: job["ProcessingJobStatus"] == "Stopped"
    )
    told = server.sagemaker.list_tags(ResourceArn=ended["ProcessingJobArn"])["Tags"]
    assert [tag["Value"].partition(" for ")[0] for tag in told] == ["budget of team research"]


def test_machines_without_a_price_are_named(server: SageMakerServer):
    publish(server, 100)
    name = running(
        server,
        "research-strange",
        ResourceConfig={"InstanceType": "ml.c6i.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    assert name in look(server)["research"]["unpriced"]
    server.sagemaker.stop_training_job(TrainingJobName=name)


def test_an_endpoint_is_metered(server: SageMakerServer):
    publish(server, 100)
    server.model("research-model")
    variant = {"VariantName": "all", "ModelName": "research-model", "InstanceType": "ml.m5.xlarge"}
    server.config("research-config", variant)
    server.sagemaker.create_endpoint(EndpointName="research-endpoint", EndpointConfigName="research-config")
    server.settled("research-endpoint")
    look(server)
    told = objects(server, "teams/research/spend/").popitem()[1]
    assert told["endpoints_hourly_usd"] == pytest.approx(0.23)
    (memory,) = objects(server, "spend-guard/").values()
    (metered,) = memory["endpoints"].values()
    assert (metered["team"], float(metered["usd"]) > 0) == ("research", True)
    server.sagemaker.delete_endpoint(EndpointName="research-endpoint")


def test_a_schedule_starts_the_guard(server: SageMakerServer):
    publish(server, 100)
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam, function = server.client("iam"), f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:guard"
    iam.create_role(
        RoleName="clock", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="clock", PolicyName="invoke", PolicyDocument=document)
    dear = running(server, "research-watched", Tags=[{"Key": "groundwork:max-cost-usd", "Value": "0.02"}])
    server.client("scheduler").create_schedule(
        Name="spend-guard",
        ScheduleExpression="rate(5 minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/clock"},
    )
    stopped(server, dear)
    # A function's lines are in its log group once it has ended.
    group = {"logGroupName": "/aws/lambda/guard", "filterPattern": "stopping"}
    eventually(
        lambda: [one["message"] for one in server.logs.filter_log_events(**group)["events"] if dear in one["message"]],
        bool,
    )
