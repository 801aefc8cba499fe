"""The genuine SageMaker SDK's resources beside endpoints, unpatched against the AWS server: monitoring of what an
endpoint captured, batch transform, and inference components."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.sagemaker_server import BUCKET, SageMakerServer
from tests.local.sdk_script import said

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

MONITOR = """
import json, os, pathlib
files = sorted(pathlib.Path(os.environ["dataset_source"]).rglob("*.jsonl"))
lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
target = pathlib.Path(os.environ["output_path"])
(target / "statistics.json").write_text(json.dumps([line["captureData"]["endpointInput"]["data"] for line in lines]))
"""
BEGUN = """
model("main")
config("watched", variant("main", "main"), data_capture_config=capture("captured"))
config(
    "hosts",
    variant(
        "main",
        managed_instance_scaling=ProductionVariantManagedInstanceScaling(
            status="ENABLED", min_instance_count=0, max_instance_count=2
        ),
        routing_config=ProductionVariantRoutingConfig(routing_strategy="LEAST_OUTSTANDING_REQUESTS"),
    ),
    execution_role_arn=settings["role"],
)
watched, hosts = (Endpoint.create(endpoint_name=name, endpoint_config_name=name) for name in ("watched", "hosts"))
transform = TransformJob.create(
    transform_job_name="sums", model_name="main",
    transform_input=TransformInput(
        data_source=TransformDataSource(
            s3_data_source=TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=f"s3://{settings['bucket']}/data/train/")
        ),
        content_type="text/csv", split_type="Line",
    ),
    transform_output=TransformOutput(s3_output_path=f"s3://{settings['bucket']}/answers", assemble_with="Line"),
    transform_resources=TransformResources(instance_type="ml.m5.large", instance_count=1),
    environment={"SOME": "thing"}, max_payload_in_mb=1,
)
for endpoint in (watched, hosts):
    endpoint.wait_for_status("InService", poll=1, timeout=200)
said["asked"] = ask(watched, inference_id="one")
"""
MONITORED = """
definition = DataQualityJobDefinition.create(
    job_definition_name="quality",
    data_quality_app_specification=DataQualityAppSpecification(image_uri="monitor:1"),
    data_quality_job_input=DataQualityJobInput(
        endpoint_input=EndpointInput(endpoint_name="watched", local_path="/opt/ml/processing/input")
    ),
    data_quality_job_output_config=MonitoringOutputConfig(
        monitoring_outputs=[
            MonitoringOutput(
                s3_output=MonitoringS3Output(
                    s3_uri=f"s3://{settings['bucket']}/reports", local_path="/opt/ml/processing/output"
                )
            )
        ]
    ),
    job_resources=MonitoringResources(
        cluster_config=MonitoringClusterConfig(instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1)
    ),
    role_arn=settings["role"], stopping_condition=MonitoringStoppingCondition(max_runtime_in_seconds=600),
    tags=[Tag(key="team", value="research")],
)
said["definition"] = [definition.get_name(), definition.data_quality_job_input.endpoint_input.endpoint_name]
said["definitions"] = [one.job_definition_name for one in DataQualityJobDefinition.get_all(endpoint_name="watched")]

def times(expression, **members):
    return MonitoringScheduleConfig(
        schedule_config=ScheduleConfig(schedule_expression=expression, **members),
        monitoring_job_definition_name="quality", monitoring_type="DataQuality",
    )

