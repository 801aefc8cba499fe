"""Rollouts: the service's rules with their arithmetic, alarms, what is kept of a running endpoint, the comparison."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from ml.commands.deploying import Wanted, finish
from ml.commands.endpoint_status import status_if_there
from ml.commands.output import Format
from ml.errors import ExitCode, MlError
from ml.spec.model import Deployment as DeploymentSpec
from ml.spec.model import EndpointInstance
from ml.spec.rollout import RollbackOn, Rollout
from ml.spec.rollout_rules import Change, problems
from ml.targets.sagemaker import alarms, endpoints
from ml.targets.sagemaker.alarms import Guarded
from ml.targets.sagemaker.rollout import deployment_config
from tests.unit.memory_images import MemoryLogs, MemoryRegistry
from tests.unit.memory_s3 import environment as environment_of
from tests.unit.memory_scaling import MemoryScaling
from tests.unit.ml_contract import contract
from tests.unit.test_ml_endpoints import Records, target

pytestmark = pytest.mark.unit

NAME = "research-trial"
ERRORS = RollbackOn.model_validate({"errors_percent": 1, "p99_ms": 200})


def rollout(**fields: Any) -> Rollout:
    return Rollout.model_validate(fields)


class MemoryAlarms:
    """CloudWatch's alarms by name, in the state that a test gives them."""

    def __init__(self) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []

    def put_metric_alarm(self, **call: Any) -> None:
        self.calls.append(f"put {call['AlarmName']}")
        self.alarms[call["AlarmName"]] = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "new", **call}

    def delete_alarms(self, AlarmNames: list[str]) -> None:  # noqa: N803
        for name in AlarmNames:
            self.calls.append(f"delete {name}")
            del self.alarms[name]

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_alarms"
        return self

    def paginate(self, *, AlarmNamePrefix: str, AlarmTypes: list[str]) -> Any:  # noqa: N803
        found = [one for name, one in sorted(self.alarms.items()) if name.startswith(AlarmNamePrefix)]
        return [{"MetricAlarms": found, "AlarmTypes": AlarmTypes}]


class Fleet(Records):
    """Endpoints with variants; an update is taken over at once, or taken back where `rings` names an alarm."""

    def __init__(self, cloudwatch: MemoryAlarms) -> None:
        super().__init__()
        self.cloudwatch = cloudwatch
        self.scaling = MemoryScaling()
        self.rings: str | None = None
        self.updates: list[dict[str, Any]] = []
        self.looks = 0

    def create_endpoint(self, **call: Any) -> None:
        super().create_endpoint(**call)
        self._take_over(call["EndpointName"], {})

    def update_endpoint(self, **call: Any) -> None:
        self.calls.append("update_endpoint")
        self.updates.append(call)
        endpoint = self.endpoints[call["EndpointName"]]
        if self.rings:
            ringing = {"StateValue": "ALARM", "StateReason": "Threshold Crossed: 50 > 1"}
            self.cloudwatch.alarms[self.rings] |= ringing
            endpoint["EndpointStatus"] = "RollingBack"
            self.looks = 2
            return
        before = {one["VariantName"]: one for one in endpoint["ProductionVariants"]}
        endpoint["EndpointConfigName"] = call["EndpointConfigName"]
        kept = before if call.get("RetainAllVariantProperties") else {}
        excluded = {one["VariantPropertyType"] for one in call.get("ExcludeRetainedVariantProperties", ())}
        self._take_over(call["EndpointName"], kept, excluded)

    def update_endpoint_weights_and_capacities(self, **call: Any) -> None:
        self.calls.append("update_endpoint_weights_and_capacities")
        for change in call["DesiredWeightsAndCapacities"]:
            self._run(call["EndpointName"], change["VariantName"], change["DesiredInstanceCount"])

    def _run(self, endpoint: str, variant: str, count: int) -> None:
        for one in self.endpoints[endpoint]["ProductionVariants"]:
            if one["VariantName"] == variant:
                one["DesiredInstanceCount"] = count

    def _take_over(self, name: str, kept: dict[str, Any], excluded: set[str] | None = None) -> None:
        config = self.configs[self.endpoints[name]["EndpointConfigName"]]
        shown: list[dict[str, Any]] = []
        for one in config["ProductionVariants"]:
            was = kept.get(one["VariantName"], {})
            count, weight = one["InitialInstanceCount"], one["InitialVariantWeight"]
            if was and "DesiredInstanceCount" not in (excluded or ()):
                count = was["DesiredInstanceCount"]
            if was and "DesiredWeight" not in (excluded or ()):
                weight = was["DesiredWeight"]
            shown.append({"VariantName": one["VariantName"], "DesiredInstanceCount": count, "DesiredWeight": weight})
        self.endpoints[name]["ProductionVariants"] = shown

    def describe_endpoint(self, **call: Any) -> Any:
        answer = super().describe_endpoint(**call)
        if answer["EndpointStatus"] == "RollingBack":
            self.looks -= 1
            if self.looks < 0:
                # The requests are back on the old machines: the alarm has nothing left to look at.
                answer["EndpointStatus"] = "InService"
                for one in self.cloudwatch.alarms.values():
                    one |= {"StateValue": "OK", "StateReason": "no data"}
        return {**answer}


