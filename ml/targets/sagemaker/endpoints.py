"""A model behind an endpoint: deploying it, and taking it down."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import recording
from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.errors import MlError, NotFoundError
from ml.ledger import Closing, Ledger
from ml.progress import say
from ml.spec.scale import Scale
from ml.targets.sagemaker import alarms, autoscaling, components
from ml.targets.sagemaker.capturing import capture_config
from ml.targets.sagemaker.comparison import Desired, Difference, differences
from ml.targets.sagemaker.deployment import Deployment, Target, config_name
from ml.targets.sagemaker.endpoint_state import (
    BUSY,
    EndpointState,
    describe,
    describe_raw,
    list_all,
    look,
    wait,
)
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.multi_model import Prefix, has_several, prefix_of
from ml.targets.sagemaker.variants import Running, Standing, standing
from platform_contract import PlatformContract

__all__ = [
    "BUSY",
    "Asked",
    "EndpointState",
    "Target",
    "config_name",
    "delete",
    "deploy",
    "describe",
    "describe_raw",
    "list_all",
    "wait",
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a deployment has asked for.

    changed: whether anything had to change. desired: what the endpoint is to be when that is over. alarms: names of
    those that take it back meanwhile. dropped: variants that it ends. component: name of the SageMaker model that its
    inference component is to serve; "" where its machines have a model of their own. idle: when its copies go.
    """

    changed: bool
    desired: Desired
    alarms: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    component: str = ""
    idle: str = ""


def deploy(environment: Environment, contract: PlatformContract, target: Target) -> Asked:
    """Ask for the endpoint to serve the target.

    What is created has its ledger entry first, and the change an intent and an end in the audit log. Raises MlError
    where the endpoint is in the middle of another change, where SageMaker would not do what is meant, or refuses.
    """
    sagemaker = environment.clients.client("sagemaker")
    try:
        existing = look(sagemaker, target.endpoint)
        status = existing["EndpointStatus"] if existing else None
        if status in BUSY:
            raise MlError(f"The endpoint {target.endpoint} is {status}: wait until that is over, then deploy again.")
        serves = existing["EndpointConfigName"] if existing else None
        # One that never came up cannot be updated: it is made anew.
        before = standing(sagemaker, existing) if existing and status != "Failed" else None
        deployment = Deployment(environment, contract, target, before)
        layout = deployment.layout
        desired = Desired.of(target.endpoint, deployment.config, layout, capture_config(contract, target))
        _see_that_kind_stays(target, before)
        if target.scale:
            return _scaled(environment, contract, deployment, target.scale, desired, status)
        if serves == deployment.config and status == "InService":
            asked = Asked(changed=_shift(environment, contract, target, deployment), desired=desired)
            return _exchange(environment, contract, deployment, asked) if target.models else asked
        if found := deployment.problems:
            raise MlError("\n".join(found))
        with recording(
            environment, contract, target.team, "deploy", target.endpoint, deployment.told(replaces=serves)
        ) as act:
            models = Prefix(environment.clients.client("s3"), target.model_data) if target.models else None
            if models:
                models.add(target.models)
            deployment.make_parts(act.intent)
            if status == "Failed":
                sagemaker.delete_endpoint(EndpointName=target.endpoint)
                _see_gone(sagemaker, target.endpoint, wait=True)
                status = None
            autoscaling.let_go(environment, target.endpoint, layout)
            names = deployment.serve(act.intent, status)
            # What is not to be asked any more goes once SageMaker has taken the rest.
            gone = models.keep(target.models) if models else ()
    except ClientError as error:
        if is_denied(error):
            raise
        message = error_details(error).message
        raise MlError(f"SageMaker refused {error.operation_name} for {target.endpoint}: {message}") from error
    return Asked(changed=True, desired=desired, alarms=names, dropped=(*layout.dropped, *gone))


def _see_that_kind_stays(target: Target, before: Standing | None) -> None:
    """An endpoint's machines have models, or components bring them: SageMaker makes neither out of the other."""
    scales = any(not one.model for one in before.configured.values()) if before else bool(target.scale)
    several = has_several(target.endpoint, (one.model for one in before.configured.values())) if before else None
    if several not in (None, bool(target.models)):
        has, wants = ("several models", "is one") if several else ("one model", "are several")
        raise MlError(
            f"The endpoint {target.endpoint} has {has}, and what you deploy {wants}: "
            f"ml stop --endpoint {target.endpoint} first, or deploy to another endpoint."
        )
    if scales != bool(target.scale):
        has, wants = ("scales", "does not") if scales else ("does not scale", "does")
        raise MlError(
            f"The endpoint {target.endpoint} {has} by copies of a model, and what you deploy {wants}: "
            f"ml stop --endpoint {target.endpoint} first, or deploy to another endpoint."
        )


