"""Scaling policies of endpoint variants and inference components: what they do while one of their alarms is in ALARM.

Target tracking has two alarms of its own, step scaling those that name it. Names and form of the first are those that
AWS makes (`TargetTracking-endpoint/NAME/variant/NAME-AlarmHigh-ID`, three minutes above the target; `-AlarmLow-ID`,
fifteen below nine tenths of it), as examples and users' outputs show them: the SageMaker tutorial of
github.com/aws-controllers-k8s/community. Cool-downs:
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
"""

import json
import logging
import math
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from local.aws_server.alarms.actions import action
from local.aws_server.alarms.subject import subject_of
from local.aws_server.autoscaling import steps, targets
from local.aws_server.metric_data.store import store_of
from local.aws_server.operations import Call, Server, ServiceError, operation

logger = logging.getLogger(__name__)
INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
COPY_INVOCATIONS = "SageMakerInferenceComponentInvocationsPerCopy"
LOW_SHARE = 0.9
HIGH_PERIODS, LOW_PERIODS = 3, 15
COOLDOWN_S = 300
"""Of both directions, unless the policy says otherwise, for endpoint variants."""
TRACKING = "TargetTrackingScaling"


def wanted_count(current: int, value: float, target: float, low: int, high: int) -> int:
    """Instances with which a metric that halves when instances double meets its target, within the limits."""
    return min(high, max(low, math.ceil(current * value / target - 1e-9)))


@operation("application-autoscaling", "PutScalingPolicy")
def put_scaling_policy(call: Call) -> dict[str, Any]:
    """Makes a policy of target tracking with its alarms, or tells it anew: its ARN stays, its alarms are made again."""
    params = call.params
    if not targets.is_ours(params):
        return call.forward()
    resource = params["ResourceId"]
    if targets.target_of(call.region, resource) is None:
        raise targets.not_found("scalable target registered", params)
    if params.get("PolicyType") == steps.STEPS:
        steps.check(params.get("StepScalingPolicyConfiguration") or {})
        return _keep(call)
    if params.get("PolicyType") != TRACKING:
        raise targets.invalid(f"The local AWS server scales by {TRACKING} and {steps.STEPS}.")
    configuration = params.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = _metric(resource, configuration)
    arn = _keep(call)["PolicyARN"]
    names = [
        _put_alarm(call, resource, arn, metric, float(configuration["TargetValue"]), high) for high in (True, False)
    ]
    with call.server.changing("application-autoscaling"):
        policy = _find(call.region, lambda policy: policy.policy_arn == arn)
        policy.alarms = [cloudwatch_backends[call.account_id][call.region].alarms[name] for name in names]
    alarms = [
        {"AlarmName": name, "AlarmARN": f"arn:aws:cloudwatch:{call.region}:{call.account_id}:alarm:{name}"}
        for name in names
    ]
    return {"PolicyARN": arn, "Alarms": alarms}


def _keep(call: Call) -> dict[str, Any]:
    """Has moto keep a policy; one that was there loses its alarms and keeps its ARN."""
    resource, name = call.params["ResourceId"], call.params["PolicyName"]
    before = _find(call.region, lambda policy: _is(policy, resource, name))
    if before is not None:
        _delete_alarms(call, before)
    call.forward()
    with call.server.changing("application-autoscaling"):
        policy = _find(call.region, lambda policy: _is(policy, resource, name))
        if before is not None:
            policy.policy_arn, policy.creation_time = before.policy_arn, before.creation_time
        return {"PolicyARN": str(policy.policy_arn), "Alarms": []}


@operation("application-autoscaling", "DeleteScalingPolicy")
def delete_scaling_policy(call: Call) -> dict[str, Any]:
    """A policy's alarms go with it."""
    if targets.is_ours(call.params):
        resource, name = call.params["ResourceId"], call.params["PolicyName"]
        policy = _find(call.region, lambda policy: _is(policy, resource, name))
        if policy is None:
            raise targets.not_found("scaling policy found", call.params, "PolicyName")
        _delete_alarms(call, policy)
    return call.forward()


