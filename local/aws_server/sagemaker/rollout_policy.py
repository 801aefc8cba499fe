"""How an update is rolled out: a DeploymentConfig, checked and put into steps.

Rules and their sources: a canary is at most 50 %, a linear step 10 to 50 %, a rolling batch 5 to 50 % of a variant's
instances (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html and
API_RollingUpdatePolicy.html); variant names stay, and a rolling deployment has one variant, which is not serverless
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html). AWS documents the rules and not
the wording of its refusals: the messages are this server's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.endpoint_record import Deployment

DEFAULT_TIMEOUT_S = 28800
"""The longest time that MaximumExecutionTimeoutInSeconds can say; AWS does not document the default."""


@dataclass(frozen=True)
class Step:
    """active: instances of the new fleet that take requests, by variant. bake_s: seconds in which alarms can stop it.

    kind: `canary`, `linear`, `batch` or `full`; member: the member of the DeploymentConfig that bake_s comes from.
    """

    active: Mapping[str, int]
    bake_s: int
    kind: str
    member: str


@dataclass(frozen=True, kw_only=True)
class RolloutPolicy:
    """steps: in order; the last one has every instance of the new fleet.

    rolling: the old fleet shrinks with each step. alarms: names. rollback_batch: instances by variant that a rolling
    deployment brings back at a time; None: all at once.
    """

    steps: tuple[Step, ...]
    rolling: bool = False
    alarms: tuple[str, ...] = ()
    timeout_s: int = DEFAULT_TIMEOUT_S
    rollback_batch: Mapping[str, int] | None = None


def policy_of(config: Mapping[str, Any], new: Deployment) -> RolloutPolicy:
    """The steps of a configuration for a deployment. Raises ValidationException where they break a rule."""
    counts = {name: new.counts[name] for name in new.production}
    alarms = tuple(
        each["AlarmName"]
        for each in (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
        if "AlarmName" in each
    )
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise _refusal("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified.")
    if rolling:
        return _rolling(rolling, counts, alarms)
    return _blue_green(blue_green or {}, counts, alarms)


def check_update(config: Mapping[str, Any], old: Deployment, new: Deployment) -> None:
    """Raises ValidationException where an endpoint cannot be updated with a deployment configuration."""
    if not config:
        return
    if set(old.production) != set(new.production):
        raise _refusal(
            "An update with a DeploymentConfig needs the same variant names in the new endpoint configuration "
            f"({', '.join(sorted(new.production))}) as in the old one ({', '.join(sorted(old.production))})."
        )
    policy = policy_of(config, new)
    serverless = [name for name in new.production if "ServerlessConfig" in new.variant(name)]
    if serverless and (policy.rolling or len(policy.steps) > 1):
        raise _refusal(
            f"Variant {serverless[0]} is serverless: only blue/green with ALL_AT_ONCE traffic routing is possible."
        )
    if policy.rolling and len(new.production) > 1:
        raise _refusal(
            f"A rolling deployment is not possible for an endpoint of {len(new.production)} production variants."
        )


def _blue_green(policy: Mapping[str, Any], counts: Mapping[str, int], alarms: tuple[str, ...]) -> RolloutPolicy:
    routing: Mapping[str, Any] = policy.get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE"}
    kind, wait = routing["Type"], int(routing.get("WaitIntervalInSeconds", 0))
    termination_wait = int(policy.get("TerminationWaitInSeconds") or 0)
    for other, member in (("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")):
        if (kind == other) != (member in routing):
            raise _refusal(
                f"{member} {'must' if kind == other else 'can only'} be specified for traffic routing of type {other}."
            )
    steps: list[Step] = []
    if kind == "CANARY":
        sizes = _sizes("CanarySize", routing["CanarySize"], counts, least=0, most=50)
        steps.append(Step(sizes, wait, "canary", "WaitIntervalInSeconds"))
    elif kind == "LINEAR":
        sizes = _sizes("LinearStepSize", routing["LinearStepSize"], counts, least=10, most=50)
        steps += [Step(active, wait, "linear", "WaitIntervalInSeconds") for active in _growing(sizes, counts)[:-1]]
    steps.append(Step(dict(counts), termination_wait, "full", "TerminationWaitInSeconds"))
    return RolloutPolicy(steps=tuple(steps), alarms=alarms, timeout_s=_timeout(policy, steps))


def _rolling(policy: Mapping[str, Any], counts: Mapping[str, int], alarms: tuple[str, ...]) -> RolloutPolicy:
    sizes = _sizes("MaximumBatchSize", policy["MaximumBatchSize"], counts, least=5, most=50)
    wait = int(policy["WaitIntervalInSeconds"])
    steps = [Step(active, wait, "batch", "WaitIntervalInSeconds") for active in _growing(sizes, counts)]
    back = policy.get("RollbackMaximumBatchSize")
    batch = {name: _instances(back, count) for name, count in counts.items()} if back else None
    if batch is not None and all(batch[name] >= count for name, count in counts.items()):
        batch = None
    return RolloutPolicy(
        steps=tuple(steps), rolling=True, alarms=alarms, timeout_s=_timeout(policy, steps), rollback_batch=batch
    )


def _timeout(policy: Mapping[str, Any], steps: list[Step]) -> int:
    timeout = policy.get("MaximumExecutionTimeoutInSeconds")
    waiting = sum(step.bake_s for step in steps)
    if timeout is not None and timeout <= waiting:
        # "the timeout value should be larger than the total waiting time": API_BlueGreenUpdatePolicy.html
        raise _refusal(
            f"MaximumExecutionTimeoutInSeconds ({timeout}) must be larger than the total waiting time of the "
            f"deployment ({' + '.join(str(step.bake_s) for step in steps)} = {waiting} seconds)."
        )
    return DEFAULT_TIMEOUT_S if timeout is None else int(timeout)


def _instances(size: Mapping[str, Any], count: int) -> int:
    """A CapacitySize as instances: a percentage is rounded down, to one at least."""
    value = int(size["Value"])
    return value if size["Type"] == "INSTANCE_COUNT" else max(1, count * value // 100)


def _sizes(member: str, size: Mapping[str, Any], counts: Mapping[str, int], *, least: int, most: int) -> dict[str, int]:
    """Instances of a step by variant; raises ValidationException beyond `least` to `most` percent of the instances."""
    value, in_percent = int(size["Value"]), size["Type"] == "CAPACITY_PERCENT"
    bounds = f"{least}-{most}%" if least else f"at most {most}%"
    if in_percent and not least <= value <= most:
        raise _refusal(f"{member} must be {bounds} of the variant's instances, not {value}%.")
    sizes: dict[str, int] = {}
    for name, count in counts.items():
        instances = sizes[name] = _instances(size, count)
        if instances * 100 > most * count or (not in_percent and instances * 100 < least * count):
            raise _refusal(
                f"{member} must be {bounds} of the variant's instances: {instances} of the {count} of variant {name} "
                f"is {instances * 100 // max(1, count)}%."
            )
    return sizes


def _growing(sizes: Mapping[str, int], counts: Mapping[str, int]) -> list[dict[str, int]]:
    """The active instances after each step of these sizes, until all are."""
    steps: list[dict[str, int]] = []
    while not steps or steps[-1] != counts:
        number = len(steps) + 1
        steps.append({name: min(count, sizes[name] * number) for name, count in counts.items()})
    return steps


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
