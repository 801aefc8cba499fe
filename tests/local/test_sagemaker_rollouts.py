"""Updates of endpoints with a DeploymentConfig, asked for with boto3, under load."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from ml.spec.rollout import RollbackOn
from ml.targets.sagemaker.alarms import Guarded, requests
from tests.local.sagemaker_load import Load
from tests.local.sagemaker_server import EACH_10_S, SageMakerServer, alive, eventually

pytestmark = pytest.mark.local

LONG_S = 3600
Create = Callable[..., str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("rollouts"))
    server.start()
    server.prepare()
    crash_if = str(server.folder / "crash")
    for name, environment in (
        ("blue", {"TAG": "blue", "CRASH_IF": crash_if}),
        ("green", {"TAG": "green"}),
        ("failing", {"TAG": "failing", "FAIL_EVERY": "1"}),
        ("broken", {"CRASH": "1"}),
    ):
        server.model(name, **environment)
        for count in (1, 2, 4):
            variant = {"VariantName": "main", "ModelName": name, "InitialInstanceCount": count}
            server.config(f"{name}-{count}", variant)
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="tests",
        MetricName="never-put",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    yield server
    server.stop()


@pytest.fixture
def create(server: SageMakerServer) -> Iterator[Create]:
    """Makes endpoints that are in service, and deletes them after the test."""
    made: list[str] = []

    def create(name: str, config: str, **members: Any) -> str:
        server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **members)
        made.append(name)
        assert server.settled(name)["EndpointStatus"] == "InService"
        return name

    alarm(server, "OK")
    yield create
    for name in made:
        server.settled(name)
        server.sagemaker.delete_endpoint(EndpointName=name)


def alarm(server: SageMakerServer, state: str) -> None:
    """Sets the state of the alarm that updates watch."""
    server.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue=state, StateReason="a test")


def shifting(
    kind: str, wait_s: int = 0, termination_wait_s: int = 0, *, alarms: bool = True, **members: Any
) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait_s, **members}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination_wait_s}
    return {"BlueGreenUpdatePolicy": policy, **(watching() if alarms else {})}


def canary(wait_s: int, instances: int = 1) -> dict[str, Any]:
    return shifting("CANARY", wait_s, CanarySize={"Type": "INSTANCE_COUNT", "Value": instances})


def rolling(wait_s: int, **members: Any) -> dict[str, Any]:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait_s, **members}, **watching()}


def watching() -> dict[str, Any]:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}


def update(server: SageMakerServer, name: str, config: str, deployment: dict[str, Any], **members: Any) -> None:
    server.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=config, DeploymentConfig=deployment, **members
    )


def stage(server: SageMakerServer, name: str, status: str, active: int | None = None) -> dict[str, Any]:
    """The pending variant's description once it is at a stage."""

    def pending() -> dict[str, Any]:
        summary = server.sagemaker.describe_endpoint(EndpointName=name).get("PendingDeploymentSummary", {})
        return (summary.get("ProductionVariants") or [{}])[0]

    return eventually(
        pending,
        lambda variant: (
            variant.get("VariantStatus", [{}])[0].get("Status") == status
            and active in (None, variant["CurrentInstanceCount"])
        ),
    )


def test_a_canary_that_fails_costs_no_more_than_its_share_and_is_rolled_back(
    server: SageMakerServer, create: Create
) -> None:
    create("trips", "blue-4")
    with Load(server, "trips") as load:
        load.wait_for(20)
        update(server, "trips", "failing-4", canary(LONG_S))
        variant = stage(server, "trips", "Baking")
        assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 4)
        assert variant["VariantStatus"][0]["StatusMessage"] == (
            "Baking for 3600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
        )
        before = load.total
        load.wait_for(80)
        alarm(server, "ALARM")
        endpoint = server.settled("trips")
        failed = load.failures.total()
        asked = load.total - before
        load.wait_for(20)
        assert load.failures.total() <= failed + 2  # Those that were counted late: one of each caller.
    assert load.failures.keys() == {'{"error": "a bad model"}'}
    # The requests between the shift and the first look at it belong to the canary, too: at most a quarter of all.
    assert 15 <= failed <= (asked + before) / 4 + 1
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-4")
    assert "canary capacity" in endpoint["FailureReason"]
    assert "[errors]" in endpoint["FailureReason"]
    assert "PendingDeploymentSummary" not in endpoint
    assert endpoint["LastDeploymentConfig"] == canary(LONG_S)


