"""Lambda and EventBridge Scheduler of the AWS server: functions truly run, as their role, and schedules start them."""

import base64
import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws_server.schedules import due, interval_of, moment_of

# The import mode of this suite puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent))
from aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local
ACCOUNT = "123456789012"
CODE = """
import json, logging, os, sys, time
def say(event, context):
    print("hello", event.get("name"))
    logging.warning("a warning of %s", context.function_name)
    return {"name": event.get("name"), "variable": os.environ["WORD"], "left": context.get_remaining_time_in_millis()}
def who(event, context):
    import boto3
    return boto3.client("sts").get_caller_identity()["Arn"]
def fail(event, context):
    raise ValueError("no such luck")
def leave(event, context):
    os._exit(3)
def sleep(event, context):
    time.sleep(30)
def look_outside(event, context):
    import prices
def count(event, context):
    import boto3
    boto3.client("s3").put_object(Bucket="functions", Key=f"runs/{time.time()}", Body=json.dumps(event).encode())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("functions"))
    process.start()
    process.client("s3").create_bucket(Bucket="functions")
    role(
        process,
        "worker",
        "lambda",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "s3:PutObject"],
    )
    role(process, "mute", "lambda", ["s3:PutObject"])
    role(process, "clock", "scheduler", ["lambda:InvokeFunction"])
    role(process, "broken-clock", "scheduler", ["lambda:GetFunction"])
    yield process
    process.ensure_stopped()


def role(server: AwsServerProcess, name: str, service: str, actions: list[str]) -> None:
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(document))


def archive(code: str = CODE) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("work.py", code)
    return target.getvalue()


Make = Callable[..., str]


@pytest.fixture
def function(server: AwsServerProcess, request: pytest.FixtureRequest) -> Make:
    client = server.client("lambda")
    numbers = iter(range(10))

    def make(handler: str, **members: Any) -> str:
        name = f"{request.node.name.replace('_', '-')[-40:]}-{next(numbers)}"
        values: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/worker",
            "Handler": f"work.{handler}",
            "Code": {"ZipFile": archive()},
            "Environment": {"Variables": {"WORD": "sesame"}},
            **members,
        }
        return client.create_function(**values)["FunctionArn"]

    return make


def invoke(server: AwsServerProcess, name: str, event: Any = None, **members: Any) -> tuple[Any, dict[str, Any]]:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **members)
    text = answer["Payload"].read()
    return (json.loads(text) if text else None), answer


def log_of(server: AwsServerProcess, arn: str) -> str:
    group = f"/aws/lambda/{arn.rpartition(':')[2]}"
    events = server.client("logs").filter_log_events(logGroupName=group)["events"]
    return "\n".join(event["message"] for event in events)


def runs(server: AwsServerProcess) -> list[str]:
    found = server.client("s3").list_objects_v2(Bucket="functions", Prefix="runs/").get("Contents", [])
    return [one["Key"] for one in found]


def eventually(condition: Callable[[], Any], patience_s: float = 60) -> Any:
    until = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_a_function_runs_with_its_event_variables_and_context_and_leaves_its_log(
    server: AwsServerProcess, function: Make
):
    arn = function("say")
    result, answer = invoke(server, arn, {"name": "ada"}, LogType="Tail")
    assert (result["name"], result["variable"]) == ("ada", "sesame")
    assert 0 < result["left"] <= 3000
    assert "FunctionError" not in answer
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "hello ada" in tail
    log = log_of(server, arn)
    assert "hello ada" in log
    assert "a warning of" in log
    assert "REPORT RequestId:" in log


def test_a_function_is_its_role(server: AwsServerProcess, function: Make):
    assert invoke(server, function("who"))[0].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/")


def test_an_error_is_the_callers_to_see(server: AwsServerProcess, function: Make):
    result, answer = invoke(server, function("fail"))
    assert answer["FunctionError"] == "Unhandled"
    assert (result["errorType"], result["errorMessage"]) == ("ValueError", "no such luck")
    result, answer = invoke(server, function("leave"))
    assert (answer["FunctionError"], result["errorType"]) == ("Unhandled", "Runtime.ExitError")


def test_invocations_and_errors_are_counted(server: AwsServerProcess, function: Make):
    good, bad = function("say"), function("fail")
    for arn in (good, good, bad):
        invoke(server, arn)

    def total(arn: str, metric: str) -> float:
        now = datetime.now(UTC)
        answer = server.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": arn.rpartition(":")[2]}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    assert (total(good, "Invocations"), total(good, "Errors")) == (2, 0)
    assert (total(bad, "Invocations"), total(bad, "Errors")) == (1, 1)


def test_a_function_that_runs_out_of_time_is_ended(server: AwsServerProcess, function: Make):
    result, answer = invoke(server, function("sleep", Timeout=1))
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in result["errorMessage"]


def test_a_function_finds_only_what_its_archive_brings(server: AwsServerProcess, function: Make):
    result, _ = invoke(server, function("look_outside"))
    assert result["errorMessage"] == "No module named 'prices'"


def test_a_role_that_may_not_write_logs_leaves_none(server: AwsServerProcess, function: Make):
    arn = function("say", Role=f"arn:aws:iam::{ACCOUNT}:role/mute")
    assert invoke(server, arn, {"name": "bob"})[0]["name"] == "bob"
    with pytest.raises(server.client("logs").exceptions.ResourceNotFoundException):
        log_of(server, arn)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/clock"}, "cannot be assumed by Lambda"),
        ({"Role": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "cannot be assumed by Lambda"),
        ({"Code": {"ZipFile": b"no archive"}}, "Could not unzip uploaded file"),
        ({"Runtime": "nodejs22.x"}, "runs Python functions only"),
        ({"Environment": {"Variables": {"X": "y" * 5000}}}, "exceeded the 4KB limit"),
    ],
)
def test_what_lambda_refuses(server: AwsServerProcess, function: Make, members: dict[str, Any], said: str):
    with pytest.raises(ClientError, match=said) as error:
        function("say", **members)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_function_can_be_changed_tagged_and_deleted(server: AwsServerProcess, function: Make):
    client = server.client("lambda")
    arn = function("say", Tags={"team": "research"})
    before = client.get_function(FunctionName=arn)["Configuration"]["CodeSha256"]
    client.update_function_configuration(FunctionName=arn, Environment={"Variables": {"WORD": "open"}}, Timeout=9)
    client.update_function_code(FunctionName=arn, ZipFile=archive(CODE.replace("hello", "good day")))
    assert invoke(server, arn)[0]["variable"] == "open"
    assert "good day" in log_of(server, arn)
    assert client.get_function(FunctionName=arn)["Configuration"]["CodeSha256"] != before
    client.tag_resource(Resource=arn, Tags={"owner": "ada"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.list_tags(Resource=arn)["Tags"] == {"owner": "ada"}
    client.delete_function(FunctionName=arn)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        invoke(server, arn)


def schedule(server: AwsServerProcess, name: str, function: str, expression: str, who: str = "clock") -> None:
    server.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{who}", "Input": '{"by": "clock"}'},
    )


def test_a_rate_starts_its_function_at_once_and_a_restart_forgets_nothing(server: AwsServerProcess, function: Make):
    arn = function("count")
    schedule(server, "each-hour", arn, "rate(1 hour)")
    eventually(lambda: len(runs(server)) == 1)
    server.stop()
    server.start()
    # It has run in this hour: not again.
    time.sleep(1.5)
    assert len(runs(server)) == 1
    schedule(server, "once", arn, f"at({datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})")
    eventually(lambda: len(runs(server)) == 2)
    server.client("scheduler").delete_schedule(Name="each-hour")
    schedule(server, "each-hour", arn, "rate(1 hour)")
    eventually(lambda: len(runs(server)) == 3)
    body = server.client("s3").get_object(Bucket="functions", Key=runs(server)[0])["Body"].read()
    assert json.loads(body) == {"by": "clock"}


def test_a_schedule_whose_role_may_not_invoke_the_function_starts_nothing(server: AwsServerProcess, function: Make):
    known = len(runs(server))
    schedule(server, "powerless", function("count"), "rate(1 minute)", who="broken-clock")
    eventually(lambda: "may not lambda:InvokeFunction" in server.log.read_text())
    assert len(runs(server)) == known


def test_what_the_scheduler_refuses(server: AwsServerProcess, function: Make):
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        schedule(server, "nonsense", function("count"), "every minute")
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        schedule(server, "wrong-role", function("count"), "rate(1 hour)", who="worker")


def test_when_a_schedule_is_due():
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert due("rate(5 minutes)", None, now)
    assert not due("rate(5 minutes)", now - timedelta(minutes=4), now)
    assert due("rate(5 minutes)", now - timedelta(minutes=5), now)
    assert not due("rate(5 minutes)", None, now, start=now + timedelta(seconds=1))
    assert due("at(2026-11-21T11:59:59)", None, now)
    assert not due("at(2026-11-21T11:59:59)", now, now)
    assert not due("at(2026-11-21T12:00:01)", None, now)
    assert not due("cron(0 8 1 * ? *)", None, now)
    assert (interval_of("rate(0 minutes)"), moment_of("rate(1 day)")) == (None, None)


def test_quotas_are_found_by_their_name(server: AwsServerProcess):
    client = server.client("service-quotas")
    found: dict[str, Any] = {}
    request: dict[str, Any] = {"ServiceCode": "sagemaker", "MaxResults": 100}
    while True:
        answer = client.list_service_quotas(**request)
        found |= {one["QuotaName"]: one for one in answer["Quotas"]}
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    quota = found["ml.m5.xlarge for training job usage"]
    assert quota["Value"] == 8
    again = client.get_service_quota(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])["Quota"]
    assert again == quota
    narrowed = client.list_service_quotas(ServiceCode="sagemaker", QuotaCode=quota["QuotaCode"])
    assert narrowed["Quotas"] == [quota]
    with pytest.raises(client.exceptions.NoSuchResourceException):
        client.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-00000000")