@pytest.fixture
def cloudwatch() -> MemoryAlarms:
    return MemoryAlarms()


@pytest.fixture
def fleet(cloudwatch: MemoryAlarms) -> Fleet:
    return Fleet(cloudwatch)


def environment(fleet: Fleet) -> Any:
    services = {
        "sagemaker": fleet,
        "ecr": MemoryRegistry(),
        "logs": MemoryLogs(),
        "cloudwatch": fleet.cloudwatch,
        "application-autoscaling": fleet.scaling,
    }
    return environment_of(services)


def finished(fleet: Fleet, made: Any, asked: Any) -> ExitCode:
    wanted = Wanted(team="research", endpoint=NAME, job=made.job, variant=made.variant)
    return finish(environment(fleet), contract(), wanted, asked, Format.TEXT, wait=True)


def instances(count: int) -> EndpointInstance:
    return EndpointInstance.model_validate({"count": count})


@pytest.mark.parametrize(
    ("fields", "count", "said"),
    [
        ({"strategy": "canary"}, 1, "1 instance: the smallest canary is 1 of 1, 100 %, and at most 50 % is allowed"),
        ({"strategy": "canary"}, 2, ""),
        (
            {"strategy": "canary", "size": 2},
            3,
            "3 instances: a canary of 2 is 2/3 = 66.6667 %, at most 50 % is allowed",
        ),
        ({"strategy": "canary", "size": "60%"}, 4, "4 instances: a canary of 60%, at most 50 % is allowed: size 2"),
        (
            {"strategy": "linear", "size": 1},
            12,
            "a linear step of 1 is 1/12 = 8.33333 %, at least 10 % is needed: size 2",
        ),
        ({"strategy": "linear"}, 12, ""),
        (
            {"strategy": "rolling", "size": 1},
            40,
            "a rolling batch of 1 is 1/40 = 2.5 %, at least 5 % is needed: size 2",
        ),
        ({"strategy": "rolling", "size": "50%"}, 2, ""),
        (
            {"strategy": "canary", "wait": "10s"},
            2,
            "wait is 10 s, and an alarm needs 2 × 10 s = 20 s to see anything; set wait to 20s or more",
        ),
        (
            {"strategy": "linear", "size": "10%", "wait": "1h", "bake": "5m"},
            10,
            "10 steps × 3600 s of wait + 300 s of bake = 36300 s, and the longest that SageMaker takes is 28800 s",
        ),
        (
            {"strategy": "canary", "wait": "5m", "timeout": "10m"},
            4,
            "2 steps × 300 s of wait + 0 s of bake = 600 s, and timeout is 600 s",
        ),
    ],
)
def test_a_rule_that_the_service_has_is_told_with_its_arithmetic(fields: Any, count: int, said: str) -> None:
    found = "\n".join(problems(rollout(**fields), ERRORS, Change(counts={"main": count}, types=["ml.m5.large"])))
    assert said in found
    assert bool(said) == bool(found)


def test_what_guardrails_leave_out_is_told() -> None:
    canary = rollout(strategy="canary")
    change = Change(counts={"main": 2}, types=["ml.inf1.xlarge"], same_names=False, names="the endpoint has main, ...")
    found = "\n".join(problems(canary, ERRORS, change))
    assert "needs the same variants before and after" in found
    assert "ml.inf1.xlarge takes no deployment guardrails" in found
    two = Change(counts={"main": 2, "challenger": 2}, types=["ml.m5.large"])
    assert (
        "has 2 variants (challenger, main), and rolling takes one"
        in problems(rollout(strategy="rolling"), ERRORS, two)[0]
    )
    assert "rollback_on names no alarm" in problems(canary, None, Change(counts={"main": 2}, types=[]))[0]
    assert "all-at-once has no time" in problems(rollout(), ERRORS, Change(counts={"main": 2}, types=[]))[0]