@operation("application-autoscaling", "DeregisterScalableTarget")
def deregister_scalable_target(call: Call) -> dict[str, Any]:
    """A target's policies, alarms and scheduled actions go with it."""
    if targets.is_ours(call.params):
        resource = call.params["ResourceId"]
        target = targets.target_of(call.region, resource)
        if target is None:
            raise targets.not_found("scalable target found", call.params)
        while (policy := _find(call.region, lambda policy: _is(policy, resource, None))) is not None:
            _delete_alarms(call, policy)
            with call.server.changing("application-autoscaling"):
                backend = targets.backend_of(call.region)
                backend.policies = {key: each for key, each in backend.policies.items() if each is not policy}
        with call.server.changing("application-autoscaling"):
            if (backend := targets.backend_of(call.region)) is not None:
                backend.scheduled_actions = [each for each in backend.scheduled_actions if each.resource_id != resource]
        call.server.records.delete(targets.TAGS, target.arn)
    return call.forward()


@action("autoscaling")
def react(server: Server, region: str, arn: str, alarm: dict[str, Any]) -> None:
    """Scales what the policy of an alarm in ALARM is about; it runs at each look at the alarm."""
    policy = _find(region, lambda policy: policy.policy_arn == arn)
    if policy is None or policy.service_namespace != targets.NAMESPACE:
        raise ServiceError("ValidationException", "The local AWS server runs no such action.")
    resource = str(policy.resource_id)
    target = targets.target_of(region, resource)
    if target is None:
        return
    if policy.policy_type == steps.STEPS:
        _react_by_steps(server, region, policy, target, alarm)
        return
    out = "-AlarmHigh-" in alarm["AlarmName"]
    configuration = policy.target_tracking_scaling_policy_configuration
    suspended = (target.suspended_state or {}).get(f"DynamicScaling{'Out' if out else 'In'}Suspended")
    if suspended or (not out and configuration.get("DisableScaleIn")):
        return
    done = targets.activities(server, region, resource)
    status, current = targets.capacity(server, region, resource)
    value = _value(server, region, alarm)
    if status != "InService" or value is None:
        return  # It is asked again at the next look.
    cooling = _cooling(done, out, float(configuration.get(f"Scale{'Out' if out else 'In'}Cooldown", COOLDOWN_S)))
    # What the last scaling out brings is not seen in the metric yet: until it has cooled down it counts as had before.
    base = cooling["before"] if cooling and out else current
    # At zero, a backlog beyond the target brings the first instances of an asynchronous endpoint.
    base = max(base, 1) if out else base
    count = wanted_count(base, value, float(configuration["TargetValue"]), target.min_capacity, target.max_capacity)
    if (out and count > current) or (not out and count < current and not cooling):
        cause = f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy.policy_name}"
        targets.set_capacity(server, region, resource, count, cause)


def _react_by_steps(server: Server, region: str, policy: Any, target: Any, alarm: dict[str, Any]) -> None:
    resource, configuration = str(policy.resource_id), policy.step_scaling_policy_configuration
    done = targets.activities(server, region, resource)
    status, current = targets.capacity(server, region, resource)
    value = _value(server, region, alarm)
    if status != "InService" or value is None:
        return  # It is asked again at the next look.
    breach, cooldown = value - float(alarm["Threshold"]), float(configuration.get("Cooldown", COOLDOWN_S))
    adding = _cooling(done, True, cooldown)
    base = adding["before"] if adding else current
    count = min(target.max_capacity, max(target.min_capacity, steps.wanted(base, breach, configuration)))
    out = count > current
    suspended = (target.suspended_state or {}).get(f"DynamicScaling{'Out' if out else 'In'}Suspended")
    if not suspended and (out or (count < current and not _cooling(done, False, cooldown))):
        cause = f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy.policy_name}"
        targets.set_capacity(server, region, resource, count, cause)


