"""What `ml status` says about an endpoint: its variants, a rollout under way, its alarms."""

from typing import Any

from botocore.exceptions import ClientError

from ml.audit import Line
from ml.aws import error_details
from ml.commands.endpoints import find, may_lack_the_team
from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment, is_denied, open_environment, owning_team, readable_errors, team_names
from ml.errors import ExitCode, MlError, NotFoundError
from ml.targets.sagemaker import alarms, components, endpoints
from ml.targets.sagemaker.alarms import AlarmState
from ml.targets.sagemaker.components import ComponentState
from ml.targets.sagemaker.endpoints import EndpointState
from ml.targets.sagemaker.multi_model import has_several, hosted_by, job_behind
from ml.targets.sagemaker.noticing import notice
from ml.targets.sagemaker.stages import Stage, stages
from ml.write_once import Stored


def status(name: str, *, env: str | None, output: Format) -> ExitCode:
    """Show one endpoint."""
    environment = open_environment(env)
    with readable_errors(environment):
        return _print(environment, find(environment.clients.client("sagemaker"), name), output)


def status_if_there(environment: Environment, name: str, output: Format) -> ExitCode | None:
    """Print an endpoint's state; None where there is no endpoint of that name."""
    try:
        return _print(environment, find(environment.clients.client("sagemaker"), name), output)
    except (NotFoundError, ClientError) as error:
        if not may_lack_the_team(error):
            raise
        return None


def _print(environment: Environment, state: EndpointState, output: Format) -> ExitCode:
    described: dict[str, Any] = endpoints.describe_raw(environment.clients.client("sagemaker"), state.name)
    variants = stages(described)
    component = _component(environment, state.name, variants)
    several = has_several(state.name, state.models)
    models = hosted_by(environment.clients, state.models) if several else {}
    rings, unknown = _alarms(environment, state.name)
    line = _taken_back(environment, state)
    if output is Format.JSON:
        shown: dict[str, Any] = {"variants": [one.document() for one in variants]}
        shown |= {"alarms": [one.document() for one in rings]} | ({"copies": component.document()} if component else {})
        hosted = {name: {"job": job_behind(one.key), "target_model": one.key} for name, one in models.items()}
        shown |= {"hosted": hosted} if hosted else {}
        print_json({**state.document(), **shown, "taken_back": line.details if line else None})
    else:
        print(f"{state.name} is {state.status}, serving {', '.join(state.jobs) or 'nothing'}.")
        if state.reason:
            print(f"  {state.reason}")
        if line:
            names = ", ".join(one["name"] for one in line.details["alarms"])
            by = f"the alarm {names}" if names else "SageMaker"
            print(f"{line.details['job']} was taken back by {by} meanwhile: the audit log tells of it now.")
        if variants:
            print(table(("VARIANT", "", "REQUESTS", "MACHINES", "NOW"), [_row(one) for one in variants]))
        if component:
            print(_copies(component))
        if models:
            print(table(("MODEL", "FROM", "SINCE (UTC)"), [_model(name, one) for name, one in sorted(models.items())]))
        if rings:
            print(table(("ALARM", "STATE", "BECAUSE"), [(one.name, one.state, one.reason) for one in rings]))
        if unknown:
            print(f"Its alarms are not known: {unknown}")
    if state.status in endpoints.BUSY:
        return ExitCode.IN_PROGRESS
    return ExitCode.OK if state.status == "InService" else ExitCode.JOB_FAILED


def _component(environment: Environment, name: str, variants: list[Stage]) -> ComponentState | None:
    """The inference component of an endpoint that scales by copies."""
    if not any(one.scales for one in variants):
        return None
    return components.describe(environment.clients.client("sagemaker"), name)


def _model(name: str, stored: Stored) -> tuple[str, str, str]:
    return name, job_behind(stored.key), f"{stored.modified:%Y-%m-%d %H:%M}"


def _copies(component: ComponentState) -> str:
    coming = "" if component.copies == component.wanted else f" of {component.wanted}"
    said = f"Copies of its model: {component.copies}{coming} ({component.status})."
    if component.reason:
        return f"{said} {component.reason}"
    return said if component.wanted else f"{said} The next call fails and wakes it up, which takes minutes."


def _row(stage: Stage) -> tuple[str, str, str, str, str]:
    share = "" if stage.share is None else f"{stage.share:g} %"
    machines = f"{stage.count}" if stage.count == stage.wanted else f"{stage.count} of {stage.wanted}"
    return stage.name, stage.kind, share, machines, stage.says


def _taken_back(environment: Environment, state: EndpointState) -> Line | None:
    """The audit line of a version that was taken back while nobody looked, written now; of a team's endpoint alone, by
    who may read and write its log."""
    if state.status != "InService":
        return None
    try:
        team = owning_team(state.name, team_names(environment))
        if team is None:
            return None
        return notice(environment, environment.for_team(team), team, state)
    except (ClientError, MlError) as error:
        if isinstance(error, ClientError) and not is_denied(error):
            raise
        say(f"Whether a version was taken back meanwhile is not known: {error}")
        return None


def _alarms(environment: Environment, endpoint: str) -> tuple[list[AlarmState], str]:
    try:
        return alarms.states(environment, endpoint), ""
    except ClientError as error:
        if not is_denied(error):
            raise
        return [], error_details(error).message
