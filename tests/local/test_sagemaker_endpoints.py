"""Endpoints on the AWS server, asked for with boto3."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from botocore.exceptions import ClientError

from local.aws_server.sagemaker.endpoint_metrics import interval_of
from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, alive, eventually

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("endpoints"))
    server.start()
    server.prepare()
    server.config("blue", {"VariantName": "All", "ModelName": server.model("blue", TAG="blue")})
    server.config("green", {"VariantName": "All", "ModelName": server.model("green", TAG="green", DELAY="0.5")})
    server.config("broken", {"VariantName": "All", "ModelName": server.model("broken", CRASH="1")})
    yield server
    server.stop()


def create(server: SageMakerServer, name: str, config: str) -> None:
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)


def log_streams(server: SageMakerServer, group: str) -> list[str]:
    """The names of a group's streams; the group comes with the first line that its containers print."""
    try:
        streams = server.logs.describe_log_streams(logGroupName=group)["logStreams"]
    except server.logs.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in streams]


def test_an_endpoint_serves_once_its_container_answers_ping(server: SageMakerServer) -> None:
    server.config("slow", {"VariantName": "All", "ModelName": server.model("slow", DELAY="1")})
    create(server, "serves", "slow")
    assert server.sagemaker.describe_endpoint(EndpointName="serves")["EndpointStatus"] == "Creating"
    with pytest.raises(ClientError, match=r"ValidationError.*Endpoint serves of account 123456789012 not found"):
        server.invoke("serves")
    endpoint = server.settled("serves")
    assert endpoint["EndpointStatus"] == "InService"
    (variant,) = endpoint["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"], variant["CurrentWeight"]) == ("All", 1, 1.0)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == "model-server:1"
    answer = server.invoke("serves", "5.1,3.5", CustomAttributes="trace=1")
    assert (answer["model"], answer["body"], answer["type"]) == ("w1", "5.1,3.5", "text/csv")
    assert (answer["custom"], answer["variant"]) == ("trace=1", "All")
    streams = eventually(lambda: log_streams(server, "/aws/sagemaker/Endpoints/serves"), bool)
    assert streams[0].startswith("All/i-")


def test_weights_are_obeyed_and_a_caller_may_choose_the_variant(server: SageMakerServer) -> None:
    server.config(
        "split",
        {"VariantName": "Large", "ModelName": server.model("large", TAG="large"), "InitialVariantWeight": 3},
        {"VariantName": "Small", "ModelName": server.model("small", TAG="small"), "InitialVariantWeight": 1},
    )
    create(server, "split", "split")
    server.settled("split")
    counts = Counter(server.invoke("split")["tag"] for _ in range(200))
    assert 110 <= counts["large"] <= 185
    assert server.invoke("split", TargetVariant="Small")["tag"] == "small"
    with pytest.raises(ClientError, match="Variant Nobody"):
        server.invoke("split", TargetVariant="Nobody")
    server.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="split", DesiredWeightsAndCapacities=[{"VariantName": "Large", "DesiredWeight": 0}]
    )
    endpoint = server.settled("split")
    assert [each["CurrentWeight"] for each in endpoint["ProductionVariants"]] == [0.0, 1.0]
    assert {server.invoke("split")["tag"] for _ in range(20)} == {"small"}


def test_an_instance_count_is_that_many_processes(server: SageMakerServer) -> None:
    create(server, "scaled", "blue")
    server.settled("scaled")
    server.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="scaled", DesiredWeightsAndCapacities=[{"VariantName": "All", "DesiredInstanceCount": 2}]
    )
    assert server.settled("scaled")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert len({server.invoke("scaled")["pid"] for _ in range(40)}) == 2


def test_an_update_fails_no_request(server: SageMakerServer) -> None:
    create(server, "updated", "blue")
    server.settled("updated")
    before = server.invoke("updated")["pid"]
    stop = threading.Event()
    tags: Counter[str] = Counter()

    def ask_until_stopped() -> None:
        while not stop.is_set():
            tags[server.invoke("updated")["tag"]] += 1

    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(ask_until_stopped) for _ in range(4)]
        server.sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="green")
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            server.sagemaker.delete_endpoint(EndpointName="updated")
        endpoint = server.settled("updated")
        time.sleep(0.3)
        stop.set()
        for asker in askers:
            asker.result()
    assert endpoint["EndpointConfigName"] == "green"
    assert set(tags) == {"blue", "green"}
    eventually(lambda: alive(before), lambda running: not running)


def test_an_update_that_cannot_start_leaves_the_old_fleet_and_says_why(server: SageMakerServer) -> None:
    create(server, "kept", "blue")
    server.settled("kept")
    server.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="broken")
    endpoint = server.settled("kept")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue")
    assert "the model cannot be loaded" in endpoint["FailureReason"]
    assert server.invoke("kept")["tag"] == "blue"


def test_an_endpoint_whose_server_dies_at_start_fails_with_the_reason(server: SageMakerServer) -> None:
    create(server, "dead", "broken")
    endpoint = server.settled("dead")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "the model cannot be loaded" in endpoint["FailureReason"]
    server.sagemaker.delete_endpoint(EndpointName="dead")


def test_a_dead_process_is_replaced_and_one_request_is_told_about_it(server: SageMakerServer) -> None:
    create(server, "revived", "blue")
    server.settled("revived")
    first = server.invoke("revived")["pid"]
    with pytest.raises(ClientError, match="ModelError") as error:
        server.invoke("revived", "die")
    assert error.value.response["OriginalStatusCode"] == 0
    second = server.invoke("revived")["pid"]
    assert second != first
    assert server.settled("revived")["EndpointStatus"] == "InService"


