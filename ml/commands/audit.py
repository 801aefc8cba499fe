"""`ml audit`: the team's log, whether it is whole, and who is behind a model."""

from typing import TYPE_CHECKING

from ml.audit.chain import INTENT, REFUSED, Line
from ml.audit.log import AuditLog
from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment, chosen_team, open_environment, readable_errors
from ml.errors import ExitCode, NotFoundError
from platform_contract import PlatformContract

if TYPE_CHECKING:
    from ml.records import RunRecord


LONG = 200
"""Lines of a log whose reading takes a while."""


def log(
    *, env: str | None, output: Format, team: str | None, limit: int, action: str | None, subject: str | None
) -> ExitCode:
    """The newest lines, oldest of them first."""
    environment = open_environment(env)
    name = chosen_team(environment, team)
    with readable_errors(environment):
        log = AuditLog(environment, environment.for_team(name), name)
        # With a filter, lines are read until enough of them fit: the log is in the order of its keys, newest first.
        lines = log.lines(None if action or subject else limit)
    fitting = [
        line for line in lines if (not action or line.action == action) and (not subject or line.subject == subject)
    ]
    shown = list(reversed(fitting[:limit]))
    if output is Format.JSON:
        print_json([line.document() for line in shown])
    else:
        header = ("LINE", "WHEN (UTC)", "WHO", "WHAT", "ON WHAT", "COMMIT")
        print(table(header, [_row(line) for line in shown]) if shown else f"The audit log of {name} has no such line.")
    return ExitCode.OK


def verify(*, env: str | None, output: Format, team: str | None) -> ExitCode:
    """Whether the log is whole."""
    from ml.audit.witnesses import verify_log

    environment = open_environment(env)
    name = chosen_team(environment, team)
    with readable_errors(environment):
        verdict = verify_log(environment, environment.for_team(name), name, _long)
    if output is Format.JSON:
        print_json(verdict.document())
        return ExitCode.OK if verdict.whole else ExitCode.JOB_FAILED
    for finding in verdict.findings:
        print(f"{finding.what}: {finding.where}: {finding.says}")
    for reason in verdict.unchecked:
        print(f"not looked at: {reason}")
    lines = "1 line" if verdict.lines == 1 else f"{verdict.lines} lines"
    if verdict.whole:
        print(f"The audit log of {name} is whole: {lines}, {verdict.witnesses} notes of it elsewhere that agree.")
        print(f"It ends with line {verdict.end.number}, {verdict.end.digest}.")
    else:
        print(f"The audit log of {name} has been changed ({lines}).")
    if any(not finding.grave for finding in verdict.findings):
        say(f"What is unfinished is settled by: ml gc --team {name} -y --env {environment.name}")
    return ExitCode.OK if verdict.whole else ExitCode.JOB_FAILED


def who(subject: str, *, env: str | None, output: Format, team: str | None) -> ExitCode:
    """Who trained a model version, on which data, and who approved it."""
    from ml.audit.who import provenance

    environment = open_environment(env)
    version = job = None
    if "/" in subject:
        from ml.tracking import model_version

        version = model_version(environment, environment.platform.tracking.uri, subject)
        job, team, subject = version.job, team or version.team, f"{version.name}/{version.version}"
    else:
        job = subject
    name = chosen_team(environment, team)
    contract = environment.for_team(name)
    record = _record(environment, contract, name, job)
    with readable_errors(environment):
        lines = AuditLog(environment, contract, name).lines()
    found = provenance(subject, job, version.data if version else {}, record, lines)
    if found.submitted is None and version is None and record is None:
        raise NotFoundError(f"Neither a run record nor the audit log of {name} knows {subject!r}.")
    if output is Format.JSON:
        print_json(found.document())
        return ExitCode.OK
    print(f"{found.subject} is of job {found.job or 'unknown'}.")
    print(f"  trained by   {_whom(found.submitted)}")
    commit = found.fact("commit")
    if commit:
        print(f"  from commit  {commit}{', with changes that it does not have' if found.fact('dirty') else ''}")
    print(f"  code         {found.fact('code') or 'unknown'}")
    for channel, data in found.data().items():
        version_of = f" version {data['version']}" if data["version"] else ", version unknown"
        print(f"  on data      {channel}: {data['uri']}{version_of}")
    if "/" in found.subject:
        decided = [line for line in found.decided if line.action in ("approve", "reject")]
        print(f"  approved by  {', '.join(_whom(line) for line in decided if line.action == 'approve') or 'nobody'}")
        for line in found.decided:
            if line.action != "approve":
                print(f"  {line.action:<12} {_whom(line)}")
    for line in found.deployed:
        print(f"  {line.action:<12} {line.subject}, by {_whom(line)}")
    for doubt in found.doubts:
        print(f"  but          {doubt}")
    return ExitCode.OK


def _long(lines: int) -> None:
    if lines > LONG:
        say(f"Reading {lines} lines …")


def _record(environment: Environment, contract: PlatformContract, team: str, job: str | None) -> "RunRecord | None":
    from ml.records import read_record

    if job is None:
        return None
    try:
        return read_record(environment, contract, team, job)
    except NotFoundError:
        return None


def _whom(line: Line | None) -> str:
    if line is None:
        return "unknown"
    return f"{line.by.get('owner', '')} ({line.by.get('arn', '')}) at {_time(line)}"


def _time(line: Line) -> str:
    return line.at[:19].replace("T", " ")


def _row(line: Line) -> tuple[str, ...]:
    phase = {INTENT: " (intent)", REFUSED: " (refused)"}.get(line.phase, "")
    commit = str(line.details.get("commit") or "")[:12]
    arn = line.by.get("arn", "").rpartition(":")[2]
    return str(line.number), _time(line), f"{line.by.get('owner', '')} {arn}", line.action + phase, line.subject, commit