def _scaled(
    environment: Environment,
    contract: PlatformContract,
    deployment: Deployment,
    scale: Scale,
    desired: Desired,
    status: str | None,
) -> Asked:
    """Have an endpoint without a model serve one by its component; waits for the machines, which come first."""
    target, sagemaker = deployment.target, environment.clients.client("sagemaker")
    serves = deployment.before.config if deployment.before else None
    ready = serves == deployment.config and status == "InService"
    component = components.describe(sagemaker, target.endpoint) if ready else None
    asked = Asked(changed=False, desired=desired, component=deployment.model, idle=scale.idle)
    if component and component.status != "Failed" and component.model == deployment.model:
        components.move_by_load(environment, contract, target.team, target.endpoint, scale)
        return asked
    with recording(
        environment, contract, target.team, "deploy", target.endpoint, deployment.told(replaces=serves)
    ) as act:
        deployment.make_parts(act.intent)
        if status == "Failed":
            sagemaker.delete_endpoint(EndpointName=target.endpoint)
            _see_gone(sagemaker, target.endpoint, wait=True)
            status = None
        if not ready:
            deployment.serve(act.intent, status)
            state = wait(sagemaker, target.endpoint, lambda status: say(f"· {status}"))
            if state.status != "InService":
                raise MlError(f"{target.endpoint} is {state.status}: {state.reason or 'SageMaker does not say why'}")
        components.put(environment, contract, target.team, target.endpoint, deployment.model, scale)
        components.move_by_load(environment, contract, target.team, target.endpoint, scale)
    return replace(asked, changed=True)


def _exchange(environment: Environment, contract: PlatformContract, deployment: Deployment, asked: Asked) -> Asked:
    """Add, replace and remove the models of a multi-model endpoint that stays as it is."""
    target = deployment.target
    prefix = Prefix(environment.clients.client("s3"), target.model_data)
    if prefix.holds(target.models):
        return asked
    told = deployment.told(replaces=deployment.config)
    with recording(environment, contract, target.team, "deploy", target.endpoint, told):
        prefix.add(target.models)
        dropped = prefix.keep(target.models)
    return replace(asked, changed=True, dropped=dropped)


def _shift(environment: Environment, contract: PlatformContract, target: Target, deployment: Deployment) -> bool:
    """Bring weights and machines of the configuration that serves to what is wanted; whether they had to move."""
    layout = deployment.layout
    running: Mapping[str, Running] = layout.before.running if layout.before else {}
    moves = [
        {"VariantName": one.name, "DesiredWeight": one.weight, "DesiredInstanceCount": one.count}
        for one in layout.expected
        if one.name in running and (one.count, one.weight) != (running[one.name].count, running[one.name].weight)
    ]
    if not moves:
        return False
    told = {**deployment.told(replaces=deployment.config), "moves": moves}
    with recording(environment, contract, target.team, "deploy", target.endpoint, told):
        environment.clients.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=target.endpoint, DesiredWeightsAndCapacities=moves
        )
    return True


def compare(sagemaker: Any, desired: Desired) -> list[Difference]:
    """What of an endpoint is other than desired. Raises NotFoundError where it is gone."""
    found = look(sagemaker, desired.endpoint)
    if found is None:
        raise NotFoundError(f"The endpoint {desired.endpoint} is gone: somebody deleted it meanwhile.")
    return differences(sagemaker, desired, found)


def delete(environment: Environment, contract: PlatformContract, team: str, name: str, *, wait: bool) -> None:
    """Delete a team's endpoint, with a line in the audit log, and with `wait` see it gone."""
    sagemaker = environment.clients.client("sagemaker")
    with recording(environment, contract, team, "delete", name, {"kind": "endpoint"}) as act:
        components.remove(environment, name)
        autoscaling.forget(environment, name)
        sagemaker.delete_endpoint(EndpointName=name)
    ledger = Ledger(environment, contract, team)
    for entry in ledger.of("endpoint", name):
        ledger.close(entry, Closing.REMOVED, line=act.line.place if act.line else None)
    Prefix(environment.clients.client("s3"), prefix_of(contract, team, name)).clear()
    _see_gone(sagemaker, name, wait=wait)
    alarms.remove_if_allowed(environment, name)


def _see_gone(sagemaker: Any, name: str, *, wait: bool) -> None:
    pause = Pause()
    while wait and look(sagemaker, name) is not None:
        pause.sleep()
