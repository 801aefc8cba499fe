"""Versions that were taken back while nobody waited for them: noticed by whoever looks next, and told by the audit log.

`ml deploy` that waits writes down itself what became of a version (ml.commands.deploying). With `--no-wait`, or once it
was interrupted, nobody does; yet SageMaker gives the version before back without a word.
"""

from typing import Any

from botocore.exceptions import ClientError

from ml.audit import AuditLog, Line
from ml.audit.serving import taken_back, tells_the_last_change
from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.errors import NotFoundError
from ml.progress import say
from ml.targets.sagemaker import alarms
from ml.targets.sagemaker.alarms import AlarmState
from ml.targets.sagemaker.endpoints import EndpointState, describe
from ml.targets.sagemaker.history import Version, versions
from platform_contract import PlatformContract

_NEWEST = 100
"""Lines of the log that a mere look at an endpoint reads."""


def notice(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    state: EndpointState,
    *,
    lines: list[Line] | None = None,
) -> Line | None:
    """Write into the audit log that an endpoint's last version was taken back, where it was and no line says so.

    lines: of the team's log; its newest where None. Returns the line that was written.
    """
    if state.status != "InService":
        return None
    log = AuditLog(environment, contract, team)
    change = taken_back(log.lines(_NEWEST) if lines is None else lines, state.name, state.config)
    if change is None:
        return None
    rang = [one for one in alarms.states(environment, state.name) if _rang(one, state)]
    job, config = str(change.details.get("job") or ""), str(change.details["config"])
    return log.add("rollback", state.name, told(job, config, state, rang))


def told(job: str, instead_of: str, state: EndpointState, rang: list[AlarmState]) -> dict[str, Any]:
    """What the log says of a version that does not serve.

    job: that was to. instead_of: the configuration that was to. rang: the alarms that took it back.

    Who it was beside an alarm nobody can tell: SageMaker, where the version did not come up, or another program.
    """
    return {
        "job": job,
        "config": state.config,
        "instead_of": instead_of,
        "by": "alarm" if rang else "SageMaker",
        "alarms": [one.document() for one in rang],
        "reason": (state.reason or "")[:500],
    }


def notice_before(environment: Environment, contract: PlatformContract, team: str, endpoint: str) -> None:
    """The same of an endpoint that is about to change, if it is there: afterwards nobody can tell."""
    try:
        state = describe(environment.clients.client("sagemaker"), endpoint)
    except NotFoundError:
        return
    if state.status == "InService":
        log = AuditLog(environment, contract, team)
        lines = log.newest(lambda found: tells_the_last_change(found, endpoint))
        notice(environment, contract, team, state, lines=lines)


def _rang(alarm: AlarmState, state: EndpointState) -> bool:
    """An alarm on machines that are gone may be OK again: then SageMaker's reason still names it."""
    rang = alarm.state == "ALARM" or alarm.name in (state.reason or "")
    return rang and alarms.takes_back(state.name, alarm.name)


def known_versions(
    environment: Environment, contract: PlatformContract, team: str, state: EndpointState
) -> list[Version]:
    """An endpoint's versions, oldest first, as the audit log tells them once what was taken back is in it. Who may not
    write there sees what it tells now."""
    lines = AuditLog(environment, contract, team).lines()
    try:
        line = notice(environment, contract, team, state, lines=lines)
    except ClientError as error:
        if not is_denied(error):
            raise
        say(f"What was taken back meanwhile does not get into the audit log: {error_details(error).message}")
        line = None
    return versions([*lines, line] if line else lines, state.name)
