"""Step scaling: how far a breach of an alarm's threshold changes the capacity.

https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html and
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from local.aws_server.autoscaling.targets import invalid

STEPS = "StepScaling"
KINDS = ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity")
Step = tuple[float, float, int]
"""Lower and upper bound of a step, in what the metric is beyond the threshold, and its adjustment."""


def check(configuration: Mapping[str, Any]) -> None:
    """Raises ValidationException for a configuration that leaves a breach without an answer, or gives it two."""
    if configuration.get("AdjustmentType") not in KINDS:
        raise invalid(f"AdjustmentType must be one of {', '.join(KINDS)}.")
    steps = _steps(configuration)
    if not steps:
        raise invalid("At least one step adjustment is required.")
    for low, high, _ in steps:
        if low >= high or (math.isinf(low) and math.isinf(high)):
            raise invalid(
                "A step adjustment needs one bound, and a MetricIntervalLowerBound below its MetricIntervalUpperBound."
            )
    if any(one[1] != other[0] for one, other in itertools.pairwise(steps)):
        raise invalid("The ranges of step adjustments cannot overlap or have a gap.")
    if steps[0][0] < 0 and not math.isinf(steps[0][0]):
        raise invalid("With a negative MetricIntervalLowerBound one step adjustment must have none.")
    if steps[-1][1] > 0 and not math.isinf(steps[-1][1]):
        raise invalid("With a positive MetricIntervalUpperBound one step adjustment must have none.")


def wanted(current: int, breach: float, configuration: Mapping[str, Any]) -> int:
    """The capacity that a policy asks for, before the target's limits.

    breach: the metric's value less the alarm's threshold. Where no step holds it, the capacity stays.
    """
    for low, high, adjustment in _steps(configuration):
        # At or above the threshold a step has its lower bound, below the threshold its upper one.
        if low <= breach < high if breach >= 0 else low < breach <= high:
            return max(0, _adjusted(current, adjustment, configuration))
    return current


def _adjusted(current: int, adjustment: int, configuration: Mapping[str, Any]) -> int:
    kind = configuration["AdjustmentType"]
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return current + adjustment
    change = current * adjustment / 100
    # "Values greater than 1 are rounded down ... between 0 and 1 are rounded to 1", and the same below 0.
    whole = math.copysign(max(1, math.floor(abs(change))), change) if change else 0
    least = int(configuration.get("MinAdjustmentMagnitude") or 0)
    return current + int(math.copysign(max(abs(whole), least), adjustment))


def _steps(configuration: Mapping[str, Any]) -> list[Step]:
    """By their lower bounds."""
    return sorted(
        (
            _bound(each.get("MetricIntervalLowerBound"), -math.inf),
            _bound(each.get("MetricIntervalUpperBound"), math.inf),
            int(each["ScalingAdjustment"]),
        )
        for each in configuration.get("StepAdjustments") or ()
    )


def _bound(value: float | None, missing: float) -> float:
    return missing if value is None else float(value)
