"""Monitoring schedules on the AWS server, asked for with boto3: their containers read what an endpoint captured."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

pytestmark = pytest.mark.local

ENDPOINT = "watched"
LAST_HOUR = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "PT0H"}
BEFORE_IT_WAS = {**LAST_HOUR, "DataAnalysisStartTime": "-PT20H", "DataAnalysisEndTime": "-PT19H"}
CONTAINER = """
import collections, json, os, pathlib
source, target = pathlib.Path(os.environ["dataset_source"]), pathlib.Path(os.environ["output_path"])
files = sorted(source.rglob("*.jsonl"))
lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
limits = json.loads(pathlib.Path(os.environ["baseline_constraints"]).read_text())
texts = [line["captureData"]["endpointInput"]["data"] for line in lines]
found = [text for text in texts if len(text) > limits["longest"]]
names = ("dataset_format", "start_time", "end_time", "publish_cloudwatch_metrics", "sagemaker_endpoint_name",
         "sagemaker_monitoring_schedule_name", "KIND")
facts = {name: os.environ.get(name) for name in names}
facts |= {"folders": sorted({str(file.parent.relative_to(source)) for file in files}), "texts": texts}
(target / "statistics.json").write_text(json.dumps(facts))
(target / "constraint_violations.json").write_text(json.dumps({"violations": [{"description": t} for t in found]}))
metric = {"MetricName": "longest", "Timestamp": os.environ["end_time"], "Value": max(map(len, texts)),
          "Dimensions": [{"Name": "Endpoint", "Value": os.environ["sagemaker_endpoint_name"]}]}
pathlib.Path("/opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl").write_text(json.dumps(metric) + "\\n")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("monitoring"))
    (server.folder / "monitor.py").write_text(CONTAINER)
    with (server.state / "environments.yaml").open("a") as file:
        file.write(f'  - images: ["monitor:*"]\n    process: ["{{python}}", "{server.folder / "monitor.py"}"]\n')
    server.start()
    server.prepare()
    server.s3.put_object(Bucket=BUCKET, Key="baseline/constraints.json", Body=json.dumps({"longest": 5}).encode())
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    variant = {"VariantName": "main", "ModelName": server.model(ENDPOINT)}
    server.sagemaker.create_endpoint(
        EndpointName=ENDPOINT, EndpointConfigName=server.config(ENDPOINT, variant, DataCaptureConfig=capture)
    )
    assert server.settled(ENDPOINT)["EndpointStatus"] == "InService"
    yield server
    server.stop()


def definition(longest: int = 1800, **members: Any) -> dict[str, Any]:
    """A DataQualityJobDefinition of the container above."""
    return {
        "JobDefinitionName": "quality",
        "DataQualityBaselineConfig": {"ConstraintsResource": {"S3Uri": f"s3://{BUCKET}/baseline/constraints.json"}},
        "DataQualityAppSpecification": {
            "ImageUri": "monitor:1",
            "Environment": {"KIND": "mine"},
        },
        "DataQualityJobInput": {
            "EndpointInput": {"EndpointName": ENDPOINT, "LocalPath": "/opt/ml/processing/endpointdata"}
        },
        "DataQualityJobOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": f"s3://{BUCKET}/reports", "LocalPath": "/opt/ml/processing/resultdata"}}
            ]
        },
        "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        "StoppingCondition": {"MaxRuntimeInSeconds": longest},
        "RoleArn": ROLE,
        **members,
    }


def schedule(server: SageMakerServer, name: str, times: dict[str, str]) -> str:
    """A schedule of that definition."""
    return server.sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=name,
        MonitoringScheduleConfig={
            "ScheduleConfig": times,
            "MonitoringJobDefinitionName": "quality",
            "MonitoringType": "DataQuality",
        },
        Tags=[{"Key": "team", "Value": "research"}],
    )["MonitoringScheduleArn"]


def ended(server: SageMakerServer, name: str) -> dict[str, Any]:
    """The newest execution of a schedule, once it has ended."""

    def newest() -> dict[str, Any]:
        found = server.sagemaker.list_monitoring_executions(MonitoringScheduleName=name, MaxResults=1)
        return (found["MonitoringExecutionSummaries"] or [{}])[0]

    statuses = ("Completed", "CompletedWithViolations", "Failed", "Stopped")
    return eventually(newest, lambda one: one.get("MonitoringExecutionStatus") in statuses)


