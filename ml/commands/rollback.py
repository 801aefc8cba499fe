"""`ml rollback`: an earlier version of an endpoint serves again."""

from ml.commands.deploying import Wanted, finish
from ml.commands.endpoints import find
from ml.commands.output import Format, print_json, table
from ml.environment import open_environment, readable_errors, team_of
from ml.errors import ExitCode
from ml.targets.sagemaker.endpoints import EndpointState
from ml.targets.sagemaker.history import Version, serving
from ml.targets.sagemaker.noticing import known_versions
from ml.targets.sagemaker.restoring import bring_back


def rollback(name: str, *, env: str | None, output: Format, to: str | None, show: bool, wait: bool) -> ExitCode:
    """Bring a version back, or with `show` list them."""
    environment = open_environment(env)
    with readable_errors(environment):
        state = find(environment.clients.client("sagemaker"), name)
        team = team_of(environment, state.name, "No log tells of it.")
        contract = environment.for_team(team)
        if show:
            return _show(state, known_versions(environment, contract, team, state), output)
        version, asked = bring_back(environment, contract, team, state, to)
        wanted = Wanted(
            team=team,
            endpoint=state.name,
            job=version.job,
            variant=version.variant,
            doing=f"Bringing back version {version.number},",
        )
        return finish(environment, contract, wanted, asked, output, wait=wait)


def _show(state: EndpointState, known: list[Version], output: Format) -> ExitCode:
    now = serving(known, state.config)
    if output is Format.JSON:
        serves = now.number if now else None
        print_json({"endpoint": state.name, "serves": serves, "versions": [one.document() for one in known]})
        return ExitCode.OK
    header = ("VERSION", "WHEN (UTC)", "WHO", "JOB", "AS", "")
    rows = [(one.number, one.at[:19].replace("T", " "), one.by, one.job, one.variant, _word(one, now)) for one in known]
    print(table(header, rows) if known else f"The audit log knows no deployment of {state.name}.")
    if known and now is None:
        print(f"{state.name} serves {state.config}, which is none of them.")
    return ExitCode.OK


def _word(version: Version, now: Version | None) -> str:
    if version == now:
        return "serves"
    return f"taken back by {version.taken_back}" if version.taken_back else ""