def test_a_canary_without_an_alarm_takes_over_and_fails_no_request(server: SageMakerServer, create: Create) -> None:
    create("passes", "blue-2")
    old = {server.invoke("passes")["pid"] for _ in range(10)}
    with Load(server, "passes") as load:
        update(server, "passes", "green-2", canary(1))
        endpoint = server.settled("passes")
        taken_over = load.answers["blue"]
        load.wait_for(20)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "green-2")
    assert "FailureReason" not in endpoint
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert not load.failures
    assert load.answers["blue"] <= taken_over + 2
    eventually(lambda: [pid for pid in old if alive(pid)], lambda left: not left)


def test_linear_steps_shift_more_and_more(server: SageMakerServer, create: Create) -> None:
    create("steps", "blue-2")
    step = {"Type": "CAPACITY_PERCENT", "Value": 50}
    with Load(server, "steps") as load:
        update(server, "steps", "green-2", shifting("LINEAR", 1, 1, LinearStepSize=step))
        assert "WaitIntervalInSeconds" in stage(server, "steps", "Baking", 1)["VariantStatus"][0]["StatusMessage"]
        message = stage(server, "steps", "Baking", 2)["VariantStatus"][0]["StatusMessage"]
        assert message.startswith("Baking for 1 seconds (TerminationWaitInSeconds) with traffic enabled on full ")
        assert server.settled("steps")["EndpointConfigName"] == "green-2"
    assert not load.failures


def test_an_alarm_after_everything_has_shifted_brings_the_old_fleet_back(
    server: SageMakerServer, create: Create
) -> None:
    create("late", "blue-1")
    update(server, "late", "green-1", shifting("ALL_AT_ONCE", termination_wait_s=LONG_S))
    stage(server, "late", "Baking", 1)
    assert {server.invoke("late")["tag"] for _ in range(5)} == {"green"}
    alarm(server, "ALARM")
    endpoint = server.settled("late")
    assert (endpoint["EndpointConfigName"], server.invoke("late")["tag"]) == ("blue-1", "blue")


def test_a_rolling_update_replaces_batch_by_batch(server: SageMakerServer, create: Create) -> None:
    create("rolls", "blue-2")
    with Load(server, "rolls") as load:
        update(server, "rolls", "green-2", rolling(1))
        stage(server, "rolls", "Baking", 1)
        stage(server, "rolls", "Baking", 2)
        current = server.sagemaker.describe_endpoint(EndpointName="rolls")["ProductionVariants"][0]
        assert (current["CurrentInstanceCount"], current["DesiredInstanceCount"]) == (1, 2)
        assert server.settled("rolls")["EndpointConfigName"] == "green-2"
        load.wait_for(10)
    assert not load.failures
    assert load.answers.keys() == {"blue", "green"}
    assert len({server.invoke("rolls")["pid"] for _ in range(20)}) == 2


def test_a_rolling_update_that_trips_brings_the_old_instances_back(server: SageMakerServer, create: Create) -> None:
    create("returns", "blue-2")
    with Load(server, "returns") as load:
        update(server, "returns", "green-2", rolling(2))
        stage(server, "returns", "Baking", 2)
        alarm(server, "ALARM")
        endpoint = server.settled("returns")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-2")
    assert "[errors]" in endpoint["FailureReason"]
    assert not load.failures
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert {server.invoke("returns")["tag"] for _ in range(10)} == {"blue"}


@pytest.mark.full
def test_where_the_rollback_fails_too_both_fleets_serve_until_the_next_update(
    server: SageMakerServer, create: Create
) -> None:
    create("stuck", "blue-2")
    crash = server.folder / "crash"
    update(server, "stuck", "green-2", rolling(2))
    stage(server, "stuck", "Baking", 2)
    crash.touch()
    alarm(server, "ALARM")
    endpoint = server.settled("stuck")
    crash.unlink()
    assert endpoint["EndpointStatus"] == "UpdateRollbackFailed"
    assert "The rollback failed, too" in endpoint["FailureReason"]
    server.invoke("stuck")
    alarm(server, "OK")
    update(server, "stuck", "green-2", shifting("ALL_AT_ONCE"))
    endpoint = server.settled("stuck")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "green-2")


def test_a_model_that_cannot_be_loaded_never_gets_a_request(server: SageMakerServer, create: Create) -> None:
    create("loads", "blue-2")
    with Load(server, "loads") as load:
        update(server, "loads", "broken-2", canary(LONG_S))
        endpoint = server.settled("loads")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-2")
    assert "the model cannot be loaded" in endpoint["FailureReason"]
    assert not load.failures
    assert load.answers.keys() == {"blue"}