def captured(server: SageMakerServer) -> list[dict[str, Any]]:
    """The lines that have reached S3."""
    bodies = (server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in server.keys("captured/"))
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def report(server: SageMakerServer, execution: dict[str, Any], name: str) -> Any:
    hour = f"{execution['ScheduledTime']:%Y/%m/%d/%H}"
    key = f"reports/{ENDPOINT}/{execution['MonitoringScheduleName']}/{hour}/{name}"
    return json.loads(server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_a_schedule_runs_a_container_on_what_the_endpoint_captured_and_survives_a_kill(server: SageMakerServer):
    sagemaker = server.sagemaker
    arn = sagemaker.create_data_quality_job_definition(**definition())["JobDefinitionArn"]
    assert arn.endswith(":data-quality-job-definition/quality")
    described = sagemaker.describe_data_quality_job_definition(JobDefinitionName="quality")
    assert described["DataQualityAppSpecification"]["Environment"]["KIND"] == "mine"
    listed = sagemaker.list_data_quality_job_definitions(EndpointName=ENDPOINT)["JobDefinitionSummaries"]
    assert [one["EndpointName"] for one in listed] == [ENDPOINT]
    for text in ("short", "much too long"):
        server.invoke(ENDPOINT, text)
    lines = eventually(lambda: captured(server), lambda found: len(found) == 2)
    assert all("captureData" in line for line in lines)
    arn = schedule(server, "once", LAST_HOUR)
    schedule(server, "empty", BEFORE_IT_WAS)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)  # before it has begun: it waits some seconds for captures
    server.process.wait()
    server.start()
    execution = ended(server, "once")
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    facts = report(server, execution, "statistics.json")
    assert facts["texts"] == ["short", "much too long"]
    assert facts["KIND"] == "mine"
    assert facts["publish_cloudwatch_metrics"] == "Enabled"
    assert (facts["sagemaker_endpoint_name"], facts["sagemaker_monitoring_schedule_name"]) == (ENDPOINT, "once")
    assert json.loads(facts["dataset_format"]) == {
        "sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}
    }
    assert facts["start_time"] < facts["end_time"] == f"{execution['ScheduledTime']:%Y-%m-%dT%H:%M:%SZ}"
    assert all(folder.startswith(f"{ENDPOINT}/main/20") for folder in facts["folders"])
    assert report(server, execution, "constraint_violations.json")["violations"] == [{"description": "much too long"}]
    (metric,) = server.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/Endpoint/data-metrics")["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("longest", [{"Name": "Endpoint", "Value": ENDPOINT}])
    shown = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="once")
    assert shown["LastMonitoringExecutionSummary"]["ProcessingJobArn"] == execution["ProcessingJobArn"]
    assert (shown["MonitoringScheduleStatus"], shown["EndpointName"]) == ("Scheduled", ENDPOINT)
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "research"}]
    assert len(sagemaker.list_monitoring_executions(MonitoringScheduleName="once")["MonitoringExecutionSummaries"]) == 1


def test_an_hour_without_captures_is_an_execution_that_failed_and_says_why(server: SageMakerServer):
    execution = ended(server, "empty")
    assert (execution["MonitoringExecutionStatus"], execution["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert "ProcessingJobArn" not in execution


def test_schedules_are_stopped_started_changed_listed_and_deleted(server: SageMakerServer):
    sagemaker = server.sagemaker
    schedule(server, "hourly", {"ScheduleExpression": "cron(0 * ? * * *)"})
    sagemaker.stop_monitoring_schedule(MonitoringScheduleName="hourly")
    stopped = sagemaker.list_monitoring_schedules(StatusEquals="Stopped", EndpointName=ENDPOINT)
    assert [one["MonitoringScheduleName"] for one in stopped["MonitoringScheduleSummaries"]] == ["hourly"]
    sagemaker.start_monitoring_schedule(MonitoringScheduleName="hourly")
    daily = {"ScheduleConfig": {"ScheduleExpression": "cron(0 3 ? * * *)"}, "MonitoringType": "DataQuality"}
    config = {**daily, "MonitoringJobDefinitionName": "quality"}
    sagemaker.update_monitoring_schedule(MonitoringScheduleName="hourly", MonitoringScheduleConfig=config)
    shown = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="hourly")
    assert shown["MonitoringScheduleConfig"] == config
    assert shown["MonitoringScheduleStatus"] == "Scheduled"
    with pytest.raises(ClientError, match="exists already"):
        schedule(server, "hourly", LAST_HOUR)
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName="hourly")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_monitoring_schedule(MonitoringScheduleName="hourly")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"ScheduleConfig": {"ScheduleExpression": "cron(5 * ? * * *)"}}, "must be NOW"),
        ({"ScheduleConfig": {"ScheduleExpression": "NOW"}}, "NOW needs both"),
        ({"MonitoringType": "ModelQuality"}, "schedules those of DataQuality"),
        ({"MonitoringJobDefinitionName": "unknown"}, "Could not find the monitoring job definition unknown"),
        ({"MonitoringJobDefinition": {}}, "validation error|Give either"),
    ],
)
def test_a_schedule_that_cannot_be_run_is_refused(server: SageMakerServer, config: dict[str, Any], words: str):
    request = {"MonitoringJobDefinitionName": "quality", "MonitoringType": "DataQuality", **config}
    if "MonitoringJobDefinition" in config:
        request["MonitoringJobDefinition"] = {
            "MonitoringInputs": [definition()["DataQualityJobInput"]],
            "MonitoringOutputConfig": definition()["DataQualityJobOutputConfig"],
            "MonitoringResources": definition()["JobResources"],
            "MonitoringAppSpecification": {"ImageUri": "project:1"},
            "RoleArn": ROLE,
        }
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_monitoring_schedule(MonitoringScheduleName="bad", MonitoringScheduleConfig=request)


