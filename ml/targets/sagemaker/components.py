"""The inference component of an endpoint that scales to zero: its copies, what moves them, and what they say.

An endpoint of this kind has machines without a model, and one component of the endpoint's own name that brings it.
Three things move its copies (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html):
target tracking, which can go to zero and not come back from it; a step scaling policy, which can; and its alarm on the
calls that found no copy.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.environment import Environment
from ml.errors import MlError
from ml.identity import resource_tags
from ml.spec.rollout import MAIN
from ml.spec.scale import Scale
from ml.targets.sagemaker import autoscaling
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.variants import is_missing
from platform_contract import PlatformContract

CHANGING = frozenset({"Creating", "Updating", "Deleting"})
NO_CAPACITY = "has no capacity to process this request"
"""Of InvokeEndpoint's message at zero copies."""
NAME_REQUIRED = "Inference Component Name header is required"
COOLDOWN_S = 300
"""As in AWS's example."""


@dataclass(frozen=True, kw_only=True)
class ComponentState:
    """A component as SageMaker describes it. model: name of its SageMaker model. copies, wanted: now and to be."""

    name: str
    status: str
    reason: str
    model: str
    copies: int
    wanted: int

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return asdict(self)


def describe(sagemaker: Any, endpoint: str) -> ComponentState | None:
    """The component of an endpoint; None where there is none."""
    try:
        found: dict[str, Any] = sagemaker.describe_inference_component(InferenceComponentName=endpoint)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    runtime: Mapping[str, Any] = found.get("RuntimeConfig") or {}
    specification: Mapping[str, Any] = found.get("Specification") or {}
    return ComponentState(
        name=endpoint,
        status=found["InferenceComponentStatus"],
        reason=found.get("FailureReason") or "",
        model=str(specification.get("ModelName") or ""),
        copies=int(runtime.get("CurrentCopyCount") or 0),
        wanted=int(runtime.get("DesiredCopyCount") or 0),
    )


def settled(sagemaker: Any, endpoint: str, on_status: Callable[[str], None]) -> ComponentState | None:
    """The component once no change of it is under way, telling each status; None once it is gone."""
    pause, seen = Pause(), ""
    while True:
        state = describe(sagemaker, endpoint)
        if state is None:
            return None
        if state.status != seen:
            seen = state.status
            on_status(f"component {seen}")
        if state.status not in CHANGING:
            return state
        pause.sleep()


def put(
    environment: Environment, contract: PlatformContract, team: str, endpoint: str, model: str, scale: Scale
) -> None:
    """Have an endpoint in service serve a model by its component."""
    sagemaker = environment.clients.client("sagemaker")
    state = settled(sagemaker, endpoint, lambda _: None)
    specification = {
        "ModelName": model,
        "ComputeResourceRequirements": {
            "NumberOfCpuCoresRequired": scale.cpus,
            "MinMemoryRequiredInMb": scale.memory_mb,
        },
    }
    if state is not None and state.status == "Failed":
        _delete(sagemaker, endpoint)
        state = None
    if state is None:
        sagemaker.create_inference_component(
            InferenceComponentName=endpoint,
            EndpointName=endpoint,
            VariantName=MAIN,
            Specification=specification,
            # The first copy shows that the model can be loaded.
            RuntimeConfig={"CopyCount": max(1, scale.min)},
            Tags=resource_tags(contract, team),
        )
    elif state.model != model:
        sagemaker.update_inference_component(
            InferenceComponentName=endpoint,
            Specification=specification,
            RuntimeConfig={"CopyCount": max(1, scale.min, state.wanted)},
        )


def move_by_load(environment: Environment, contract: PlatformContract, team: str, endpoint: str, scale: Scale) -> None:
    """Limits, policies and the alarm that wakes the endpoint; made again they are what they were."""
    scaling = environment.clients.client("application-autoscaling")
    target = _target(endpoint)
    autoscaling.register(environment, contract, team, target, scale.min, scale.max)
    scaling.put_scaling_policy(
        **target,
        PolicyName=f"{endpoint}-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"},
            "TargetValue": scale.requests_per_minute,
            "ScaleInCooldown": COOLDOWN_S,
            "ScaleOutCooldown": COOLDOWN_S,
        },
    )
    autoscaling.wake(
        environment,
        contract,
        team,
        endpoint,
        target,
        ("NoCapacityInvocationFailures", "InferenceComponentName"),
    )


def remove(environment: Environment, endpoint: str) -> None:
    """Take an endpoint's component away, with what moves its copies; nothing where there is none.

    SageMaker deletes no endpoint that has one. Raises MlError where it stays.
    """
    sagemaker = environment.clients.client("sagemaker")
    try:
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if is_missing(error):
            return
        raise
    if not any("ManagedInstanceScaling" in one for one in described.get("ProductionVariants", ())):
        return
    if settled(sagemaker, endpoint, lambda _: None) is None:
        return
    autoscaling.deregister(environment, _target(endpoint))
    _delete(sagemaker, endpoint)


def _delete(sagemaker: Any, endpoint: str) -> None:
    sagemaker.delete_inference_component(InferenceComponentName=endpoint)
    if (state := settled(sagemaker, endpoint, lambda _: None)) is not None:
        raise MlError(f"The inference component {endpoint} stays: it is {state.status}. {state.reason}")


def _target(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{endpoint}",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }
