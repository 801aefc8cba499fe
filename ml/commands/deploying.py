"""What `ml deploy` says about a deployment that it has asked for, and what it ends with."""

from dataclasses import dataclass
from typing import Any, Literal

from ml.audit import append
from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment
from ml.errors import ExitCode
from ml.spec.autoscale import Autoscale
from ml.spec.rollout import MAIN
from ml.targets.sagemaker import autoscaling, components, endpoints
from ml.targets.sagemaker.alarms import AlarmState, Watch
from ml.targets.sagemaker.comparison import Difference
from ml.targets.sagemaker.endpoints import Asked, EndpointState
from ml.targets.sagemaker.multi_model import Hosted, Prefix, prefix_of
from ml.targets.sagemaker.noticing import told
from platform_contract import PlatformContract

_NAMED = 5
"""Models that are named before the rest is only counted."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for, in words. job: what is to serve, as which variant. doing: what is being done to it.

    autoscale: what is to move its machines. models: those of a multi-model endpoint, which are what is to serve then.
    """

    team: str
    endpoint: str
    job: str
    variant: str = MAIN
    doing: str = "Deploying"
    autoscale: Autoscale | Literal[False] | None = None
    models: tuple[Hosted, ...] = ()

    @property
    def what(self) -> str:
        """What is to serve, for people."""
        if not self.models:
            return self.job
        names = ", ".join(one.name for one in self.models[:_NAMED]) + (", …" if len(self.models) > _NAMED else "")
        return f"{len(self.models)} model{'s' if len(self.models) > 1 else ''} ({names})"


def finish(
    environment: Environment,
    contract: PlatformContract,
    wanted: Wanted,
    asked: Asked,
    output: Format,
    *,
    wait: bool,
) -> ExitCode:
    """Wait for the end, if that is wanted, and compare what the endpoint is with what was asked for."""
    sagemaker = environment.clients.client("sagemaker")
    say(
        f"{wanted.doing if asked.changed else 'Serving already:'} {wanted.what} at {wanted.endpoint}"
        f"{' …' if asked.changed else '.'}"
    )
    if asked.dropped:
        say(f"· {' and '.join(asked.dropped)} will answer no longer")
    if not wait:
        state = endpoints.describe(sagemaker, wanted.endpoint)
        _autoscale(environment, contract, wanted, state)
        if output is Format.JSON:
            print_json({**state.document(), "serves": wanted.job in state.jobs})
        else:
            print(f"{state.name} is {state.status}.")
        return ExitCode.OK
    watch = Watch(environment, wanted.endpoint, asked.alarms)
    try:
        state = endpoints.wait(sagemaker, wanted.endpoint, lambda status: say(f"· {status}"), watch.look)
    except KeyboardInterrupt:
        say(f"\nNo longer waiting; the deployment goes on: ml status {wanted.endpoint} --env {environment.name}")
        return ExitCode.INTERRUPTED
    differing = endpoints.compare(sagemaker, asked.desired)
    if asked.component:
        differing += _component(environment, wanted.endpoint, asked.component)
    if wanted.models:
        uri = prefix_of(contract, wanted.team, wanted.endpoint)
        differing += Prefix(environment.clients.client("s3"), uri).differences(wanted.models)
    serves = state.config == asked.desired.config
    rang = [] if serves else list(watch.rang.values())
    code = _code(state, differing, rang)
    if state.status == "InService":
        # A version that was taken back leaves machines that scale as well.
        _autoscale(environment, contract, wanted, state)
    if not serves:
        _tell(environment, contract, wanted, asked, state, rang)
    if output is Format.JSON:
        hosted = {"hosted": {one.name: one.told() for one in wanted.models}} if wanted.models else {}
        print_json(_document(state, serves, differing, rang) | hosted)
    else:
        _print(environment, wanted, state, serves, differing, rang, code, idle=asked.idle)
    return code


def _autoscale(environment: Environment, contract: PlatformContract, wanted: Wanted, state: EndpointState) -> None:
    """Have load and clock move the machines, which takes an endpoint that is in service."""
    scale = wanted.autoscale
    if scale is None:
        return
    if state.status != "InService":
        say(f"· its machines do not scale yet: deploy it once more when {wanted.endpoint} is in service")
        return
    autoscaling.move_machines(environment, contract, wanted.team, wanted.endpoint, wanted.variant, scale)
    if scale:
        say(f"· between {scale.min} and {scale.max} machines")


def _component(environment: Environment, endpoint: str, model: str) -> list[Difference]:
    """Wait for an endpoint's inference component; what of it is other than wanted."""
    found = components.settled(environment.clients.client("sagemaker"), endpoint, lambda status: say(f"· {status}"))
    if found is None:
        return [Difference(what="inference component", wanted=model, actual="none")]
    if found.reason or found.status != "InService":
        said = f"{found.status}: {found.reason}"
        return [Difference(what="inference component", wanted="InService", actual=said)]
    if found.model != model:
        return [Difference(what="inference component: model", wanted=model, actual=found.model)]
    return []


def _code(state: EndpointState, differing: list[Difference], rang: list[AlarmState]) -> ExitCode:
    if rang:
        return ExitCode.ROLLED_BACK
    return ExitCode.OK if state.status == "InService" and not differing else ExitCode.JOB_FAILED


def _document(
    state: EndpointState, serves: bool, differing: list[Difference], rang: list[AlarmState]
) -> dict[str, Any]:
    return {
        **state.document(),
        "serves": serves,
        "rolled_back_by": [one.document() for one in rang],
        "differences": [one.document() for one in differing],
    }


def _print(
    environment: Environment,
    wanted: Wanted,
    state: EndpointState,
    serves: bool,
    differing: list[Difference],
    rang: list[AlarmState],
    code: ExitCode,
    *,
    idle: str,
) -> None:
    if code is ExitCode.OK:
        where = "" if wanted.variant == MAIN else f" as {wanted.variant}"
        print(f"{state.name} is in service with {wanted.what}{where}.")
        if idle:
            print(f"After {idle} it scales in; a call that finds no copy fails and wakes it up, which takes minutes.")
        chosen = f" --model {wanted.models[0].name}" if wanted.models else ""
        print(f"Ask it: ml predict --endpoint {state.name}{chosen} ROWS.csv --env {environment.name}")
        return
    for one in rang:
        print(f"{wanted.what} was taken back by the alarm {one.name}: {one.reason}")
    print(f"{state.name} is {state.status}{'' if serves else ' with what it served before'}: {_jobs(state)}.")
    for line in (state.reason or "").strip().splitlines()[-15:]:
        print(f"  {line}")
    if differing:
        print("It is not as it was to be:")
        print(table(("WHAT", "WANTED", "IS"), [(one.what, one.wanted, one.actual) for one in differing]))
    print(f"Its log: CloudWatch Logs, /aws/sagemaker/Endpoints/{state.name}")


def _jobs(state: EndpointState) -> str:
    return ", ".join(state.jobs) or "nothing that is known"


def _tell(
    environment: Environment,
    contract: PlatformContract,
    wanted: Wanted,
    asked: Asked,
    state: EndpointState,
    rang: list[AlarmState],
) -> None:
    """Write into the audit log that what was deployed does not serve: `ml rollback` leaves it out."""
    details = told(wanted.job, asked.desired.config, state, rang)
    append(environment, contract, wanted.team, "rollback", wanted.endpoint, details)
