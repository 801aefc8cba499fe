"""The rules of a DeploymentConfig, and the steps that come out of it."""

from typing import Any

import pytest

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.endpoint_record import Deployment
from local.aws_server.sagemaker.rollout_policy import check_update, policy_of
from local.aws_server.sagemaker.traffic import Deck

pytestmark = pytest.mark.unit


def deployment(**counts: int) -> Deployment:
    return Deployment(
        config={"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": name} for name in counts]},
        containers={},
        weights=dict.fromkeys(counts, 1.0),
        counts=dict(counts),
        folder="",
    )


def shifting(kind: str, **members: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 30, **members}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}}


def rolling(**size: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 5}}


def steps(config: dict[str, Any], **counts: int) -> list[tuple[dict[str, int], int]]:
    return [(dict(step.active), step.bake_s) for step in policy_of(config, deployment(**counts)).steps]


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def test_without_a_configuration_everything_shifts_at_once_and_nothing_bakes() -> None:
    assert steps({}, main=3) == [({"main": 3}, 0)]


def test_a_canary_is_one_step_before_the_whole() -> None:
    assert steps(shifting("CANARY", CanarySize=percent(30)), main=10) == [({"main": 3}, 30), ({"main": 10}, 60)]
    assert steps(shifting("CANARY", CanarySize=percent(10)), main=3) == [({"main": 1}, 30), ({"main": 3}, 60)]


def test_linear_steps_end_with_the_whole() -> None:
    found = steps(shifting("LINEAR", LinearStepSize=instances(2)), main=5)
    assert found == [({"main": 2}, 30), ({"main": 4}, 30), ({"main": 5}, 60)]


def test_each_rolling_batch_bakes() -> None:
    assert steps(rolling(**percent(50)), main=4) == [({"main": 2}, 5), ({"main": 4}, 5)]


@pytest.mark.parametrize(
    ("config", "counts", "message"),
    [
        (shifting("CANARY", CanarySize=instances(1)), {"main": 1}, "1 of the 1 of variant main is 100%"),
        (shifting("CANARY", CanarySize=instances(3)), {"main": 5}, "at most 50%.*3 of the 5 of variant main is 60%"),
        (shifting("CANARY", CanarySize=percent(51)), {"main": 9}, "not 51%"),
        (shifting("CANARY"), {"main": 9}, "CanarySize must be specified"),
        (shifting("LINEAR", CanarySize=percent(20)), {"main": 9}, "CanarySize can only be specified"),
        (shifting("LINEAR", LinearStepSize=instances(1)), {"main": 11}, "10-50%.*1 of the 11 of variant main is 9%"),
        (rolling(**percent(4)), {"main": 30}, "5-50%"),
        (rolling(**instances(1)), {"main": 1}, "100%"),
        (shifting("ALL_AT_ONCE") | rolling(**instances(1)), {"main": 4}, "Only one of"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_arithmetic(
    config: dict[str, Any], counts: dict[str, int], message: str
) -> None:
    with pytest.raises(ServiceError, match=message) as error:
        policy_of(config, deployment(**counts))
    assert error.value.code == "ValidationException"


def test_a_timeout_that_the_waiting_uses_up_is_refused() -> None:
    config = shifting("LINEAR", LinearStepSize=percent(10), WaitIntervalInSeconds=100)
    config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 900
    with pytest.raises(ServiceError, match=r"\(900\) must be larger than .* = 960 seconds"):
        policy_of(config, deployment(main=10))


def test_guardrails_need_the_same_variants_and_a_rolling_deployment_just_one() -> None:
    canary = shifting("CANARY", CanarySize=percent(50))
    with pytest.raises(ServiceError, match=r"same variant names .*\(other\) as in the old one \(main\)"):
        check_update(canary, deployment(main=2), deployment(other=2))
    with pytest.raises(ServiceError, match="2 production variants"):
        check_update(rolling(**percent(50)), deployment(a=2, b=2), deployment(a=2, b=2))
    check_update(canary, deployment(a=2, b=2), deployment(a=2, b=2))
    check_update({}, deployment(main=1), deployment(other=1))


def test_a_share_of_requests_is_never_exceeded() -> None:
    deck = Deck(3, 10)
    drawn = [deck.draw() for _ in range(1000)]
    assert all(sum(drawn[:count]) <= 3 * (count // 10 + 1) for count in range(1, 1000))
    assert sum(drawn) == 300