def test_the_containers_error_reaches_the_caller_as_a_model_error(server: SageMakerServer) -> None:
    create(server, "errors", "blue")
    server.settled("errors")
    with pytest.raises(ClientError, match=r"Received client error \(400\) from primary with message") as error:
        server.invoke("errors", "bad")
    response = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (400, '{"error": "bad input"}')


def test_invocations_are_counted_in_cloudwatch(server: SageMakerServer) -> None:
    variant = {"VariantName": "All", "ModelName": "blue", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    often = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
    server.sagemaker.create_endpoint_config(
        EndpointConfigName="counted", ProductionVariants=[variant], MetricsConfig=often
    )
    create(server, "counted", "counted")
    server.settled("counted")
    for _ in range(5):
        server.invoke("counted")
    with pytest.raises(ClientError):
        server.invoke("counted", "bad")
    cloudwatch = server.client("cloudwatch")

    def total(metric: str, statistic: str = "Sum", namespace: str = "AWS/SageMaker", **more: str) -> float:
        dimensions = {"EndpointName": "counted", "VariantName": "All"} | more
        points = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=time.time() - 600,
            EndTime=time.time() + 600,
            Period=3600,
            **({"ExtendedStatistics": [statistic]} if statistic.startswith("p") else {"Statistics": [statistic]}),
        )["Datapoints"]
        return sum(
            point[statistic] if statistic in point else point["ExtendedStatistics"][statistic] for point in points
        )

    eventually(lambda: total("Invocations"), lambda count: count == 6)
    assert total("Invocation4XXErrors") == 1
    assert total("Invocation5XXErrors") == 0
    assert total("InvocationsPerInstance") == 6
    assert total("ModelLatency", "p99") >= total("ModelLatency", "p50") > 0
    assert total("Invocations", EndpointConfigName="counted") == 6
    listed = cloudwatch.list_metrics(MetricName="Invocations", Dimensions=[{"Name": "InstanceId"}])["Metrics"]
    (instance,) = [each["Value"] for metric in listed for each in metric["Dimensions"] if each["Name"] == "InstanceId"]
    assert total("Invocations", InstanceId=instance) == 6
    memory = eventually(lambda: total("MemoryUtilization", "Maximum", "/aws/sagemaker/Endpoints"), bool)
    assert 100 * (5 << 20) / psutil.virtual_memory().total < memory < 50  # a Python process


def test_metrics_come_each_minute_unless_enhanced_metrics_are_on(server: SageMakerServer) -> None:
    assert interval_of({}) == 60
    assert interval_of({"MetricsConfig": {"MetricPublishFrequencyInSeconds": 10}}) == 60
    assert interval_of({"MetricsConfig": {"EnableEnhancedMetrics": True}}) == 60
    assert interval_of({"MetricsConfig": {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 30}}) == 30
    with pytest.raises(ClientError, match="MetricPublishFrequencyInSeconds must be one of"):
        server.sagemaker.create_endpoint_config(
            EndpointConfigName="odd",
            ProductionVariants=[{"VariantName": "All", "ModelName": "blue", "InstanceType": "ml.m5.large"}],
            MetricsConfig={"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 15},
        )


def test_a_deleted_endpoint_leaves_no_process(server: SageMakerServer) -> None:
    create(server, "deleted", "blue")
    server.settled("deleted")
    pid = server.invoke("deleted")["pid"]
    server.sagemaker.delete_endpoint(EndpointName="deleted")
    eventually(
        lambda: [each["EndpointName"] for each in server.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]],
        lambda names: "deleted" not in names,
    )
    assert not alive(pid)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        server.sagemaker.describe_endpoint(EndpointName="deleted")


def test_models_and_configurations_are_described_as_they_were_given(server: SageMakerServer) -> None:
    sagemaker = server.sagemaker
    model = sagemaker.describe_model(ModelName="blue")
    assert model["PrimaryContainer"]["Environment"] == {"TAG": "blue"}
    assert model["ExecutionRoleArn"] == ROLE
    assert model["ModelArn"].endswith(":model/blue")
    config = sagemaker.describe_endpoint_config(EndpointConfigName="blue")
    assert config["ProductionVariants"][0]["ModelName"] == "blue"
    assert "blue" in [each["ModelName"] for each in sagemaker.list_models(MaxResults=100)["Models"]]
    assert "blue" in [
        each["EndpointConfigName"] for each in sagemaker.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
    ]


def test_what_would_not_truly_run_is_refused(server: SageMakerServer) -> None:
    with pytest.raises(ClientError, match="NotImplemented"):
        server.sagemaker.create_compilation_job(
            CompilationJobName="c",
            RoleArn=ROLE,
            OutputConfig={"S3OutputLocation": "s3://b/o", "TargetDevice": "ml_m5"},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
    with pytest.raises(ClientError, match="NotImplemented"):
        server.runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"1")
    with pytest.raises(ClientError, match="has no ExplainerConfig"):
        server.sagemaker.create_endpoint_config(
            EndpointConfigName="explained",
            ProductionVariants=[{"VariantName": "All", "ModelName": "blue"}],
            ExplainerConfig={"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": "1"}}}},
        )


def test_what_does_not_exist_is_refused(server: SageMakerServer) -> None:
    sagemaker = server.sagemaker
    with pytest.raises(ClientError, match="Could not find model data at"):
        sagemaker.create_model(
            ModelName="x", PrimaryContainer={"Image": "model-server:1", "ModelDataUrl": f"s3://{BUCKET}/none"}
        )
    with pytest.raises(ClientError, match='Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/none"'):
        server.config("x", {"VariantName": "All", "ModelName": "none"})
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        create(server, "x", "none")
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        server.model("blue")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.delete_endpoint(EndpointName="none")
    with pytest.raises(ClientError, match="ValidationError"):
        server.invoke("none")
