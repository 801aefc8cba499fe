"""What `ml status` says about an endpoint: its variants, a rollout under way, its alarms."""

from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.commands.endpoints import find, may_lack_the_team
from ml.commands.output import Format, print_json, table
from ml.environment import Environment, is_denied, open_environment, readable_errors
from ml.errors import ExitCode, NotFoundError
from ml.targets.sagemaker import alarms, endpoints
from ml.targets.sagemaker.alarms import AlarmState
from ml.targets.sagemaker.endpoints import EndpointState
from ml.targets.sagemaker.stages import Stage, stages


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
    rings, unknown = _alarms(environment, state.name)
    if output is Format.JSON:
        shown = {"variants": [one.document() for one in variants], "alarms": [one.document() for one in rings]}
        print_json({**state.document(), **shown})
    else:
        print(f"{state.name} is {state.status}, serving {', '.join(state.jobs) or 'nothing'}.")
        if state.reason:
            print(f"  {state.reason}")
        if variants:
            print(table(("VARIANT", "", "REQUESTS", "MACHINES", "NOW"), [_row(one) for one in variants]))
        if rings:
            print(table(("ALARM", "STATE", "BECAUSE"), [(one.name, one.state, one.reason) for one in rings]))
        if unknown:
            print(f"Its alarms are not known: {unknown}")
    if state.status in endpoints.BUSY:
        return ExitCode.IN_PROGRESS
    return ExitCode.OK if state.status == "InService" else ExitCode.JOB_FAILED


def _row(stage: Stage) -> tuple[str, str, str, str, str]:
    share = "" if stage.share is None else f"{stage.share:g} %"
    machines = f"{stage.count}" if stage.count == stage.wanted else f"{stage.count} of {stage.wanted}"
    return stage.name, stage.kind, share, machines, stage.says


def _alarms(environment: Environment, endpoint: str) -> tuple[list[AlarmState], str]:
    try:
        return alarms.states(environment, endpoint), ""
    except ClientError as error:
        if not is_denied(error):
            raise
        return [], error_details(error).message