def test_who_may_not_make_a_schedule_or_pass_its_role_makes_none(server: SageMakerServer):
    iam = server.client("iam")
    inline = {
        "MonitoringInputs": [definition()["DataQualityJobInput"]],
        "MonitoringOutputConfig": definition()["DataQualityJobOutputConfig"],
        "MonitoringResources": definition()["JobResources"],
        "MonitoringAppSpecification": {"ImageUri": "monitor:1"},
        "RoleArn": ROLE,
    }
    config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}, "MonitoringJobDefinition": inline}
    request = {"MonitoringScheduleName": "others", "MonitoringScheduleConfig": config}
    iam.create_user(UserName="guest")
    key = iam.create_access_key(UserName="guest")["AccessKey"]
    guest = boto3.client(
        "sagemaker",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    for allowed, denied in ((), "sagemaker:CreateMonitoringSchedule"), (["sagemaker:*"], "iam:PassRole"):
        if allowed:
            statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName="guest", PolicyName="own", PolicyDocument=policy)
        with pytest.raises(ClientError, match=denied):
            guest.create_monitoring_schedule(**request)
    server.sagemaker.create_monitoring_schedule(**request)
    server.sagemaker.delete_monitoring_schedule(MonitoringScheduleName="others")


GROUND_TRUTH = {"GroundTruthS3Input": {"S3Uri": f"s3://{BUCKET}/truth"}}


@pytest.mark.parametrize(
    ("kind", "operation", "given"),
    [
        ("DataQuality", "data_quality", {}),
        ("ModelQuality", "model_quality", GROUND_TRUTH),
        ("ModelBias", "model_bias", GROUND_TRUTH),
        ("ModelExplainability", "model_explainability", {}),
    ],
)
def test_definitions_of_each_kind_are_made_described_listed_and_deleted(
    server: SageMakerServer, kind: str, operation: str, given: dict[str, Any]
):
    def ask(verb: str, **members: Any) -> dict[str, Any]:
        plural = "s" if verb == "list" else ""
        return getattr(server.sagemaker, f"{verb}_{operation}_job_definition{plural}")(**members)

    application: dict[str, Any] = {"ImageUri": "monitor:1"}
    if kind in ("ModelBias", "ModelExplainability"):
        application["ConfigUri"] = f"s3://{BUCKET}/config.json"
    if kind == "ModelQuality":
        application["ProblemType"] = "Regression"
    whole = definition()
    shared = ("JobResources", "StoppingCondition", "RoleArn")
    request = {
        **{name: whole[name] for name in shared},
        f"{kind}AppSpecification": application,
        f"{kind}JobInput": {**whole["DataQualityJobInput"], **given},
        f"{kind}JobOutputConfig": whole["DataQualityJobOutputConfig"],
    }
    name = {"JobDefinitionName": "kept"}
    arn = ask("create", **name, **request, Tags=[{"Key": "team", "Value": "research"}])["JobDefinitionArn"]
    described = ask("describe", **name)
    assert {member: described[member] for member in request} == request
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "research"}]
    with pytest.raises(ClientError, match="ResourceInUse"):
        ask("create", **name, **request)
    listed = ask("list", EndpointName=ENDPOINT, NameContains="kept")["JobDefinitionSummaries"]
    assert [one["MonitoringJobDefinitionArn"] for one in listed] == [arn]
    ask("delete", **name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        ask("describe", **name)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        ask("delete", **name)


def test_alerts_of_the_model_dashboard_are_refused_by_name(server: SageMakerServer):
    schedule_name = {"MonitoringScheduleName": "once"}
    alert = {**schedule_name, "MonitoringAlertName": "any"}
    with pytest.raises(ClientError, match="ListMonitoringAlerts"):
        server.sagemaker.list_monitoring_alerts(**schedule_name)
    with pytest.raises(ClientError, match="ListMonitoringAlertHistory"):
        server.sagemaker.list_monitoring_alert_history(**schedule_name)
    with pytest.raises(ClientError, match="UpdateMonitoringAlert"):
        server.sagemaker.update_monitoring_alert(**alert, DatapointsToAlert=1, EvaluationPeriod=1)