once = MonitoringSchedule.create(
    monitoring_schedule_name="once",
    monitoring_schedule_config=times("NOW", data_analysis_start_time="-PT1H", data_analysis_end_time="PT0H"),
)
hourly = MonitoringSchedule.create(
    monitoring_schedule_name="hourly", monitoring_schedule_config=times("cron(0 * ? * * *)")
)
hourly.wait_for_status("Scheduled", poll=1, timeout=60)
hourly.stop()
hourly.wait_for_status("Stopped", poll=1, timeout=60)
hourly.start()
hourly.wait_for_status("Scheduled", poll=1, timeout=60)
hourly.update(monitoring_schedule_config=times("cron(0 3 ? * * *)"))
said["updated"] = hourly.monitoring_schedule_config.schedule_config.schedule_expression
said["schedules"] = sorted(one.monitoring_schedule_name for one in MonitoringSchedule.get_all(endpoint_name="watched"))
"""
COMPONENT = """
needs = InferenceComponentComputeResourceRequirements(number_of_cpu_cores_required=0.25, min_memory_required_in_mb=128)
component = InferenceComponent.create(
    inference_component_name="small", endpoint_name=hosts, variant_name="main",
    specification=InferenceComponentSpecification(model_name="main", compute_resource_requirements=needs),
    runtime_config=InferenceComponentRuntimeConfig(copy_count=1),
)
component.wait_for_status("InService", poll=1, timeout=200)
said["component asked"] = ask(hosts, inference_component_name="small")
component.update_runtime_configs(desired_runtime_config=InferenceComponentRuntimeConfig(copy_count=2))
component.wait_for_status("InService", poll=1, timeout=200)
said["copies"] = component.refresh().runtime_config.current_copy_count
model("second")
component.update(
    specification=InferenceComponentSpecification(model_name="second", compute_resource_requirements=needs),
    runtime_config=InferenceComponentRuntimeConfig(copy_count=1),
)
component.wait_for_status("InService", poll=1, timeout=200)
said["component updated"] = [component.specification.model_name, *ask(hosts, inference_component_name="small")]
said["components"] = [one.inference_component_name for one in InferenceComponent.get_all(endpoint_name_equals="hosts")]
component.delete()
component.wait_for_delete(poll=1, timeout=200)
said["component gone"] = refused(lambda: InferenceComponent.get(inference_component_name="small"))
"""
ENDED = """
transform.wait(poll=1)
said["transform"] = [transform.transform_job_status, transform.environment, transform.max_payload_in_mb]
said["transforms"] = [one.transform_job_name for one in TransformJob.get_all(status_equals="Completed")]
said["stopped twice"] = refused(transform.stop)

while (last := once.refresh().last_monitoring_execution_summary) is None or last.monitoring_execution_status not in (
    "Completed", "CompletedWithViolations", "Failed", "Stopped"
):
    time.sleep(0.5)
said["execution"] = [last.monitoring_execution_status, last.monitoring_schedule_name]
said["executions"] = [
    [one.monitoring_schedule_name, one.monitoring_execution_status] for one in MonitoringExecution.get_all()
]
said["process"] = ProcessingJob.get(last.processing_job_arn.rpartition("/")[2]).processing_job_status
for schedule in (once, hourly):
    schedule.delete()
definition.delete()
said["schedule gone"] = refused(lambda: MonitoringSchedule.get(monitoring_schedule_name="once"))
said["definition gone"] = refused(lambda: DataQualityJobDefinition.get(job_definition_name="quality"))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("sdk-resources"))
    (server.folder / "monitor.py").write_text(MONITOR)
    with (server.state / "environments.yaml").open("a") as file:
        file.write(f'  - images: ["monitor:*"]\n    process: ["{{python}}", "{server.folder / "monitor.py"}"]\n')
    server.start()
    server.prepare()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def told(server: SageMakerServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one script that makes them all is answered; the slow ones go on while it makes others."""
    return said(server, tmp_path_factory.mktemp("home"), BEGUN + MONITORED + COMPONENT + ENDED)


def test_the_sdks_monitoring_schedule_runs_its_definition_is_stopped_started_changed_and_deleted(
    server: SageMakerServer, told: dict[str, Any]
) -> None:
    assert told["asked"] == ["main", "main"]
    assert told["definition"] == ["quality", "watched"]
    assert told["definitions"] == ["quality"]
    assert told["updated"] == "cron(0 3 ? * * *)"
    assert told["schedules"] == ["hourly", "once"]
    assert told["execution"] == ["Completed", "once"]
    assert told["executions"] == [["once", "Completed"]]
    assert told["process"] == "Completed"
    (key,) = [key for key in server.keys("reports/watched/once/") if key.endswith("/statistics.json")]
    assert json.loads(server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == ["1,2"]
    assert "does not exist" in told["schedule gone"]
    assert "Could not find" in told["definition gone"]


def test_the_sdks_transform_job_runs_to_its_end_and_can_then_not_be_stopped(
    server: SageMakerServer, told: dict[str, Any]
) -> None:
    assert told["transform"] == ["Completed", {"SOME": "thing"}, 1]
    assert told["transforms"] == ["sums"]
    assert "in status Completed" in told["stopped twice"]
    answer = json.loads(server.s3.get_object(Bucket=BUCKET, Key="answers/rows.csv.out")["Body"].read())
    assert (answer["tag"], answer["body"]) == ("main", "1,2\n")


def test_the_sdks_inference_component_answers_gets_a_second_copy_and_another_model_and_is_deleted(
    told: dict[str, Any],
) -> None:
    assert told["component asked"] == ["main", "main"]
    assert told["copies"] == 2
    assert told["component updated"] == ["second", "second", "main"]
    assert told["components"] == ["small"]
    assert "Could not find" in told["component gone"]