def test_a_spec_is_refused_before_anything_is_asked() -> None:
    fields = {"endpoint": "trial", "rollout": "canary", "rollback_on": {"errors_percent": 1}}
    with pytest.raises(ValidationError, match=r"set instance.count to 2 or more"):
        DeploymentSpec.model_validate(fields)
    spec = DeploymentSpec.model_validate({**fields, "instance": {"count": 2}})
    assert spec.rollout.wait_s == 300
    with pytest.raises(ValidationError, match="weight is of a challenger"):
        DeploymentSpec.model_validate({"endpoint": "trial", "weight": 10})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"strategy": "all-at-once", "bake": "5m"}, "blue-green is all-at-once with bake"),
        ({"strategy": "blue-green", "size": 2}, "size is of canary, linear and rolling"),
        ({"strategy": "canary", "wait": "2h"}, "less than or equal to 3600"),
        ({"strategy": "carnary"}, "'all-at-once', 'blue-green', 'canary'"),
    ],
)
def test_a_rollout_that_makes_no_sense_says_what_does(fields: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        rollout(**fields)


def test_a_rollout_becomes_what_update_endpoint_takes() -> None:
    canary = deployment_config(rollout(strategy="canary", wait="1m", bake="2m"), 4, ["a"])
    assert canary == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 60,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            },
            "TerminationWaitInSeconds": 120,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]},
    }
    linear = deployment_config(rollout(strategy="linear", size="25%"), 4, [])["BlueGreenUpdatePolicy"]
    assert linear["TrafficRoutingConfiguration"]["LinearStepSize"] == {"Type": "CAPACITY_PERCENT", "Value": 25}
    blue_green = deployment_config(rollout(strategy="blue-green"), 1, [])["BlueGreenUpdatePolicy"]
    assert blue_green["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert blue_green["TerminationWaitInSeconds"] == 600
    rolling = deployment_config(rollout(strategy="rolling", timeout="1h"), 40, [])["RollingUpdatePolicy"]
    assert rolling["MaximumBatchSize"] == {"Type": "INSTANCE_COUNT", "Value": 2}
    assert rolling["MaximumExecutionTimeoutInSeconds"] == 3600
    assert deployment_config(rollout(), 2, []) == {}


def test_alarms_look_at_the_new_machines_alone_and_percent_of_errors_is_arithmetic() -> None:
    wanted = {
        "p99_ms": 200,
        "errors_percent": 2,
        "metrics": [
            {"name": "gap", "namespace": "groundwork/research", "below": 0.5, "dimensions": {"Endpoint": "{endpoint}"}}
        ],
    }
    guarded = Guarded(endpoint=NAME, variant="main", config="c-1")
    p99, errors, gap = alarms.requests(RollbackOn.model_validate(wanted), guarded)
    assert [one["AlarmName"] for one in (p99, errors, gap)] == [
        f"{NAME}/{word}" for word in ("p99", "errors", "metric/gap")
    ]
    assert (p99["ExtendedStatistic"], p99["Threshold"], p99["Period"]) == ("p99", 200_000, 10)
    assert {"Name": "EndpointConfigName", "Value": "c-1"} in p99["Dimensions"]
    (watched,) = [one for one in errors["Metrics"] if one["ReturnData"]]
    assert watched["Expression"] == "100 * errors / requests"
    assert {one["MetricStat"]["Metric"]["MetricName"] for one in errors["Metrics"] if "MetricStat" in one} == {
        "Invocation5XXErrors",
        "Invocations",
    }
    assert (gap["ComparisonOperator"], gap["Threshold"]) == ("LessThanThreshold", 0.5)
    assert gap["Dimensions"] == [{"Name": "Endpoint", "Value": NAME}]


def test_an_update_has_its_alarms_made_anew_before_it_and_ten_second_metrics(
    fleet: Fleet, cloudwatch: MemoryAlarms
) -> None:
    guarded = {"instance": instances(2), "rollout": rollout(strategy="canary"), "rollback_on": ERRORS}
    endpoints.deploy(environment(fleet), contract(), target(**guarded))
    assert not cloudwatch.calls
    asked = endpoints.deploy(environment(fleet), contract(), target(job="research-trial-2", **guarded))
    assert asked.alarms == (f"{NAME}/p99", f"{NAME}/errors")
    (update,) = fleet.updates
    assert update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == [
        {"AlarmName": name} for name in asked.alarms
    ]
    enhanced = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
    assert fleet.configs[update["EndpointConfigName"]]["MetricsConfig"] == enhanced
    endpoints.deploy(environment(fleet), contract(), target(job="research-trial-3", **guarded))
    assert cloudwatch.calls[2:] == [
        *(f"delete {name}" for name in sorted(asked.alarms, reverse=False)),
        *(f"put {name}" for name in asked.alarms),
    ]


def test_machines_that_an_autoscaler_set_stay_and_those_that_the_spec_changes_do_not(fleet: Fleet) -> None:
    endpoints.deploy(environment(fleet), contract(), target(instance=instances(2)))
    fleet._run(NAME, "main", 5)  # pyright: ignore[reportPrivateUsage]
    asked = endpoints.deploy(environment(fleet), contract(), target(instance=instances(2), job="research-trial-2"))
    assert fleet.updates[-1]["RetainAllVariantProperties"] is True
    assert [one.count for one in asked.desired.variants] == [5]
    assert endpoints.compare(fleet, asked.desired) == []
    asked = endpoints.deploy(environment(fleet), contract(), target(instance=instances(3), job="research-trial-2"))
    excluded = [one["VariantPropertyType"] for one in fleet.updates[-1]["ExcludeRetainedVariantProperties"]]
    assert excluded == ["DesiredInstanceCount"]
    assert [one.count for one in asked.desired.variants] == [3]


def test_machines_that_were_reset_are_a_difference(fleet: Fleet) -> None:
    endpoints.deploy(environment(fleet), contract(), target(instance=instances(2)))
    fleet._run(NAME, "main", 5)  # pyright: ignore[reportPrivateUsage]
    asked = endpoints.deploy(environment(fleet), contract(), target(instance=instances(2), job="research-trial-2"))
    fleet._run(NAME, "main", 2)  # pyright: ignore[reportPrivateUsage]
    (found,) = endpoints.compare(fleet, asked.desired)
    assert (found.what, found.wanted, found.actual) == ("main: instances", "5", "2")
    fleet._run(NAME, "main", 4)  # pyright: ignore[reportPrivateUsage]
    assert endpoints.compare(fleet, asked.desired) == []


def test_a_challenger_comes_beside_main_with_its_share(fleet: Fleet) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    fleet._run(NAME, "main", 3)  # pyright: ignore[reportPrivateUsage]
    asked = endpoints.deploy(
        environment(fleet), contract(), target(job="research-trial-2", variant="challenger", weight=10)
    )
    config = fleet.configs[asked.desired.config]
    shown = [
        (one["VariantName"], one["InitialVariantWeight"], one["InitialInstanceCount"])
        for one in config["ProductionVariants"]
    ]
    assert shown == [("main", 90, 3), ("challenger", 10, 1)]
    assert endpoints.compare(fleet, asked.desired) == []
    later = endpoints.deploy(environment(fleet), contract(), target(job="research-trial-3"))
    assert later.dropped == ("challenger",)


def test_a_shadow_gets_copies_and_no_challenger_beside_it(fleet: Fleet) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    asked = endpoints.deploy(environment(fleet), contract(), target(job="research-trial-2", variant="shadow"))
    config = fleet.configs[asked.desired.config]
    assert [one["VariantName"] for one in config["ShadowProductionVariants"]] == ["shadow"]
    assert [one["VariantName"] for one in config["ProductionVariants"]] == ["main"]
    endpoints.deploy(environment(fleet), contract(), target(job="research-trial-3", variant="challenger", weight=5))
    with pytest.raises(MlError, match="one production variant and one shadow"):
        endpoints.deploy(environment(fleet), contract(), target(job="research-trial-2", variant="shadow"))


def test_a_challenger_needs_a_main_and_a_share_and_no_rollout_in_steps(fleet: Fleet) -> None:
    challenger = {"job": "research-trial-2", "variant": "challenger"}
    with pytest.raises(MlError, match="deploy main first"):
        endpoints.deploy(environment(fleet), contract(), target(**challenger, weight=10))
    endpoints.deploy(environment(fleet), contract(), target(instance=instances(2)))
    with pytest.raises(MlError, match="--weight 10"):
        endpoints.deploy(environment(fleet), contract(), target(**challenger))
    steps = {"rollout": rollout(strategy="canary"), "rollback_on": ERRORS, "instance": instances(2)}
    said = "the endpoint has main, and would have challenger and main; a rollout in steps"
    with pytest.raises(MlError, match=said):
        endpoints.deploy(environment(fleet), contract(), target(**challenger, **steps, weight=10))


def test_another_share_of_the_same_challenger_moves_weights_alone(fleet: Fleet) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    challenger = {"job": "research-trial-2", "variant": "challenger", "weight": 10.0}
    endpoints.deploy(environment(fleet), contract(), target(**challenger))
    fleet.endpoints[NAME]["ProductionVariants"][1]["DesiredWeight"] = 50.0
    fleet.calls.clear()
    assert endpoints.deploy(environment(fleet), contract(), target(**challenger)).changed
    assert fleet.calls == ["update_endpoint_weights_and_capacities"]


def test_a_version_that_an_alarm_takes_back_ends_with_its_own_code_and_names_the_alarm(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded = {"instance": instances(2), "rollout": rollout(strategy="canary"), "rollback_on": ERRORS}
    endpoints.deploy(environment(fleet), contract(), target(**guarded))
    fleet.rings = f"{NAME}/errors"
    bad = target(job="research-bad-20261121-101500-00ff", **guarded)
    asked = endpoints.deploy(environment(fleet), contract(), bad)
    code = finished(fleet, bad, asked)
    assert code is ExitCode.ROLLED_BACK == 9
    said = capsys.readouterr().out
    assert f"was taken back by the alarm {NAME}/errors: Threshold Crossed: 50 > 1" in said
    assert "with what it served before: research-trial-20261121-101500-00ff" in said
    assert "configuration" in said


def test_a_version_that_is_taken_back_without_a_word_is_no_success(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    first = fleet.endpoints[NAME]["EndpointConfigName"]
    second = target(job="research-trial-2")
    asked = endpoints.deploy(environment(fleet), contract(), second)
    fleet.endpoints[NAME]["EndpointConfigName"] = first
    code = finished(fleet, second, asked)
    assert code is ExitCode.JOB_FAILED
    assert "It is not as it was to be:" in capsys.readouterr().out


def test_the_status_shows_variants_how_far_a_rollout_is_and_the_alarms(
    fleet: Fleet, cloudwatch: MemoryAlarms, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    challenger = target(job="research-trial-2", variant="challenger", weight=10.0)
    endpoints.deploy(environment(fleet), contract(), challenger)
    for one in fleet.endpoints[NAME]["ProductionVariants"]:
        one |= {"CurrentWeight": one["DesiredWeight"], "CurrentInstanceCount": 1}
    baking = {"Status": "Baking", "StatusMessage": "Baking for 300 seconds"}
    arriving = {"VariantName": "main", "CurrentInstanceCount": 1, "DesiredInstanceCount": 4, "VariantStatus": [baking]}
    fleet.endpoints[NAME] |= {
        "EndpointStatus": "Updating",
        "PendingDeploymentSummary": {"EndpointConfigName": "new", "ProductionVariants": [arriving]},
    }
    cloudwatch.put_metric_alarm(AlarmName=f"{NAME}/errors")
    assert status_if_there(environment(fleet), NAME, Format.TEXT) is ExitCode.IN_PROGRESS
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "main serving 90 % 1" in said
    assert "challenger serving 10 % 1" in said
    assert "main arriving 1 of 4 Baking for 300 seconds" in said
    assert f"{NAME}/errors INSUFFICIENT_DATA new" in said


def test_an_endpoint_that_goes_takes_its_alarms_along_and_no_others(fleet: Fleet, cloudwatch: MemoryAlarms) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    for name in (f"{NAME}/errors", f"{NAME}-two/errors", "research-own"):
        cloudwatch.put_metric_alarm(AlarmName=name)
    endpoints.delete(environment(fleet), contract(), "research", NAME, wait=False)
    assert set(cloudwatch.alarms) == {f"{NAME}-two/errors", "research-own"}


def test_an_endpoint_goes_where_alarms_and_scaling_may_not_be_looked_at(fleet: Fleet, cloudwatch: MemoryAlarms) -> None:
    endpoints.deploy(environment(fleet), contract(), target())
    error = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}

    def denied(**_: Any) -> Any:
        raise ClientError(error, "Describe")

    cloudwatch.paginate = denied  # type: ignore[method-assign]
    fleet.scaling.describe_scalable_targets = denied  # type: ignore[method-assign]
    endpoints.delete(environment(fleet), contract(), "research", NAME, wait=False)
    assert NAME not in fleet.endpoints