def test_what_breaks_a_rule_is_refused_before_anything_starts(server: SageMakerServer, create: Create) -> None:
    create("refused", "blue-1")
    with pytest.raises(ClientError, match=r"ValidationException.*at most 50%.*1 of the 1 of variant main is 100%"):
        update(server, "refused", "green-1", canary(1))
    missing = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "nobody"}]}}
    with pytest.raises(ClientError, match=r"ValidationException.*\[nobody\].*do not exist"):
        update(server, "refused", "green-1", shifting("ALL_AT_ONCE") | missing)
    with pytest.raises(ClientError, match="less than or equal to 3600"):
        update(server, "refused", "green-2", canary(3601))
    server.config("renamed", {"VariantName": "other", "ModelName": "green"})
    with pytest.raises(ClientError, match="needs the same variant names"):
        update(server, "refused", "renamed", shifting("ALL_AT_ONCE"))
    endpoint = server.settled("refused")
    assert (endpoint["EndpointConfigName"], endpoint["EndpointStatus"]) == ("blue-1", "InService")
    assert "LastDeploymentConfig" not in endpoint


def test_a_kept_configuration_and_kept_properties_are_used_again(server: SageMakerServer, create: Create) -> None:
    policy = shifting("ALL_AT_ONCE", termination_wait_s=1)
    create("kept", "blue-1", DeploymentConfig=policy)
    assert server.sagemaker.describe_endpoint(EndpointName="kept")["LastDeploymentConfig"] == policy
    server.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="kept",
        DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredInstanceCount": 2, "DesiredWeight": 5}],
    )
    server.settled("kept")
    kept = {"RetainDeploymentConfig": True, "RetainAllVariantProperties": True}
    server.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="green-1", **kept)
    stage(server, "kept", "Baking", 2)
    endpoint = server.settled("kept")
    assert endpoint["LastDeploymentConfig"] == policy
    (variant,) = endpoint["ProductionVariants"]
    assert (variant["DesiredInstanceCount"], variant["DesiredWeight"], variant["CurrentWeight"]) == (2, 5, 5)
    server.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="blue-1")
    endpoint = server.settled("kept")
    assert "LastDeploymentConfig" not in endpoint
    (variant,) = endpoint["ProductionVariants"]
    assert (variant["DesiredInstanceCount"], variant["DesiredWeight"], variant["CurrentWeight"]) == (1, 1, 1)


def test_a_server_that_is_killed_while_a_canary_bakes_begins_the_update_anew(
    server: SageMakerServer, create: Create
) -> None:
    create("resumed", "blue-2")
    update(server, "resumed", "green-2", canary(LONG_S))
    stage(server, "resumed", "Baking")
    server.stop(signal.SIGKILL)
    server.start()
    assert server.invoke("resumed")["tag"] == "blue"
    stage(server, "resumed", "Baking", 1)
    assert {server.invoke("resumed")["tag"] for _ in range(4)} == {"blue", "green"}
    alarm(server, "ALARM")
    endpoint = server.settled("resumed")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-2")


@pytest.mark.full
def test_a_server_that_is_killed_while_it_rolls_back_ends_with_the_old_fleet(
    server: SageMakerServer, create: Create
) -> None:
    create("halfway", "blue-2")
    update(server, "halfway", "green-2", canary(LONG_S))
    stage(server, "halfway", "Baking")

    held = server.folder / "held"
    held.touch()

    def ask() -> None:
        with pytest.raises(Exception):  # noqa: B017 - the server is killed meanwhile
            server.invoke("halfway", f"hold {held}")

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    # The canary has two of the four requests: while it has one, it does not end, and the rollback is under way.
    eventually(lambda: (server.folder / "held.green").exists(), bool)
    alarm(server, "ALARM")
    going_back = eventually(
        lambda: server.sagemaker.describe_endpoint(EndpointName="halfway"),
        lambda endpoint: endpoint["EndpointStatus"] != "Updating",
    )
    assert (going_back["EndpointStatus"], going_back["EndpointConfigName"]) == ("RollingBack", "blue-2")
    server.stop(signal.SIGKILL)
    held.unlink()
    for asker in askers:
        asker.join()
    server.start()
    endpoint = server.settled("halfway")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-2")
    assert "[errors]" in endpoint["FailureReason"]
    assert "PendingDeploymentSummary" not in endpoint
    assert server.invoke("halfway")["tag"] == "blue"
    assert not list(Path(server.state, "sagemaker", "endpoints", "halfway", "2").glob("*"))


