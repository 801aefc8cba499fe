"""The service's rules about rollouts, checked before it is asked, with the arithmetic.

Their sources: sizes and limits of the API (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html,
API_RollingUpdatePolicy.html and API_BlueGreenUpdatePolicy.html there); names of variants, several variants and Inf1
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html); alarms as what baking needs
(https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.durations import written
from ml.spec.rollout import RollbackOn, Rollout, Strategy

LEAST_PERCENT = {Strategy.CANARY: 0.0, Strategy.LINEAR: 10.0, Strategy.ROLLING: 5.0}
MOST_PERCENT = 50.0
LONGEST_S = 28800
"""Most that MaximumExecutionTimeoutInSeconds may be."""
WORDS = {Strategy.CANARY: "canary", Strategy.LINEAR: "linear step", Strategy.ROLLING: "rolling batch"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a rollout is to change.

    counts: machines of each production variant when it begins. types: of all variants. same_names: whether the
    variants' names stay; also for a first deployment. names: before and after, for people.
    """

    counts: Mapping[str, int]
    types: Sequence[str]
    same_names: bool = True
    names: str = ""


def problems(rollout: Rollout, rollback_on: RollbackOn | None, change: Change) -> list[str]:
    """Why SageMaker would refuse the rollout, or not do what is meant by it; empty where it would."""
    name = rollout.strategy.value
    if not rollout.guarded:
        if rollback_on is None:
            return []
        return [
            f"rollback_on: {name} has no time in which an alarm is watched; "
            "set rollout to blue-green, canary, linear or rolling"
        ]
    found: list[str] = []
    if not change.same_names:
        found.append(
            f"rollout {name}: {change.names}; a rollout in steps needs the same variants before and after "
            "(deployment guardrails): --rollout all-at-once"
        )
    if old := sorted({kind for kind in change.types if kind.startswith("ml.inf1.")}):
        found.append(
            f"rollout {name}: {', '.join(old)} takes no deployment guardrails, SageMaker would move all at once"
        )
    if rollout.strategy is Strategy.ROLLING and len(change.counts) > 1:
        found.append(
            f"rollout rolling: the endpoint has {len(change.counts)} variants ({', '.join(sorted(change.counts))}), "
            "and rolling takes one; set rollout to canary or linear"
        )
    for variant, count in change.counts.items():
        found += _size_problems(rollout, count, variant if len(change.counts) > 1 else "")
    return [*found, *_time_problems(rollout, rollback_on, change)]


def _size_problems(rollout: Rollout, count: int, variant: str) -> Iterable[str]:
    if rollout.strategy not in LEAST_PERCENT:
        return
    word, least = WORDS[rollout.strategy], LEAST_PERCENT[rollout.strategy]
    of = f" of variant {variant}" if variant else ""
    has = f"{count} instance{'' if count == 1 else 's'}{of}"
    if count < 2:
        yield (
            f"{has}: the smallest {word} is 1 of {count}, 100 %, and at most {MOST_PERCENT:g} % is allowed; "
            "set instance.count to 2 or more, or rollout to all-at-once or blue-green"
        )
        return
    if rollout.size is None:
        return
    percent = percent_of(rollout.size, count)
    asked = f"a {word} of {rollout.size}"
    if isinstance(rollout.size, int):
        asked += f" is {rollout.size}/{count} = {percent:g} %"
    if percent > MOST_PERCENT:
        yield f"{has}: {asked}, at most {MOST_PERCENT:g} % is allowed: {_instances(MOST_PERCENT, count, most=True)}"
    elif percent < least:
        yield f"{has}: {asked}, at least {least:g} % is needed: {_instances(least, count, most=False)}"


def _instances(percent: float, count: int, *, most: bool) -> str:
    exact = percent * count / 100
    number = max(1, math.floor(exact)) if most else math.ceil(exact)
    return f"size {number}"


def _time_problems(rollout: Rollout, rollback_on: RollbackOn | None, change: Change) -> Iterable[str]:
    name = rollout.strategy.value
    watched, word = (rollout.bake_s, "bake") if rollout.strategy is Strategy.BLUE_GREEN else (rollout.wait_s, "wait")
    if rollback_on is None:
        yield (
            f"rollout {name}: nothing would take the new version back, because rollback_on names no alarm; "
            "add rollback_on (p99_ms, errors_percent or metrics), or set rollout to all-at-once"
        )
    elif watched < rollback_on.seconds:
        yield (
            f"rollout {name}: {word} is {watched} s, and an alarm needs {rollback_on.periods} × {rollback_on.period} s "
            f"= {rollback_on.seconds} s to see anything; set {word} to {written(rollback_on.seconds)} or more"
        )
    limit, what = (rollout.timeout, "timeout") if rollout.timeout else (LONGEST_S, "the longest that SageMaker takes")
    steps = max((step_count(rollout, count) for count in change.counts.values()), default=1)
    total = steps * rollout.wait_s + rollout.bake_s
    if total >= limit:
        yield (
            f"rollout {name}: {steps} steps × {rollout.wait_s} s of wait + {rollout.bake_s} s of bake = {total} s, "
            f"and {what} is {limit} s; wait less, or take larger steps"
        )


def percent_of(size: int | str, count: int) -> float:
    """Percent of `count` machines that a size is."""
    return float(size.removesuffix("%")) if isinstance(size, str) else 100 * size / count


def size_of(rollout: Rollout, count: int) -> dict[str, Any]:
    """The size as a CapacitySize: as written, else the fewest machines that the service takes."""
    if isinstance(rollout.size, str):
        return {"Type": "CAPACITY_PERCENT", "Value": int(rollout.size.removesuffix("%"))}
    least = max(1, math.ceil(LEAST_PERCENT[rollout.strategy] * count / 100))
    return {"Type": "INSTANCE_COUNT", "Value": rollout.size or least}


def step_count(rollout: Rollout, count: int) -> int:
    """How many steps the requests take to the new machines."""
    if rollout.strategy is Strategy.CANARY:
        return 2
    if rollout.strategy not in LEAST_PERCENT or not count:
        return 1
    size = size_of(rollout, count)
    percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / count
    return math.ceil(100 / percent)
