"""A rollout as UpdateEndpoint takes it
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html)."""

from collections.abc import Sequence
from typing import Any

from ml.spec.rollout import Rollout, Strategy
from ml.spec.rollout_rules import size_of


def deployment_config(rollout: Rollout, count: int, alarms: Sequence[str]) -> dict[str, Any]:
    """The DeploymentConfig of UpdateEndpoint; empty for all at once, which is SageMaker's own way.

    count: machines of the smallest production variant, which a size in machines must fit.
    """
    if not rollout.guarded:
        return {}
    timeout = {"MaximumExecutionTimeoutInSeconds": rollout.timeout} if rollout.timeout else {}
    policy: dict[str, Any]
    if rollout.strategy is Strategy.ROLLING:
        batch = size_of(rollout, count)
        policy = {
            "RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": rollout.wait_s, **timeout}
        }
    else:
        kind = "ALL_AT_ONCE" if rollout.strategy is Strategy.BLUE_GREEN else rollout.strategy.name
        routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": rollout.wait_s}
        member = {Strategy.CANARY: "CanarySize", Strategy.LINEAR: "LinearStepSize"}.get(rollout.strategy)
        if member:
            routing[member] = size_of(rollout, count)
        policy = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": rollout.bake_s,
                **timeout,
            }
        }
    rollback = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}} if alarms else {}
    return {**policy, **rollback}