def watched(server: SageMakerServer, config: str, model: str, threshold: float) -> str:
    """A configuration of four instances with enhanced metrics, and an alarm on its own share of errors."""
    server.config(
        config,
        {"VariantName": "main", "ModelName": model, "InitialInstanceCount": 4},
        MetricsConfig=EACH_10_S,
    )
    dimensions = {"EndpointName": "judged", "VariantName": "main", "EndpointConfigName": config}
    server.client("cloudwatch").put_metric_alarm(
        AlarmName=config,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Average",
        Period=10,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    return config


@pytest.mark.full
def test_metrics_alone_roll_half_failing_back_and_let_one_in_a_hundred_pass(
    server: SageMakerServer, create: Create
) -> None:
    server.model("half", TAG="half", FAIL_EVERY="2")
    server.model("hundredth", TAG="hundredth", FAIL_EVERY="100")
    create("judged", "blue-4")
    with Load(server, "judged") as load:
        alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": watched(server, "half-4", "half", 0.05)}]}}
        update(server, "judged", "half-4", canary(LONG_S) | alarms)
        endpoint = server.settled("judged")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-4")
    assert "[half-4]" in endpoint["FailureReason"]
    assert 0 < load.failures.total() <= load.total / 8 + 1
    with Load(server, "judged") as load:
        alarms["AutoRollbackConfiguration"]["Alarms"][0]["AlarmName"] = watched(server, "100th-4", "hundredth", 0.05)
        update(server, "judged", "100th-4", canary(25) | alarms)
        endpoint = server.settled("judged")
        eventually(load.failures.total, bool)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "100th-4")


def guarded(server: SageMakerServer, endpoint: str, model: str, rollback_on: dict[str, Any]) -> dict[str, Any]:
    """A canary of the configuration MODEL-4, made here, with the alarm that `ml deploy` makes of `rollback_on`."""
    variant = {"VariantName": "main", "ModelName": model, "InitialInstanceCount": 4}
    config = server.config(f"{model}-4", variant, MetricsConfig=EACH_10_S)
    (made,) = requests(
        RollbackOn.model_validate({"periods": 1, **rollback_on}),
        Guarded(endpoint=endpoint, variant="main", config=config),
    )
    server.client("cloudwatch").put_metric_alarm(**made)
    return canary(LONG_S) | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": made["AlarmName"]}]}}


@pytest.mark.full
def test_metrics_alone_roll_a_model_back_that_fails_once_in_a_hundred_requests(
    server: SageMakerServer, create: Create
) -> None:
    server.model("rarely", TAG="rarely", FAIL_EVERY="100")
    create("rare", "blue-4")
    deployment = guarded(server, "rare", "rarely", {"errors_percent": 0.5})
    with Load(server, "rare", callers=4) as load:
        update(server, "rare", "rarely-4", deployment)
        endpoint = server.settled("rare")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-4")
    assert "[rare/errors]" in endpoint["FailureReason"]
    assert 0 < load.failures.total() <= load.total / 4 / 100 + 1


@pytest.mark.full
def test_a_model_that_leaks_is_rolled_back_by_its_memory_before_it_dies(
    server: SageMakerServer, create: Create
) -> None:
    server.model("leaking", TAG="leaking", LEAK_MB="8", MEMORY_MB="4096")
    create("filling", "blue-4")
    memory = {
        "name": "MemoryUtilization",
        "namespace": "/aws/sagemaker/Endpoints",
        "statistic": "Maximum",
        "above": 100 * (512 << 20) / psutil.virtual_memory().total,
        "dimensions": {"EndpointName": "{endpoint}", "VariantName": "{variant}"},
    }
    update(server, "filling", "leaking-4", guarded(server, "filling", "leaking", {"metrics": [memory]}))
    with Load(server, "filling") as load:
        eventually(lambda: load.answers["leaking"], lambda answers: answers >= 100)  # of 8 MiB each
    endpoint = server.settled("filling")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-4")
    assert "[filling/metric/MemoryUtilization]" in endpoint["FailureReason"]
    assert load.failures.total() == 0


@pytest.mark.full
def test_metrics_alone_roll_a_slow_model_back_by_the_p99_that_ml_deploy_watches(
    server: SageMakerServer, create: Create
) -> None:
    server.model("slow", TAG="slow", SLOW="0.5")
    create("slowed", "blue-4")
    deployment = guarded(server, "slowed", "slow", {"p99_ms": 400, "periods": 2})
    with Load(server, "slowed") as load:
        load.wait_for(20)
        update(server, "slowed", "slow-4", deployment)
        endpoint = server.settled("slowed")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "blue-4")
    assert "[slowed/p99]" in endpoint["FailureReason"]
    assert load.failures.total() == 0
    assert 0 < load.answers["slow"] <= load.total / 4 + 1