def _cooling(done: list[dict[str, Any]], out: bool, cooldown_s: float) -> dict[str, Any] | None:
    """The last scaling in this direction, while its cool-down lasts."""
    same = [each for each in done if (each.get("after", 0) > each.get("before", 0)) is out and "before" in each]
    same = [each for each in same if each["after"] != each["before"]]
    if not same:
        return None
    ended = same[-1].get("EndTime") or datetime.now(UTC)
    return same[-1] if datetime.now(UTC) < ended + timedelta(seconds=cooldown_s) else None


def _value(server: Server, region: str, alarm: dict[str, Any]) -> float | None:
    """The metric's newest value; without one that of the state's data, which a rehearsal by SetAlarmState gives."""
    subject = subject_of(alarm)
    end = int(time.time() // 60) * 60
    series = subject.data(store_of(server), region, end).get("") or {}
    if series:
        return series[max(series)]
    try:
        return float(json.loads(alarm.get("StateReasonData") or "{}")["recentDatapoints"][-1])
    except (KeyError, IndexError, ValueError):
        return None


def _metric(resource: str, configuration: dict[str, Any]) -> dict[str, Any]:
    """PutMetricAlarm's members for the metric of a policy. Raises ValidationException."""
    predefined = (configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    custom = configuration.get("CustomizedMetricSpecification") or {}
    if not float(configuration.get("TargetValue") or 0) > 0:
        raise targets.invalid("TargetValue must be above 0.")
    copies = targets.dimension_of(resource) == targets.COPIES
    known = COPY_INVOCATIONS if copies else INVOCATIONS
    if predefined == known:
        if copies:
            dimensions = {"InferenceComponentName": targets.component_of(resource)}
        else:
            dimensions = dict(zip(("EndpointName", "VariantName"), targets.names_of(resource), strict=True))
        return {
            "Namespace": "AWS/SageMaker",
            "MetricName": "InvocationsPerCopy" if copies else "InvocationsPerInstance",
            "Statistic": "Sum",
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        }
    if predefined or custom.get("Metrics") or not custom.get("MetricName"):
        raise targets.invalid(f"The local AWS server tracks {known}, or one metric of a CustomizedMetricSpecification.")
    members = ("Namespace", "MetricName", "Statistic", "Unit", "Dimensions")
    return {name: custom[name] for name in members if custom.get(name)}


def _put_alarm(call: Call, resource: str, arn: str, metric: dict[str, Any], target: float, high: bool) -> str:
    name = f"TargetTracking-{resource}-Alarm{'High' if high else 'Low'}-{uuid.uuid4()}"
    params = {
        "AlarmName": name,
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.",
        "AlarmActions": [arn],
        "Period": 60,
        "EvaluationPeriods": HIGH_PERIODS if high else LOW_PERIODS,
        "Threshold": target if high else target * LOW_SHARE,
        "ComparisonOperator": "GreaterThanThreshold" if high else "LessThanThreshold",
        **metric,
    }
    call.server.call("cloudwatch", "PutMetricAlarm", params, region=call.region)
    return name


def _delete_alarms(call: Call, policy: Any) -> None:
    for name in [each.name for each in policy.alarms]:
        try:
            call.server.call("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]}, region=call.region)
        except ServiceError as error:
            logger.warning("alarm %s of policy %s: %s", name, policy.policy_name, error.message)


def _is(policy: Any, resource: str, name: str | None) -> bool:
    return policy.resource_id == resource and name in (None, policy.policy_name)


def _find(region: str, condition: Callable[[Any], bool]) -> Any:
    """moto's policy that fulfils a condition, None without one."""
    backend = targets.backend_of(region)
    return next((policy for policy in backend.policies.values() if condition(policy)), None) if backend else None
