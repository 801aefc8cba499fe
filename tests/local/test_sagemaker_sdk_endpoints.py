"""The genuine SageMaker SDK's serving resources against the AWS server, in a process of its own as a user runs it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.sagemaker_server import BUCKET, SageMakerServer, eventually
from tests.local.sdk_script import said

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

ROLLOUT = """
for name, environment in {"blue": {}, "green": {}, "failing": {"FAIL_EVERY": "1"}}.items():
    model(name, **environment)
    config(name, variant("main", name, count=2))
endpoint = Endpoint.create(endpoint_name="sdk", endpoint_config_name="blue")
said["created"] = endpoint.endpoint_status
endpoint.wait_for_status("InService", poll=1, timeout=200)
said["answer"] = ask(endpoint, inference_id="one")

alarm = {"AlarmName": "errors"}
boto3.client("cloudwatch").put_metric_alarm(
    **alarm, Namespace="tests", MetricName="never-put", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
    ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
)
canary = DeploymentConfig(
    blue_green_update_policy=BlueGreenUpdatePolicy(
        traffic_routing_configuration=TrafficRoutingConfig(
            type="CANARY", wait_interval_in_seconds=3600, canary_size=CapacitySize(type="INSTANCE_COUNT", value=1),
        ),
        termination_wait_in_seconds=0,
    ),
    auto_rollback_configuration=AutoRollbackConfig(alarms=[Alarm(alarm_name="errors")]),
)
endpoint.endpoint_config_name = "failing"
endpoint.update(deployment_config=canary)
while True:
    (arriving,) = endpoint.refresh().pending_deployment_summary.production_variants
    if arriving.variant_status and arriving.variant_status[0].status == "Baking":
        break
    time.sleep(0.2)
said["canary"] = [arriving.current_instance_count, arriving.desired_instance_count]
boto3.client("cloudwatch").set_alarm_state(**alarm, StateValue="ALARM", StateReason="a test")
endpoint.wait_for_status("InService", poll=1, timeout=200)
said["rolled_back"] = [endpoint.endpoint_config_name, endpoint.failure_reason]
boto3.client("cloudwatch").set_alarm_state(**alarm, StateValue="OK", StateReason="a test")

endpoint.endpoint_config_name = "green"
endpoint.update(retain_all_variant_properties=True)
endpoint.wait_for_status("InService", poll=1, timeout=200)
said["updated"] = [endpoint.endpoint_config_name, *ask(endpoint)]
endpoint.update_weights_and_capacities(
    desired_weights_and_capacities=[DesiredWeightAndCapacity(variant_name="main", desired_instance_count=1)]
)
endpoint.wait_for_status("InService", poll=1, timeout=200)
said["machines"] = endpoint.production_variants[0].current_instance_count
said["listed"] = [one.endpoint_name for one in Endpoint.get_all(name_contains="sdk")]

endpoint.delete()
endpoint.wait_for_delete(poll=1, timeout=200)
said["gone"] = refused(lambda: Endpoint.get(endpoint_name="sdk"))
EndpointConfig.get(endpoint_config_name="blue").delete()
said["config gone"] = refused(lambda: EndpointConfig.get(endpoint_config_name="blue"))
Model.get(model_name="blue").delete()
said["model gone"] = refused(lambda: Model.get(model_name="blue"))
"""
SHADOW = """
for name in ("main", "copy"):
    model(f"{name}-model")
made = config(
    "shadowed", variant("main", "main-model"), shadow_production_variants=[variant("copy", "copy-model")],
    data_capture_config=capture("captured"),
)
said["config"] = [made.data_capture_config.destination_s3_uri, made.shadow_production_variants[0].variant_name]
endpoint = Endpoint.create(endpoint_name="shadowed", endpoint_config_name=made)
endpoint.wait_for_status("InService", poll=1, timeout=200)
said["capture"] = endpoint.data_capture_config.capture_status
said["shadows"] = [one.variant_name for one in endpoint.shadow_production_variants]
said["answers"] = [ask(endpoint, inference_id=f"asked-{number}") for number in range(5)]

config("alone", variant("main", "main-model"))
endpoint = Endpoint.create(endpoint_name="tested", endpoint_config_name="alone")
endpoint.wait_for_status("InService", poll=1, timeout=200)
machines = ModelInfrastructureConfig(
    infrastructure_type="RealTimeInference",
    real_time_inference_config=RealTimeInferenceConfig(instance_type="ml.m5.large", instance_count=1),
)
experiment = InferenceExperiment.create(
    name="test", type="ShadowMode", role_arn=settings["role"], endpoint_name="tested",
    model_variants=[
        ModelVariantConfig(model_name=f"{name}-model", variant_name=name, infrastructure_config=machines)
        for name in ("main", "copy")
    ],
    shadow_mode_config=ShadowModeConfig(
        source_model_variant_name="main",
        shadow_model_variants=[ShadowModelVariantConfig(shadow_model_variant_name="copy", sampling_percentage=50)],
    ),
)
experiment.wait_for_status("Running", poll=1, timeout=200)
said["experiment"] = [experiment.endpoint_metadata.endpoint_status, len(experiment.model_variants)]
said["copied to"] = [one.variant_name for one in endpoint.refresh().shadow_production_variants]
experiment.update(schedule=InferenceExperimentSchedule(end_time=datetime.now(timezone.utc) + timedelta(seconds=1)))
experiment.wait_for_status("Completed", poll=1, timeout=200)
said["experiments"] = [one.name for one in InferenceExperiment.get_all(status_equals="Completed")]
experiment.delete()
said["experiment gone"] = refused(lambda: InferenceExperiment.get(name="test"))
for one in (Endpoint.get(endpoint_name=name) for name in ("shadowed", "tested")):
    one.wait_for_status("InService", poll=1, timeout=200)
    one.delete()
    one.wait_for_delete(poll=1, timeout=200)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("sdk-endpoints"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def test_the_sdks_endpoint_is_made_asked_rolled_back_by_an_alarm_updated_scaled_and_deleted(
    server: SageMakerServer, tmp_path: Path
) -> None:
    told = said(server, tmp_path, ROLLOUT)
    assert told["created"] == "Creating"
    assert told["answer"] == ["blue", "main"]
    assert told["canary"] == [1, 2]
    config, reason = told["rolled_back"]
    assert config == "blue"
    assert "[errors]" in reason
    assert told["updated"] == ["green", "green", "main"]
    assert told["machines"] == 1
    assert told["listed"] == ["sdk"]
    assert "Could not find" in told["gone"]
    assert "Could not find" in told["config gone"]
    assert "Could not find" in told["model gone"]


@pytest.mark.full
def test_the_sdks_endpoint_has_shadows_and_capture_and_its_inference_experiment_runs(
    server: SageMakerServer, tmp_path: Path
) -> None:
    told = said(server, tmp_path, SHADOW)
    assert told["config"] == [f"s3://{BUCKET}/captured", "copy"]
    assert told["capture"] == "Started"
    assert told["shadows"] == ["copy"]
    assert told["answers"] == [["main-model", "main"]] * 5
    (key,) = eventually(lambda: server.keys("captured/shadowed/main/"), bool)[:1]
    line = json.loads(server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines()[0])
    assert line["eventMetadata"]["inferenceId"].startswith("asked-")
    assert told["experiment"] == ["InService", 2]
    assert told["copied to"] == ["copy"]
    assert told["experiments"] == ["test"]
    assert told["experiment gone"]
