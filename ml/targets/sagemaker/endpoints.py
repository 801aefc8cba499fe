"""A model behind an endpoint: deploying it, looking at it, taking it down."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import recording
from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.errors import MlError, NotFoundError
from ml.ledger import Closing, Ledger
from ml.names import job_of
from ml.progress import say
from ml.spec.scale import Scale
from ml.targets.sagemaker import alarms, autoscaling, components
from ml.targets.sagemaker.capturing import capture_config
from ml.targets.sagemaker.comparison import Desired, Difference, differences
from ml.targets.sagemaker.deployment import Deployment, Target, config_name
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.multi_model import Prefix, has_several, prefix_of
from ml.targets.sagemaker.variants import Running, Standing, is_missing, standing
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
    "list_all",
    "wait",
]

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """An endpoint as SageMaker describes it. models: names of the models that it serves."""

    name: str
    status: str
    reason: str | None
    config: str
    models: tuple[str, ...]
    changed: str

    @property
    def jobs(self) -> tuple[str, ...]:
        """The training jobs that the models are from, by the models' names."""
        return tuple(job_of(model) for model in self.models)

    def document(self) -> dict[str, Any]:
        """The state as `-o json` prints it."""
        return {**asdict(self), "jobs": self.jobs}


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
        existing = _describe(sagemaker, target.endpoint)
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
    described = _describe(sagemaker, desired.endpoint)
    if described is None:
        raise NotFoundError(f"The endpoint {desired.endpoint} is gone: somebody deleted it meanwhile.")
    return differences(sagemaker, desired, described)


def wait(
    sagemaker: Any, name: str, on_status: Callable[[str], None], on_look: Callable[[], None] = lambda: None
) -> EndpointState:
    """Wait until an endpoint is no longer changing, telling each status, and each look at it."""
    pause = Pause()
    seen = ""
    while True:
        state = describe(sagemaker, name)
        on_look()
        if state.status != seen:
            seen = state.status
            on_status(seen)
        if state.status not in BUSY:
            return state
        pause.sleep()


def describe_raw(sagemaker: Any, name: str) -> dict[str, Any]:
    """DescribeEndpoint's answer. Raises NotFoundError with the nearest names."""
    answer = _describe(sagemaker, name)
    if answer is None:
        names = [entry["EndpointName"] for entry in sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        has = f"Near: {', '.join(close)}." if close else f"There is {', '.join(names)}." if names else "There is none."
        raise NotFoundError(f"There is no endpoint {name!r}. {has}")
    return answer


def describe(sagemaker: Any, name: str) -> EndpointState:
    """The state of an endpoint. Raises NotFoundError with the nearest names."""
    answer = describe_raw(sagemaker, name)
    config = answer["EndpointConfigName"]
    return EndpointState(
        name=answer["EndpointName"],
        status=answer["EndpointStatus"],
        reason=answer.get("FailureReason") or None,
        config=config,
        models=_models_of(sagemaker, answer["EndpointName"], config),
        changed=answer["LastModifiedTime"].isoformat(timespec="seconds"),
    )


def list_all(sagemaker: Any, prefix: str = "") -> list[EndpointState]:
    """Every endpoint whose name begins with `prefix`, newest first.

    Of another team's, which the caller may list and not describe, models and configuration are empty.
    """
    pages = sagemaker.get_paginator("list_endpoints").paginate(SortBy="CreationTime", SortOrder="Descending")
    entries = [entry for page in pages for entry in page["Endpoints"] if entry["EndpointName"].startswith(prefix)]
    return [_listed(sagemaker, entry) for entry in entries]


def _listed(sagemaker: Any, entry: dict[str, Any]) -> EndpointState:
    try:
        return describe(sagemaker, entry["EndpointName"])
    except ClientError as error:
        if not is_denied(error):
            raise
    except NotFoundError:  # it went away since the list was made
        pass
    return EndpointState(
        name=entry["EndpointName"],
        status=entry["EndpointStatus"],
        reason=None,
        config="",
        models=(),
        changed=entry["LastModifiedTime"].isoformat(timespec="seconds"),
    )


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
    while wait and _describe(sagemaker, name) is not None:
        pause.sleep()


def _describe(sagemaker: Any, name: str) -> dict[str, Any] | None:
    try:
        return sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def _models_of(sagemaker: Any, endpoint: str, config: str) -> tuple[str, ...]:
    try:
        answer: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if is_missing(error):  # somebody deleted the configuration; the endpoint goes on
            return ()
        raise
    models = tuple(variant.get("ModelName", "") for variant in answer["ProductionVariants"])
    if all(models):
        return models
    component = components.describe(sagemaker, endpoint)
    return (component.model,) if component and component.model else ()
