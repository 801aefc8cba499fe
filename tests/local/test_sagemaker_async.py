"""Asynchronous endpoints on the AWS server, asked with boto3."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, SageMakerServer, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("async"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def endpoint(server: SageMakerServer, name: str, notify: dict[str, str] | None = None, **config: Any) -> str:
    """An asynchronous endpoint in service."""
    server.model(name)
    output: dict[str, Any] = {"S3OutputPath": f"s3://{BUCKET}/answers", "S3FailurePath": f"s3://{BUCKET}/failures"}
    if notify:
        output["NotificationConfig"] = notify
    server.config(
        name, {"VariantName": "a", "ModelName": name}, AsyncInferenceConfig={"OutputConfig": output, **config}
    )
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert server.settled(name)["EndpointStatus"] == "InService"
    return name


def ask(server: SageMakerServer, name: str, body: str, **members: Any) -> dict[str, Any]:
    """What InvokeEndpointAsync answers to a payload that lies in S3."""
    key = f"asked/{name}-{abs(hash(body))}.csv"
    server.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return server.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{BUCKET}/{key}", ContentType="text/csv", **members
    )


def stored(server: SageMakerServer, uri: str) -> str:
    """The object of a URI once it is there."""
    key = uri.removeprefix(f"s3://{BUCKET}/")
    eventually(lambda: server.keys(key), bool)
    return server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def test_an_answer_comes_to_s3_a_failure_too_and_both_are_told(server: SageMakerServer) -> None:
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="answers")["TopicArn"]
    queue = sqs.create_queue(QueueName="answers")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    endpoint(server, "asked", {"SuccessTopic": topic, "ErrorTopic": topic})
    good = ask(server, "asked", "1,2", InferenceId="row-1")
    assert good["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert good["InferenceId"] == "row-1"
    assert good["OutputLocation"].startswith(f"s3://{BUCKET}/answers/")
    answer = json.loads(stored(server, good["OutputLocation"]))
    assert (answer["body"], answer["type"]) == ("1,2", "text/csv")
    bad = ask(server, "asked", "bad")
    assert json.loads(stored(server, bad["FailureLocation"])) == {"error": "bad input"}
    told: list[dict[str, Any]] = []

    def both() -> int:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            told.append(json.loads(json.loads(message["Body"])["Message"]))
        return len(told)

    eventually(both, lambda count: count >= 2)
    by_status = {each["invocationStatus"]: each for each in told}
    assert by_status["Completed"]["responseParameters"]["outputLocation"] == good["OutputLocation"]
    assert by_status["Completed"]["inferenceId"] == "row-1"
    assert "bad input" in by_status["Failed"]["failureReason"]
    with pytest.raises(ClientError, match="use InvokeEndpointAsync"):
        server.invoke("asked")


@pytest.mark.full
def test_requests_wait_at_zero_instances_for_the_first(server: SageMakerServer) -> None:
    endpoint(server, "idle")
    scaling = server.client("application-autoscaling")
    target = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    scaling.register_scalable_target(**target, ResourceId="endpoint/idle/variant/a", MinCapacity=0, MaxCapacity=2)
    change = {"EndpointName": "idle", "DesiredWeightsAndCapacities": [{"VariantName": "a", "DesiredInstanceCount": 0}]}
    server.sagemaker.update_endpoint_weights_and_capacities(**change)
    assert server.settled("idle")["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    asked = ask(server, "idle", "1,2")
    expires = ask(server, "idle", "3,4", RequestTTLSeconds=60)
    assert "expired before it was processed" in stored(server, expires["FailureLocation"])
    assert server.keys(asked["OutputLocation"].removeprefix(f"s3://{BUCKET}/")) == []
    change["DesiredWeightsAndCapacities"] = [{"VariantName": "a", "DesiredInstanceCount": 1}]
    server.sagemaker.update_endpoint_weights_and_capacities(**change)
    assert json.loads(stored(server, asked["OutputLocation"]))["body"] == "1,2"


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_queue_survives_a_restart_of_the_server(server: SageMakerServer, number: signal.Signals) -> None:
    name = f"kept-{int(number)}"
    endpoint(server, name, ClientConfig={"MaxConcurrentInvocationsPerInstance": 1})
    asked = [ask(server, name, f"sleep{seconds}") for seconds in ("2.5", "0.1", "0")]
    server.stop(number)
    server.start()
    assert [json.loads(stored(server, each["OutputLocation"]))["body"] for each in asked] == [
        "sleep2.5",
        "sleep0.1",
        "sleep0",
    ]


@pytest.mark.full
def test_a_payload_that_is_not_there_fails_the_request(server: SageMakerServer) -> None:
    endpoint(server, "nothing")
    asked = server.runtime.invoke_endpoint_async(EndpointName="nothing", InputLocation=f"s3://{BUCKET}/nowhere")
    assert "Unable to download" in stored(server, asked["FailureLocation"])
    inline = server.runtime.invoke_endpoint_async(
        EndpointName="nothing", Body=b"3,4", ContentType="text/csv", Filename="mine.json", S3OutputPathExtension="x/y"
    )
    assert inline["OutputLocation"] == f"s3://{BUCKET}/answers/x/y/mine.json"
    assert json.loads(stored(server, inline["OutputLocation"]))["body"] == "3,4"
    server.model("plain")
    server.config("plain", {"VariantName": "a", "ModelName": "plain"})
    server.sagemaker.create_endpoint(EndpointName="plain", EndpointConfigName="plain")
    server.settled("plain")
    with pytest.raises(ClientError, match="use InvokeEndpoint"):
        ask(server, "plain", "1")
    scaled = {"VariantName": "a", "DesiredInstanceCount": 0}
    with pytest.raises(ClientError, match="asynchronous endpoints alone"):
        server.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="plain", DesiredWeightsAndCapacities=[scaled]
        )


@pytest.mark.full
def test_a_backlog_brings_the_first_instance_back_from_zero(server: SageMakerServer) -> None:
    endpoint(server, "wakes")
    scaling = server.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": "endpoint/wakes/variant/a",
    }
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=2)
    change = {"EndpointName": "wakes", "DesiredWeightsAndCapacities": [{"VariantName": "a", "DesiredInstanceCount": 0}]}
    server.sagemaker.update_endpoint_weights_and_capacities(**change)
    server.settled("wakes")
    policy = scaling.put_scaling_policy(
        **target,
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="wakes-backlog",
        AlarmActions=[policy["PolicyARN"]],
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": "wakes"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
    )
    asked = ask(server, "wakes", "1,2")
    assert json.loads(stored(server, asked["OutputLocation"]))["body"] == "1,2"
    assert server.settled("wakes")["ProductionVariants"][0]["CurrentInstanceCount"] == 1
